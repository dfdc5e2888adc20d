package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A lookout is a discoverer with scripted looks. The last look is repeated.
type lookout struct {
	*discoverer
	out, err strings.Builder
	looks    []control.Discovered
	count    int // how often it looked
}

func newLookout(within time.Duration, looks ...control.Discovered) *lookout {
	l := &lookout{looks: looks}
	l.discoverer = &discoverer{app: newApp(nil, output.NewStream(context.Background(), &l.out, nil), output.NewStream(context.Background(), &l.err, nil)), within: within, failed: make(map[string]string)}
	return l
}

func (l *lookout) at(context.Context) (control.Discovered, error) {
	now := l.looks[min(l.count, len(l.looks)-1)]
	l.count++
	return now, nil
}

var (
	works = control.Provider{Name: "udp", State: string(peernet.ProviderRunning)}
	fails = control.Provider{Name: "mdns", State: string(peernet.ProviderFailed), Error: "it fails", Advice: "mend it"}
)

// sightings returns one of bob, who is trusted, and one of carol, both heard now.
func sightings() (bob, carol control.Sighting) {
	now := ago(0)
	bob = control.Sighting{PublicKey: bobKey, Label: "bob", Trusted: true, Address: "10.0.0.7:7100", Source: "udp", Interface: "eth0", FirstSeen: now, LastSeen: now}
	carol = control.Sighting{PublicKey: carolKey, Address: "[fe80::1%eth0]:7100", Source: "mdns", FirstSeen: now, LastSeen: now}
	return bob, carol
}

// TestDiscoverTellsWhatIsNew shows carol in every look. Bob comes, is seen by another provider too, goes, and comes again.
func TestDiscoverTellsWhatIsNew(t *testing.T) {
	for _, objects := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			bob, carol := sightings()
			also := bob
			also.Source = "mdns"
			providers := []control.Provider{works, fails}
			l := newLookout(time.Second,
				control.Discovered{Providers: providers, Seen: []control.Sighting{carol}},
				control.Discovered{Providers: providers, Seen: []control.Sighting{carol, bob}},
				control.Discovered{Providers: providers, Seen: []control.Sighting{carol, also, bob}},
				control.Discovered{Providers: providers, Seen: []control.Sighting{carol}},
				control.Discovered{Providers: providers, Seen: []control.Sighting{carol, bob}})
			l.discoverer.out.JSON = objects
			begin := time.Now()
			if err := l.look(t.Context(), l.at); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took != time.Second {
				t.Errorf("looked for %v", took)
			}
			warning := "peernode: mdns does not work: it fails\npeernode: hint: mend it\n"
			said, ok := strings.CutPrefix(l.err.String(), warning)
			if !ok {
				t.Errorf("said %q", l.err.String())
			}
			want := "peernode: found " + carolKey + " at [fe80::1%eth0]:7100, by mdns\n" +
				strings.Repeat("peernode: found bob (pnet1s5s0qzvf…) at 10.0.0.7:7100, by udp on eth0\n", 2)
			got := said
			if objects {
				want, got = "", l.out.String()
				for _, s := range []control.Sighting{carol, bob, also, bob} {
					want += asJSON(t, s) + "\n"
				}
				if said != "" {
					t.Errorf("with --json it said %q", said)
				}
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestDiscoverEndsWithATable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bob, carol := sightings()
		also := bob // at the same address, by another provider
		also.Source, also.FirstSeen, also.LastSeen = "udp", ago(time.Minute), ago(2*time.Second)
		bob.Source, bob.FirstSeen, bob.LastSeen = "mdns", ago(time.Second), ago(10*time.Second)
		self := bob
		self.Self, self.Trusted, self.Label, self.Address = true, false, "", "10.0.0.8:7100"
		l := newLookout(0, control.Discovered{Providers: []control.Provider{works}, Seen: []control.Sighting{carol, self, bob, also}})
		if err := l.look(t.Context(), l.at); err != nil {
			t.Fatal(err)
		}
		want := `NODE                                                             TRUSTED  ADDRESS              BY                         FOR   HEARD
bob (pnet1s5s0qzvf…)                                             yes      10.0.0.7:7100        mdns on eth0, udp on eth0  1m0s  2s ago
pnet1m60dkltm0hqmf56mv8pweep4xulcxs7gtduxwnddl3lpgmug9d8s2sumpy  no       [fe80::1%eth0]:7100  mdns                       0s    0s ago
this node (pnet1s5s0qzvf…)                                       no       10.0.0.8:7100        mdns on eth0               1s    10s ago
`
		if got := l.out.String(); got != want || l.err.String() != "" || l.count != 1 {
			t.Errorf("looked %d times, got:\n%s\nwant:\n%s\nand said %q", l.count, got, want, l.err.String())
		}
	})
}

// asJSON returns v as it is printed with --json.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	line, err := text.JSON(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

// ago returns the time d before now.
func ago(d time.Duration) time.Time { return time.Now().Add(-d) }

// An interrupt is no error: the result is what was seen by then.
func TestDiscoverCanBeInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bob, _ := sightings()
		l := newLookout(time.Hour, control.Discovered{Providers: []control.Provider{works}, Seen: []control.Sighting{bob}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		if err := l.look(ctx, l.at); err != nil || !strings.Contains(l.out.String(), "\nbob (") {
			t.Errorf("%v, %q", err, l.out.String())
		}
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("looked for %v", took)
		}
	})
}

func TestDiscoverFailsWhen(t *testing.T) {
	bob, _ := sightings()
	for _, c := range []struct {
		name string
		now  control.Discovered
		want error
	}{
		{"nothing works", control.Discovered{Providers: []control.Provider{fails}}, errCannotLook},
		{"one works", control.Discovered{Providers: []control.Provider{fails, works}}, nil},
		{"a node was seen", control.Discovered{Providers: []control.Provider{fails}, Seen: []control.Sighting{bob}}, nil},
		{"no provider has begun", control.Discovered{}, nil},
	} {
		l := newLookout(0, c.now)
		if err := l.look(t.Context(), l.at); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	gone := func(context.Context) (control.Discovered, error) { return control.Discovered{}, control.ErrGone }
	if err := newLookout(time.Hour).look(t.Context(), gone); !errors.Is(err, control.ErrGone) {
		t.Errorf("the node has gone: got %v", err)
	}
}

func TestProvidersInStatus(t *testing.T) {
	now := time.Now()
	next := now.Add(4600 * time.Millisecond)
	for _, c := range []struct {
		name   string
		p      control.Provider
		silent string
		want   string
	}{
		{"works", control.Provider{Name: "mdns", State: "running"}, "", "mdns: running"},
		{"tells where", control.Provider{Name: "udp", State: "running", Uses: []string{"eth0", "wlan0"}}, "", "udp: running on eth0, wlan0"},
		{"in silence", control.Provider{Name: "udp", State: "running", Uses: []string{"lo"}}, "announces nothing", "udp: running on lo, announces nothing"},
		{"fails", control.Provider{Name: "mdns", State: "failed", Error: "it fails", Advice: "mend it", Next: next}, "",
			"mdns: failed: it fails (mend it); tried again in 5s"},
		{"is due", control.Provider{Name: "mdns", State: "failed", Error: "it fails", Next: now}, "", "mdns: failed: it fails; tried again in 0s"},
		{"impaired", control.Provider{Name: "udp", State: "impaired", Uses: []string{"eth0"}, Problems: []control.Problem{
			{Interface: "eth0", Doing: "send over IPv4", Error: "operation not permitted", Since: now.Add(-time.Minute)}}}, "",
			"udp: impaired on eth0; cannot send over IPv4 on eth0: operation not permitted, for 1m0s"},
		{"not everywhere", control.Provider{Name: "udp", State: "running", Uses: []string{"eth0"}, Unused: map[string]string{
			"lo": "the loopback", "v1": "down", "v2": "down", "v3": "down", "v4": "down", "v5": "down", "v6": "down"}}, "",
			"udp: running on eth0; not on v1, v2, v3, v4 and 2 more (down), lo (the loopback)"},
		{"heard nothing", control.Provider{Name: "udp", State: "running", Uses: []string{"eth0"}, Silence: now.Add(-2 * time.Minute)}, "",
			"udp: running on eth0; nothing heard for 2m0s"},
		{"failed before", control.Provider{Name: "mdns", State: "running", Error: "it\nfails"}, "", `mdns: running: failed before: "it\nfails"`},
	} {
		if got := provider(c.p, c.silent, now); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestStatusSaysWhyNothingIsAnnounced(t *testing.T) {
	loopback := func(name string) bool { return name == "lo" }
	for _, c := range []struct {
		name   string
		node   control.Node
		uses   []string
		silent bool
	}{
		{"told not to", control.Node{Addresses: []string{"192.0.2.1:7100"}}, nil, true},
		{"on a network", control.Node{Advertise: true, Addresses: []string{"192.0.2.1:7100"}}, []string{"eth0"}, false},
		{"on all addresses", control.Node{Advertise: true, Addresses: []string{"127.0.0.1:7100", "192.0.2.1:7100"}}, nil, false},
		{"with a zone", control.Node{Advertise: true, Addresses: []string{"[fe80::1%eth0]:7100"}}, nil, false},
		{"on loopback", control.Node{Advertise: true, Addresses: []string{"127.0.0.1:7100"}}, []string{"eth0"}, true},
		{"on loopback, both families", control.Node{Advertise: true, Addresses: []string{"127.0.0.1:7100", "[::1]:7100"}}, nil, true},
		{"on loopback, and announced there", control.Node{Advertise: true, Addresses: []string{"127.0.0.1:7100"}}, []string{"lo"}, false},
		{"not known", control.Node{Advertise: true}, nil, false},
	} {
		if got := silence(c.node, control.Provider{Uses: c.uses}, loopback); (got != "") != c.silent {
			t.Errorf("%s: got %q", c.name, got)
		}
	}
}

func TestDefaultProviders(t *testing.T) {
	a := newApp(nil, nil, nil)
	for _, cmd := range []*cobra.Command{runCommand(a), discoverCommand(a)} {
		if got := cmd.Flag("discovery").Value.String(); got != "udp,mdns" {
			t.Errorf("%s: got %q", cmd.Name(), got)
		}
	}
}
