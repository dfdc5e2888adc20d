package node

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// behindOneAddress makes n nodes that trust a hub, behind one address; the hub trusts them.
func (w *world) behindOneAddress(hub *testNode, n int) (list []*testNode) {
	w.Helper()
	ip := netip.MustParseAddr("192.0.2.1")
	nat := w.net.Host(ip)
	for i := range n {
		o := w.nodeAt("behind", nat, netip.AddrPortFrom(ip, uint16(10000+i)))
		o.trusts(hub)
		hub.trusts(o)
		list = append(list, o)
	}
	return list
}

// TestManyPeersBehindOneAddressGetIn: all at once. If a peer has authenticated there before, none is evicted. Otherwise
// each may be evicted about once, until the first has.
func TestManyPeersBehindOneAddressGetIn(t *testing.T) {
	for _, test := range []struct {
		name    string
		n       int
		known   bool
		within  time.Duration
		evicted uint64 // at most
	}{
		{"few", 100, false, time.Second, 100},
		{"the address is known", 600, true, 300 * time.Millisecond, 0},
		{"the hub has just started", 600, false, 2 * time.Second, 700},
		{"many more", 1000, false, 3 * time.Second, 1200},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.n > largestCrowd {
				t.Skip("with the race detector a crowd of that size takes too long")
			}
			inBubble(t, func(t *testing.T, b *bubble) {
				w := b.world(1)
				w.net.SetDelay(20*time.Millisecond, 5*time.Millisecond)
				hub := w.node("hub")
				hub.start()
				list := w.behindOneAddress(hub, test.n)
				list[0].start()
				if test.known {
					list[0].dials(hub)
				}
				for _, o := range list[1:] {
					o.start()
				}
				began := time.Now()
				for _, o := range list {
					o.finds(hub)
				}
				isOut := func(o *testNode) bool { return hub.link(o) == nil }
				for synctest.Wait(); slices.ContainsFunc(list, isOut) && time.Since(began) < time.Minute; synctest.Wait() {
					time.Sleep(10 * time.Millisecond)
				}
				took, evicted := time.Since(began), hub.counters.Results(handshake.Responder)["evicted"]
				t.Logf("%d peers: %v, %d evicted", test.n, took, evicted)
				if took > test.within || evicted > test.evicted {
					t.Errorf("in after %v, want %v; %d were evicted, want at most %d", took, test.within, evicted, test.evicted)
				}
				w.end()
			})
		})
	}
}
