package peernet_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestExplainSaysWhyAPeerIsNotConnected(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	ctx := patiently(t)
	if _, err := a.Explain(b.PublicKey()); !errors.Is(err, peernet.ErrNotTrusted) {
		t.Errorf("a key that is not trusted: %v", err)
	}
	if _, err := a.Explain(a.PublicKey()); !errors.Is(err, peernet.ErrSelf) {
		t.Errorf("the node itself: %v", err)
	}
	if err := a.Pair(b.PublicKey(), "b"); err != nil {
		t.Fatal(err)
	}
	explain := func() peernet.Explanation {
		t.Helper()
		e, err := a.Explain(b.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if err := a.Connect(ctx, b.PublicKey()); !errors.Is(err, peernet.ErrNoAddress) {
		t.Fatal(err)
	}
	if e := explain(); e.Peer.State != peernet.StateUnknown || !strings.Contains(e.String(), "addr=") {
		t.Errorf("without an address: %v", e)
	}
	if err := a.Connect(ctx, b.PublicKey(), b.Addrs()[0].String()); !errors.Is(err, peernet.ErrRefused) {
		t.Fatal(err)
	}
	if e := explain(); !strings.Contains(e.String(), a.PublicKey().String()) || !strings.Contains(e.String(), "does not trust") {
		t.Errorf("refused: %v", e)
	}
	if err := b.Pair(a.PublicKey(), "a"); err != nil {
		t.Fatal(err)
	}
	connect(t, a, b)
	e := explain()
	if e.Peer.State != peernet.StateConnected || e.Advice != "" || !strings.Contains(e.String(), "now connected to "+b.Addrs()[0].String()) {
		t.Errorf("connected: %v", e)
	}
	events := a.Events(ctx)
	if err := b.Unpair(a.PublicKey()); err != nil {
		t.Fatal(err)
	}
	await[peernet.Disconnected](t, events)
	if r := explain(); !strings.Contains(r.String(), "let the peer trust this node's key") || r.Next.IsZero() {
		t.Errorf("revoked: %v", r)
	}
	if len(e.History) == 0 || e.History[len(e.History)-1].State != peernet.StateConnected || e.History[0].State != peernet.StateUnknown {
		t.Errorf("history: %+v", e.History)
	}
}

// TestExplainSaysWhenThisMachineHasNoNetwork: nothing that the peer could do would help.
func TestExplainSaysWhenThisMachineHasNoNetwork(t *testing.T) {
	lo := discovery.Interface{Index: 1, Name: "lo", Flags: net.FlagUp | net.FlagLoopback, Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}}
	at := netip.MustParsePrefix("192.0.2.1/24")
	for _, c := range []struct {
		name    string
		all     []discovery.Interface
		err     error
		offline bool
	}{
		{"loopback alone", []discovery.Interface{lo}, nil, true},
		{"one that is down", []discovery.Interface{lo, {Index: 2, Name: "eth0", Addrs: []netip.Prefix{at}}}, nil, true},
		{"one without an address", []discovery.Interface{lo, {Index: 2, Name: "eth0", Flags: net.FlagUp}}, nil, true},
		{"one that works", []discovery.Interface{lo, {Index: 2, Name: "eth0", Flags: net.FlagUp, Addrs: []netip.Prefix{at}}}, nil, false},
		{"nobody knows", nil, errAny, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := startNode(t, peernet.Config{Network: peernet.Network{
				Interfaces: func() ([]discovery.Interface, error) { return c.all, c.err },
				Dial:       func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ENETUNREACH },
			}})
			key, ctx := newKey(t), patiently(t)
			if err := n.Pair(key, "far"); err != nil {
				t.Fatal(err)
			}
			advised := func() bool {
				t.Helper()
				e, err := n.Explain(key)
				if err != nil {
					t.Fatal(err)
				}
				return strings.Contains(e.String(), "this machine has no network")
			}
			if got := advised(); got != c.offline {
				t.Errorf("of a peer that was never seen: %v", got)
			}
			if e, err := n.Explain(key); err != nil || !strings.Contains(e.String(), "addr=") {
				t.Errorf("of a peer that may be on this machine: %v, %v", e, err)
			}
			if err := n.Connect(ctx, key, "192.0.2.7:7100"); !errors.Is(err, peernet.ErrUnreachable) {
				t.Fatal(err)
			}
			if got := advised(); got != c.offline {
				t.Errorf("of a peer that is far: %v", got)
			}
		})
	}
	near, key := startNode(t, peernet.Config{Network: peernet.Network{Interfaces: func() ([]discovery.Interface, error) { return []discovery.Interface{lo}, nil }}}), newKey(t)
	if err := near.Pair(key, "near"); err != nil {
		t.Fatal(err)
	}
	_ = near.Connect(patiently(t), key, "127.0.0.1:1") // no node listens there
	if e, err := near.Explain(key); err != nil || strings.Contains(e.String(), "this machine has no network") {
		t.Errorf("of a peer on this machine: %v, %v", e, err)
	}
}

// TestExplainSaysThatAPeerWaitsForItsTurn: 64 others are being dialled (wire.md §7.5).
func TestExplainSaysThatAPeerWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, seen := memnet.New(1).Host(netip.MustParseAddr("192.0.2.1")), manual.New()
		n := startNode(t, peernet.Config{Listen: "192.0.2.1:7100", Discovery: []discovery.Provider{seen},
			Network: peernet.Network{Listen: host.Listen, Dial: host.Dial,
				Interfaces: func() ([]discovery.Interface, error) { return nil, nil }}})
		var last identity.PublicKey
		for range 65 {
			synctest.Wait()
			last = newKey(t)
			seen.Found(last, netip.MustParseAddrPort("192.0.2.2:7100"))
			if err := n.Pair(last, ""); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		e, err := n.Explain(last)
		if err != nil || e.Peer.State != peernet.StateBackingOff || e.Peer.Reason != "waiting to dial: 64 dials are under way" ||
			!strings.Contains(e.String(), "when it is its turn") {
			t.Errorf("%v, %v", e, err)
		}
	})
}
