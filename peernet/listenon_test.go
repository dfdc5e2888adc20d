package peernet_test

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// listenAddrs returns the addresses of the node's listeners.
func listenAddrs(n *peernet.Node) (list []string) {
	for _, l := range n.Listeners() {
		list = append(list, l.Addr().String())
	}
	return list
}

// TestListenersComeAndGo: peers connect at each, and stay connected when it is taken away.
func TestListenersComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		a, b, c := net.Node("alice"), net.Node("bob"), net.Node("carol")
		net.Trust(a, b, c)
		events := a.Events(t.Context())
		l, err := a.ListenOn(t.Context(), ":7200")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := listenAddrs(a.Node), []string{a.Addr().String(), "[::]:7200"}; !slices.Equal(got, want) || l.Asked() != ":7200" {
			t.Errorf("listens on %q, want %q; asked %s", got, want, l.Asked())
		}
		at := netip.AddrPortFrom(a.Addr().Addr(), 7200)
		if got := a.Addrs(); got[0] != a.Addr() || !slices.Contains(got, at) {
			t.Errorf("can be dialled at %v", got)
		}
		if e := await[peernet.ListenerAdded](t, events); e.Addr != l.Addr() {
			t.Errorf("%+v", e)
		}
		if err := b.Connect(t.Context(), a.PublicKey(), at.String()); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if e := await[peernet.ListenerRemoved](t, events); e.Addr != l.Addr() {
			t.Errorf("%+v", e)
		}
		if err := c.Connect(t.Context(), a.PublicKey(), at.String()); !errors.Is(err, peernet.ErrUnreachable) {
			t.Errorf("connect where nobody listens any more: %v", err)
		}
		time.Sleep(time.Hour)
		if info, _ := b.Peer(a.PublicKey()); info.State != peernet.StateConnected || info.Addr != at {
			t.Errorf("the peer of the listener that is gone: %+v", info)
		}
		again, err := a.ListenOn(t.Context(), at.String())
		if err != nil {
			t.Fatal("the address is not free:", err)
		}
		if err := l.Close(); !errors.Is(err, peernet.ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
		if got := listenAddrs(a.Node); len(got) != 2 {
			t.Errorf("the second Close of one has closed the other: %q", got)
		}
		for _, l := range []*peernet.Listener{a.Listeners()[0], again} {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
		if got := a.Addrs(); len(got) != 0 {
			t.Errorf("listens nowhere, and can be dialled at %v", got)
		}
		if err := a.Connect(t.Context(), c.PublicKey(), c.Addr().String()); err != nil {
			t.Errorf("a node that listens nowhere dials: %v", err)
		}
	})
}

func TestAListenerThatCannotBeHadChangesNothing(t *testing.T) {
	n := startNode(t, peernet.Config{})
	before := listenAddrs(n)
	for _, c := range []struct {
		addr string
		is   error
		says string
	}{
		{before[0], syscall.EADDRINUSE, "this node listens on " + before[0] + " already"},
		{"192.0.2.1:0", syscall.EADDRNOTAVAIL, ""},
		{"127.0.0.1", nil, "missing port"},
		{"127.0.0.1:70000", nil, "invalid port"},
	} {
		_, err := n.ListenOn(t.Context(), c.addr)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.addr, err)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := n.ListenOn(t.Context(), taken.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "another program") {
		t.Errorf("the address of another program: %v", err)
	}
	if got := listenAddrs(n); !slices.Equal(got, before) {
		t.Errorf("listens on %q, want %q", got, before)
	}
}

func TestListenOnInBothFamiliesAtAnyPort(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	pair(t, a, b)
	for _, at := range []string{"[::1]:0", "127.0.0.1:0"} {
		l, err := a.ListenOn(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if l.Addr().Port() == 0 || !slices.Contains(a.Addrs(), l.Addr()) {
			t.Errorf("%s is %v, and the node can be dialled at %v", at, l.Addr(), a.Addrs())
		}
		if err := b.ConnectOnce(t.Context(), a.PublicKey(), l.Addr().String()); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		again, err := a.ListenOn(t.Context(), l.Addr().String())
		if err != nil {
			t.Errorf("the address is not free at once: %v", err)
			continue
		}
		again.Close()
	}
}

func TestListenOnNeedsANodeThatRuns(t *testing.T) {
	n, err := peernet.New(peernet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.ListenOn(t.Context(), "127.0.0.1:0"); !errors.Is(err, peernet.ErrNotStarted) {
		t.Errorf("before the start: %v", err)
	}
	if got := n.Listeners(); len(got) != 0 {
		t.Errorf("before the start: %v", got)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	l, err := n.ListenOn(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); !errors.Is(err, peernet.ErrClosed) {
		t.Errorf("close after the end: %v", err)
	}
	if _, err := n.ListenOn(t.Context(), "127.0.0.1:0"); !errors.Is(err, peernet.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	again, err := net.Listen("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("Shutdown has not closed the listener: %v", err)
	}
	again.Close()
}

// TestListenersRaceShutdown: whichever wins, no socket is left, which the network in memory checks.
func TestListenersRaceShutdown(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			n := peertest.NewNetwork(t).Node("alice")
			var join sync.WaitGroup
			for i := range 8 {
				join.Go(func() {
					l, err := n.ListenOn(t.Context(), ":0")
					if err == nil && i%2 == 0 {
						err = l.Close()
					}
					if err != nil && !errors.Is(err, peernet.ErrClosed) {
						t.Error(err)
					}
				})
			}
			join.Go(n.Stop)
			join.Wait()
		})
	}
}

// TestPeersFindTheListenersThatThereAre: announces follow ListenOn and Close at once.
func TestPeersFindTheListenersThatThereAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.NewNetwork(t)
		looks := peertest.Configure(func(c *peernet.Config) { c.Discovery = []discovery.Provider{udp.New(udp.Options{})} })
		a, b := network.Node("alice", looks), network.Node("bob", looks)
		network.Trust(a, b)
		seen := func(want ...uint16) {
			t.Helper()
			time.Sleep(time.Second)
			var ports []uint16
			for _, d := range b.Discovered() {
				if d.Peer == a.PublicKey() && d.Source == "udp" {
					ports = append(ports, d.Addr.Port())
				}
			}
			if !slices.Equal(ports, want) {
				t.Errorf("seen at the ports %v, want %v", ports, want)
			}
		}
		first := a.Addr().Port()
		seen(first)
		l, err := a.ListenOn(t.Context(), ":7200")
		if err != nil {
			t.Fatal(err)
		}
		seen(first) // the first one is announced
		if err := a.Listeners()[0].Close(); err != nil {
			t.Fatal(err)
		}
		seen(first, 7200) // the other one has not expired
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
