package mdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

var errTest = errors.New("no such luck")

// A rig is a run on a network that the test plays, inside a bubble.
type rig struct {
	t        *testing.T
	provider *Provider
	began    time.Time
	changed  chan struct{}
	cancel   context.CancelFunc
	ended    chan error

	mu         sync.Mutex // guards the rest
	interfaces []discovery.Interface
	listErr    error
	openErr    error
	accesses   []*fakeAccess
	log        []string      // what was done, each with the time since the begin
	said       []string      // what was announced, answered and taken back, the same
	pause      time.Duration // how long it takes to say what is said next
	sightings  []discovery.Sighting
	problems   []discovery.Problem
}

// A fakeAccess notes what is done with it.
type fakeAccess struct {
	*rig
	n      int
	heard  chan heard
	failed chan error
}

func (f *fakeAccess) ask()   { f.note("ask %d", f.n) }
func (f *fakeAccess) close() { f.note("close %d", f.n) }

// say takes a while if a test wants that.
func (f *fakeAccess) say(index int, m *dns.Msg) {
	if !m.Response {
		f.note("look up %s on %d", m.Question[0].Name, index)
		return
	}
	f.mu.Lock()
	pause := f.pause
	f.pause = 0
	f.mu.Unlock()
	time.Sleep(pause)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, fmt.Sprint(time.Since(f.began), " ", index, " ", contents(m)))
}

func (g *rig) note(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := time.Since(g.began).Round(time.Millisecond)
	g.log = append(g.log, fmt.Sprintf(format, args...)+" "+at.String())
}

func (g *rig) open(_ context.Context, _ discovery.Self, using []discovery.Interface, _ bool, _ *lan.Problems) (access, error) {
	g.mu.Lock()
	err := g.openErr
	n := len(g.accesses) + 1
	g.mu.Unlock()
	var names []string
	for _, i := range using {
		names = append(names, i.Name)
	}
	g.note("open %d on %s", n, strings.Join(names, "+"))
	if err != nil {
		return access{}, &NetworkError{"listen", err}
	}
	f := &fakeAccess{rig: g, n: n, heard: make(chan heard), failed: make(chan error, 1)}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.accesses = append(g.accesses, f)
	return access{f.heard, f.failed, f.say, f.ask, f.close}, nil
}

// bubble runs f with a run of period 30 s that has eth0 and eth1. Randomness is 0.
func bubble(t *testing.T, f func(t *testing.T, g *rig), change ...func(*discovery.Self, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &rig{t: t, began: time.Now(), changed: make(chan struct{}, 1), ended: make(chan error, 1),
			interfaces: []discovery.Interface{eth0, eth1}}
		who := discovery.Self{Key: self, Listens: listens(netip.MustParseAddrPort("[::]:7100")), Changed: g.changed, Problems: func(list []discovery.Problem) { g.set(func() { g.problems = list }) }, Interfaces: func() ([]discovery.Interface, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			return g.interfaces, g.listErr
		}}
		for _, c := range change {
			c(&who, g)
		}
		p := New(Options{})
		p.open, p.random = g.open, func() float64 { return 0 }
		g.provider = p
		ctx, cancel := context.WithCancel(t.Context())
		g.cancel = cancel
		finished := make(chan struct{})
		defer func() {
			cancel()
			<-finished
		}()
		go func() {
			defer close(finished)
			g.ended <- p.Run(ctx, who, func(s discovery.Sighting) {
				g.mu.Lock()
				defer g.mu.Unlock()
				g.sightings = append(g.sightings, s)
			})
		}()
		synctest.Wait()
		f(t, g)
	})
}

// silent makes a node announce nothing, so that it need not say goodbye.
func silent(who *discovery.Self, _ *rig) { who.ListenOnly = true }

// set changes what the rig's functions return.
func (g *rig) set(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

// did checks what was done since the last time.
func (g *rig) did(want ...string) {
	g.t.Helper()
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Equal(g.log, want) {
		g.t.Errorf("did  %q\nwant %q", g.log, want)
	}
	g.log = nil
}

func (g *rig) told(want string) {
	g.t.Helper()
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.sightings {
		if g.sightings[i].TTL == periodsUntilLost*DefaultPeriod {
			g.sightings[i].TTL = 30 * time.Second // as describe leaves it out
		}
	}
	if got := describe(g.sightings); got != want {
		g.t.Errorf("told %q\nwant %q", got, want)
	}
	g.sightings = nil
}

// hears makes the run hear a packet.
func (g *rig) hears(on discovery.Interface, m *dns.Msg) {
	g.t.Helper()
	g.latest().heard <- heard{on: on, message: read(g.t, m)}
}

// latest returns the access that is in use.
func (g *rig) latest() *fakeAccess {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.accesses[len(g.accesses)-1]
}

// says lets time pass until so long after the begin, and checks what is said meanwhile, whatever interface is the first.
func (g *rig) says(d time.Duration, want ...string) {
	g.t.Helper()
	g.until(d)
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.Sort(g.said)
	if !slices.Equal(g.said, want) {
		g.t.Errorf("said %q\nwant %q", g.said, want)
	}
	g.said = nil
}

// until lets time pass until so long after the begin, and waits for what happens then.
func (g *rig) until(d time.Duration) {
	time.Sleep(time.Until(g.began.Add(d)))
	synctest.Wait()
}

// ends waits for the end of Run.
func (g *rig) ends(want error) {
	g.t.Helper()
	select {
	case err := <-g.ended:
		if !errors.Is(err, want) || want != nil && !errors.As(err, new(*NetworkError)) {
			g.t.Errorf("ended with %v, want %v", err, want)
		}
	case <-time.After(time.Hour):
		g.t.Error("does not end")
	}
}

func TestARunAsksHearsAndSaysGoodbye(t *testing.T) {
	bubble(t, func(t *testing.T, g *rig) {
		g.did("open 1 on eth0+eth1 0s", "ask 1 0s")
		g.hears(eth0, factOf(1, "10.77.0.1").answer())
		g.told("1@10.77.0.1:7101 eth0")
		g.until(time.Minute)
		g.did("ask 1 18s", "ask 1 40.5s") // 0.6 periods after it was heard, and every 0.75 from then on
		g.cancel()
		g.ends(nil)
		g.did("close 1 1m0.05s")
		if got := time.Since(g.began); got != time.Minute+goodbyeAgain {
			t.Errorf("ended after %v", got)
		}
		g.told("")
	})
}

func TestGoodbyesAreToldInTime(t *testing.T) {
	bubble(t, func(t *testing.T, g *rig) {
		g.hears(eth0, factOf(1, "10.77.0.1").answer())
		g.hears(eth0, factOf(2, "10.77.0.2").answer())
		g.told("1@10.77.0.1:7101 eth0, 2@10.77.0.2:7102 eth0")
		g.hears(eth0, factOf(1).goodbye())
		time.Sleep(10 * time.Millisecond)
		g.hears(eth0, factOf(2).goodbye())
		time.Sleep(goodbyeGrace - 10*time.Millisecond - 1)
		g.told("")
		time.Sleep(time.Nanosecond)
		g.told("1@10.77.0.1:7101 goodbye")
		time.Sleep(endEvery)
		g.told("2@10.77.0.2:7102 goodbye")
	})
}

func TestWhatIsLackingIsAskedForSoon(t *testing.T) {
	bubble(t, func(t *testing.T, g *rig) {
		g.until(10 * time.Second)
		g.did("open 1 on eth0+eth1 0s", "ask 1 0s", "ask 1 1s", "ask 1 3s")
		g.hears(eth0, factOf(1).announcement()) // without an address
		g.hears(eth0, factOf(1).announcement())
		g.until(20 * time.Second)
		g.did("look up "+factOf(1).name+" on 2 10.02s", "look up "+factOf(1).name+" on 3 10.02s") // it was not heard again: nothing makes one ask again
		g.hears(eth0, factOf(2).announcement())
		g.hears(eth0, factOf(2, "10.77.0.2").answer()) // somebody else asks
		g.hears(eth0, factOf(1, "10.77.0.1").answer())
		g.until(25 * time.Second)
		g.did()
	})
}

func TestGoodbyesInOurNameAreContradicted(t *testing.T) {
	bubble(t, func(t *testing.T, g *rig) {
		g.until(time.Minute)
		g.set(func() { g.said = nil })
		g.hears(eth0, factOf(1000).goodbye())
		g.says(time.Minute, "1m0s 2 PTR SRV TXT A AAAA")
		g.until(2 * time.Minute)
		g.hears(eth1, response(address(factOf(1000).host, "10.78.0.99", 0)))
		g.says(2*time.Minute, "2m0s 3 PTR SRV TXT A AAAA")
		g.hears(eth0, factOf(1).goodbye())
		g.hears(eth0, response(address(factOf(1).host, "10.77.0.99", 0)))
		g.hears(eth0, factOf(1000, "10.77.0.99").answer())
		g.says(3 * time.Minute)
	})
}

func TestANodeOfOneAddressIsAtHomeWhereThatIs(t *testing.T) {
	listens := func(addr string) func(*discovery.Self, *rig) {
		return func(s *discovery.Self, _ *rig) {
			s.Listens = listens(netip.AddrPortFrom(netip.MustParseAddr(addr), 7100))
		}
	}
	bubble(t, func(t *testing.T, g *rig) {
		g.did("open 1 on eth1 0s", "ask 1 0s")
		g.set(func() { g.interfaces = []discovery.Interface{eth0} }) // it only listens from now on
		g.until(2*time.Second + goodbyeAgain)
		g.did("ask 1 1s", "open 2 on eth0 2s", "close 1 2.05s", "ask 2 2.05s")
	}, listens("10.78.0.99"))
	bubble(t, func(_ *testing.T, g *rig) { g.did("open 1 on eth0+eth1 0s", "ask 1 0s") }, listens("127.0.0.1"))
	bubble(t, func(_ *testing.T, g *rig) { g.did("open 1 on eth0+eth1 0s", "ask 1 0s") }, listens("10.78.0.99"),
		func(s *discovery.Self, _ *rig) { s.ListenOnly = true })
}

func TestInterfacesThatChangeAreOpenedAnew(t *testing.T) {
	bubble(t, func(t *testing.T, g *rig) {
		g.hears(eth1, factOf(1, "10.78.0.1").answer())
		g.hears(eth0, factOf(2, "10.77.0.2").answer())
		g.told("1@10.78.0.1:7101 eth1, 2@10.77.0.2:7102 eth0")
		g.until(11 * time.Second)
		g.did("open 1 on eth0+eth1 0s", "ask 1 0s")
		g.set(func() { g.interfaces = []discovery.Interface{eth0} })
		g.until(12 * time.Second)
		g.did("open 2 on eth0 12s", "close 1 12s", "ask 2 12s") // the old one takes back before the new one asks
		g.told("1@10.78.0.1:7101 withdrawn")
		g.set(func() { g.interfaces = nil })
		g.until(14 * time.Second)
		g.did("close 2 14s")
		g.told("2@10.77.0.2:7102 withdrawn")
		g.until(20 * time.Second)
		g.did()
		g.set(func() { g.interfaces = []discovery.Interface{eth0, eth1} })
		g.until(22 * time.Second)
		g.did("open 3 on eth0+eth1 22s", "ask 3 22s")
		g.cancel()
		g.ends(nil)
		g.did("close 3 22s")
	}, silent)
}

func TestNewsOfAChangeIsFollowed(t *testing.T) {
	bubble(t, func(t *testing.T, g *rig) {
		g.did("open 1 on eth0+eth1 0s", "ask 1 0s")
		g.set(func() { g.interfaces = []discovery.Interface{eth0} })
		g.until(500 * time.Millisecond)
		g.changed <- struct{}{}
		g.did("open 2 on eth0 500ms", "close 1 500ms", "ask 2 500ms")
		g.until(4 * time.Second)
		g.did("ask 2 1.5s", "ask 2 3.5s")
		g.changed <- struct{}{} // of the same change, perhaps
		g.did("ask 2 4s")
		g.until(7 * time.Second)
		g.did("ask 2 5s", "ask 2 7s")
		g.changed <- struct{}{} // the machine was asleep
		g.did("open 3 on eth0 7s", "close 2 7s", "ask 3 7s")
		g.until(8 * time.Second)
		g.did("ask 3 8s")
		g.set(func() { g.interfaces = nil })
		g.changed <- struct{}{}
		g.did("close 3 8s")
		g.changed <- struct{}{}
		g.did()
	}, silent)
}

func TestAnUnusableNetworkEndsTheRunAtOnceOrAfterSomePatience(t *testing.T) {
	for _, c := range []struct {
		name   string
		broken func(*rig)
		want   error
	}{
		{"no interface", func(g *rig) { g.interfaces = nil }, ErrNoInterface},
		{"none can be opened", func(g *rig) { g.openErr, g.interfaces = errTest, []discovery.Interface{eth0} }, errTest},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, g *rig) {
				g.ends(c.want)
				if d := time.Since(g.began); d != 0 {
					t.Errorf("ended after %v", d)
				}
			}, func(_ *discovery.Self, g *rig) { c.broken(g) })
			bubble(t, func(t *testing.T, g *rig) {
				g.until(time.Minute)
				g.set(func() { c.broken(g) })
				g.ends(c.want)
				if d := time.Since(g.began); d != time.Minute+2*time.Second+patience && d != time.Minute+patience {
					t.Errorf("ended after %v", d)
				}
			})
		})
	}
	t.Run("the interfaces are not told", func(t *testing.T) {
		bubble(t, func(t *testing.T, g *rig) { g.ends(errTest) }, func(_ *discovery.Self, g *rig) { g.listErr = errTest })
		bubble(t, func(t *testing.T, g *rig) {
			g.set(func() { g.listErr = errTest })
			g.until(time.Hour)
			g.set(func() { g.log = nil })
			g.hears(eth0, factOf(1, "10.77.0.1").answer()) // those in use go on
			g.told("1@10.77.0.1:7101 eth0")
			g.cancel()
			g.ends(nil)
		})
	})
}

func TestAnAccessThatFailsIsOpenedAnewOnce(t *testing.T) {
	bubble(t, func(t *testing.T, g *rig) {
		g.until(patience)
		g.set(func() { g.log = nil })
		g.accesses[0].failed <- &NetworkError{"listen", errTest}
		g.did("open 2 on eth0+eth1 10s", "close 1 10s", "ask 2 10s")
		g.set(func() { g.log, g.interfaces = nil, []discovery.Interface{eth0} })
		g.until(patience + time.Second)
		g.accesses[1].failed <- &NetworkError{"listen", errTest} // that is why
		g.did("ask 2 11s", "open 3 on eth0 11s", "close 2 11s", "ask 3 11s")
		g.until(2*patience + time.Second - 1)
		g.accesses[2].failed <- &NetworkError{"listen", errTest}
		g.ends(errTest)
	}, silent)
	bubble(t, func(t *testing.T, g *rig) { // while the network goes
		g.until(patience)
		g.set(func() { g.log, g.openErr = nil, errTest })
		g.accesses[0].failed <- &NetworkError{"listen", errTest}
		g.did("open 2 on eth0+eth1 10s", "close 1 10s")
		g.set(func() {
			if len(g.problems) != 1 || g.problems[0].String() != "cannot use the network: "+errTest.Error() {
				t.Errorf("problems %v", g.problems)
			}
			g.openErr = nil
		})
		g.until(patience + lookEvery)
		g.did("open 2 on eth0+eth1 12s", "ask 2 12s")
		g.set(func() {
			if len(g.problems) != 0 {
				t.Errorf("problems %v", g.problems)
			}
		})
	}, silent)
}

func TestOptionsHaveDefaults(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: DefaultPeriod, time.Millisecond: time.Second, -1: time.Second, time.Hour: time.Hour} {
		if got := New(Options{Period: given}).options.Period; got != want {
			t.Errorf("%v: %v, want %v", given, got, want)
		}
	}
	if got := New(Options{}).Name(); got != "mdns" {
		t.Errorf("name %q", got)
	}
	var _ discovery.Provider = New(Options{})
}

// TestANetworkInMemoryIsRefused keeps a node that was given a network by a test from using the machine's.
func TestANetworkInMemoryIsRefused(t *testing.T) {
	var opened []string
	err := New(Options{}).Run(t.Context(), discovery.Self{Key: self, Listens: listens(netip.MustParseAddrPort("[::]:7100")),
		Interfaces: func() ([]discovery.Interface, error) { return []discovery.Interface{eth0}, nil },
		ListenPacket: func(_ context.Context, network, address string) (net.PacketConn, error) {
			opened = append(opened, network+" "+address)
			return fakeConn{}, nil
		}}, nil)
	if !errors.Is(err, ErrNetwork) {
		t.Errorf("ended with %v", err)
	}
	if want := []string{"udp4 224.0.0.251:5353", "udp6 [ff02::fb]:5353"}; !slices.Equal(opened, want) {
		t.Errorf("opened %q, want %q", opened, want)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	said := make(map[string]error)
	for _, err := range []error{ErrNoInterface, ErrNetwork, lan.ErrInUse, net.ErrClosed} {
		e := &NetworkError{"do", fmt.Errorf("because: %w", err)}
		if !errors.Is(e, err) || !strings.Contains(e.Error(), e.Hint()) {
			t.Errorf("%v", e)
		}
		if other := said[e.Hint()]; other != nil {
			t.Errorf("%v and %v have the same hint", err, other)
		}
		said[e.Hint()] = err
	}
}
