package mdns

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// openOn opens the network of node n on a host, and returns what its run is given.
func openOn(t *testing.T, h *netns.Host, n int, listenOnly bool) (opened access, self discovery.Self) {
	t.Helper()
	h.Do(func() {
		all, err := netns.Interfaces()
		if err != nil {
			t.Error(err)
			return
		}
		self = discovery.Self{Key: key(n), ListenOnly: listenOnly, Listens: listens(netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(7100+n))),
			ListenPacket: new(net.ListenConfig).ListenPacket, Interfaces: func() ([]discovery.Interface, error) { return all, nil }}
		if opened, err = New(Options{}).openNetwork(t.Context(), self, usable(all, lan.Selection{All: true}), !listenOnly, new(lan.Problems)); err != nil {
			t.Error(err)
		}
	})
	if !opened.isOpen() {
		t.FailNow()
	}
	return opened, self
}

// TestGoodbyeIsTheLastWord of a node of which somebody always wants to know something, over IPv4, where what is heard has
// the order in which it was said.
func TestGoodbyeIsTheLastWord(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		bridge := netns.NewBridge(t)
		var hosts []*netns.Host
		for i := 1; i <= 2; i++ {
			h := netns.NewHost(t)
			h.Attach(bridge, "eth0", netns.Prefixes(i)[0])
			hosts = append(hosts, h)
		}
		ears, _ := openOn(t, hosts[1], 2, true)
		defer ears.close()
		says, self := openOn(t, hosts[0], 1, false)
		p := New(Options{})
		says.ask = func() {} // the library would ask outside of the host
		p.open = func(context.Context, discovery.Self, []discovery.Interface, bool, *lan.Problems) (access, error) {
			return says, nil
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx, self, func(discovery.Sighting) {}) }()
		defer newForger(t, hosts[1]).repeat([][]byte{pack(t, ask(q{nameOf(key(1)), dns.TypeANY})), pack(t, response(fact{name: nameOf(key(1))}.ptr()))})()

		hear := func() message {
			for timeout := time.After(netns.Forever); ; {
				select {
				case h := <-ears.heard:
					return h.message
				case <-timeout:
					t.Fatal("nothing is heard")
				}
			}
		}
		for m := hear(); m.services[nameOf(key(1))] == nil; m = hear() {
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		newForger(t, hosts[0]).say(factOf(3).announcement()) // after all that node 1 has said
		gone := bye{nameOf(key(1)), hostOf(key(1)) + "." + domain, 7101}
		goodbyes := 0
		for m := hear(); m.services[nameOf(key(3))] == nil; m = hear() {
			switch {
			case slices.Contains(m.byes, gone):
				goodbyes++
			case goodbyes > 0 && m.services[nameOf(key(1))] != nil:
				t.Error("node 1 is heard after its goodbye")
			}
		}
		if goodbyes != 2 {
			t.Errorf("%d goodbyes, want 2", goodbyes)
		}
	})
}
