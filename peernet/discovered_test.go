package peernet_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A broken provider cannot work.
type broken struct{ err error }

func (b broken) Name() string { return "broken" }

func (b broken) Run(context.Context, discovery.Self, func(discovery.Sighting)) error { return b.err }

func TestDiscoveredShowsKeysThatAreSeen(t *testing.T) {
	m := manual.New()
	a := startNode(t, peernet.Config{Discovery: []discovery.Provider{m}})
	friend, stranger := peerKey(t), peerKey(t)
	if err := a.Pair(friend, "friend"); err != nil {
		t.Fatal(err)
	}
	one, two := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")
	ctx := patiently(t)
	events := a.Events(ctx)
	m.Found(friend, one)
	m.Found(stranger, two)
	m.Found(friend, two)
	found := map[identity.PublicKey]netip.AddrPort{}
	for e := range events {
		if e, ok := e.(peernet.Found); ok {
			found[e.Peer] = e.Addr
		}
		if e, ok := e.(peernet.Updated); ok && e.Addr == two { // not that what was found already is trusted now
			break
		}
	}
	if found[friend] != one || found[stranger] != two {
		t.Errorf("found %v", found)
	}
	seen := map[identity.PublicKey]int{}
	for _, p := range a.Discovered() {
		seen[p.Peer]++
		if p.Source != "manual" || p.Trusted != (p.Peer == friend) || p.Label != map[bool]string{true: "friend"}[p.Trusted] || p.First.IsZero() {
			t.Errorf("%+v", p)
		}
	}
	if seen[friend] != 2 || seen[stranger] != 1 || len(seen) != 2 {
		t.Errorf("seen %v", seen)
	}
	m.Lost(friend, one)
	if e := await[peernet.Lost](t, events); e.Left != 1 || e.Peer != friend {
		t.Errorf("%+v", e)
	}
}

func TestProvidersShowWhatDoesNotWork(t *testing.T) {
	want := errors.New("no cable")
	a := startNode(t, peernet.Config{Discovery: []discovery.Provider{manual.New(), broken{want}}})
	for deadline := time.Now().Add(patience); ; { // no event tells what a provider does
		list := a.Providers()
		if len(list) == 2 && list[0].State == "running" && list[1].State == "failed" {
			if list[0].Name != "manual" || list[1].Name != "broken" || !errors.Is(list[1].Err, want) || list[1].Next.IsZero() {
				t.Errorf("%+v", list)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", list)
		}
	}
}

// peerKey returns the key of some node.
func peerKey(t *testing.T) identity.PublicKey {
	t.Helper()
	keys, err := identity.GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	return keys.PublicKey()
}

// A curious provider tells what it knows of its node.
type curious chan discovery.Self

func (curious) Name() string { return "curious" }

func (c curious) Run(ctx context.Context, self discovery.Self, _ func(discovery.Sighting)) error {
	c <- self
	<-ctx.Done()
	return nil
}

func TestListenOnlyReachesTheProviders(t *testing.T) {
	for _, listenOnly := range []bool{false, true} {
		told := make(curious, 1)
		n := startNode(t, peernet.Config{Discovery: []discovery.Provider{told}, ListenOnly: listenOnly})
		if self := <-told; self.ListenOnly != listenOnly || self.Key != n.PublicKey() || !slices.Equal(self.Listens(), n.Addrs()) {
			t.Errorf("got %+v, want ListenOnly %v", self, listenOnly)
		}
	}
}

// A hoarse provider runs, and cannot send.
type hoarse struct {
	began chan func([]discovery.Problem)
}

func (h hoarse) Name() string { return "hoarse" }

func (h hoarse) Run(ctx context.Context, self discovery.Self, _ func(discovery.Sighting)) error {
	h.began <- self.Problems
	<-ctx.Done()
	return nil
}

// TestDiscoveryThatCannotSendIsTold by the status, by an event, and by the explanation of a peer that is not found.
func TestDiscoveryThatCannotSendIsTold(t *testing.T) {
	h := hoarse{make(chan func([]discovery.Problem), 1)}
	a := startNode(t, peernet.Config{Discovery: []discovery.Provider{h}})
	far := peerKey(t)
	if err := a.Pair(far, "far"); err != nil {
		t.Fatal(err)
	}
	events, tell := a.Events(patiently(t)), <-h.began
	since := time.Now()
	tell([]discovery.Problem{{Interface: "eth0", Doing: "send over IPv4", Err: errAny, Since: since}})
	e := await[peernet.DiscoveryProblem](t, events)
	if e.Kind() != "discovery" || e.Source != "hoarse" || e.State != peernet.ProviderImpaired || e.Interface != "eth0" ||
		e.Doing != "send over IPv4" || e.Reason != errAny.Error() {
		t.Errorf("%+v", e)
	}
	if p := a.Providers()[0]; p.State != peernet.ProviderImpaired || len(p.Problems) != 1 || !p.Problems[0].Since.Equal(since) {
		t.Errorf("%+v", p)
	}
	why := "hoarse cannot send over IPv4 on eth0: " + errAny.Error()
	if e, err := a.Explain(far); err != nil || !strings.Contains(e.Advice, why) || !strings.Contains(e.Advice, "nobody has said where") {
		t.Errorf("%+v, %v", e, err)
	}
	tell(nil)
	if e := await[peernet.DiscoveryProblem](t, events); e.State != peernet.ProviderRunning || e.Reason != "" {
		t.Errorf("%+v", e)
	}
	if e, err := a.Explain(far); err != nil || strings.Contains(e.Advice, "hoarse") {
		t.Errorf("%+v, %v", e, err)
	}
}
