package mdns

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/netns"
)

// openOn opens the network of node n on a host.
func openOn(t *testing.T, h *netns.Host, n int, listenOnly bool) (l *network) {
	t.Helper()
	h.Do(func() {
		all, err := systemInterfaces()
		if err != nil {
			t.Error(err)
			return
		}
		opened, err := New(Options{}).openNetwork(t.Context(), discovery.Self{Key: key(n), Port: uint16(7100 + n), ListenOnly: listenOnly,
			Addr: netip.IPv4Unspecified(), ListenPacket: new(net.ListenConfig).ListenPacket}, usable(all, nil))
		if err != nil {
			t.Error(err)
			return
		}
		l = opened.(*network)
	})
	if l == nil {
		t.FailNow()
	}
	return l
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
		ears := openOn(t, hosts[1], 2, true)
		defer ears.close(nil)
		says := openOn(t, hosts[0], 1, false)
		defer newForger(t, hosts[1]).repeat([][]byte{pack(t, ask(q{nameOf(key(1)), dns.TypeANY})), pack(t, response(fact{name: nameOf(key(1))}.ptr()))})()

		hear := func() message {
			for timeout := time.After(forever); ; {
				select {
				case h := <-ears.heard:
					return h.message
				case h := <-says.heard: // as its run does
					says.contradict(h)
				case <-timeout:
					t.Fatal("nothing is heard")
				}
			}
		}
		for m := hear(); !m.serves(nameOf(key(1))); m = hear() {
		}
		says.close(nil)
		newForger(t, hosts[0]).say(factOf(3).announcement()) // after all that node 1 has said
		gone := bye{nameOf(key(1)), hostOf(key(1)) + "." + domain, 7101}
		goodbyes := 0
		for m := hear(); !m.serves(nameOf(key(3))); m = hear() {
			switch {
			case slices.Contains(m.byes, gone):
				goodbyes++
			case goodbyes > 0 && m.serves(nameOf(key(1))):
				t.Error("node 1 is heard after its goodbye")
			}
		}
		if goodbyes != 2 {
			t.Errorf("%d goodbyes, want 2", goodbyes)
		}
	})
}
