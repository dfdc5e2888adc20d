package peernet_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

const (
	// soonEnough is how soon nodes must be connected although they are announced at addresses where they are not.
	soonEnough = 5 * time.Second

	// eventually is when they are connected, however many addresses are announced.
	eventually = time.Minute

	// At most this many addresses of a key that are only announced are dialled in that time, and this many at one IP
	// address: docs/wire.md §8.1.
	dialsWithin = 8 + 20
	dialsAtHost = 4
	dialPeriod  = 10 * time.Second

	// forgedGrowth is how much more memory may be reachable under a flood later than at its beginning, in bytes.
	forgedGrowth = 2 << 20
)

// twoFlooded are two nodes by UDP that trust each other.
var twoFlooded = [...]hostedConfig{{Number: 1, Trusts: []int{2}, Way: "udp"}, {Number: 2, Trusts: []int{1}, Way: "udp"}}

// forgeTwo has a host announce both of them.
func forgeTwo(t *testing.T, h *netns.Host, addresses int, ports ...uint16) {
	t.Helper()
	forge(t, h, []identity.PublicKey{publicKey(t, 1), publicKey(t, 2)}, addresses, ports...)
}

// floodFirst has two nodes announced where they are not, before they start and for as long as they run. They must be
// connected within that time.
func floodFirst(t *testing.T, within time.Duration, addresses int, ports ...uint16) {
	hosts, _ := netns.NewLAN(t, 3)
	forgeTwo(t, hosts[2], addresses, ports...)
	a := startHosted(t, hosts[0], twoFlooded[0])
	a.says("found", a.Began)
	b := startHosted(t, hosts[1], twoFlooded[1])
	netns.Within(t, "connected under the flood", meet(t, b.Began, a, b), within)

	undisturbed(t, 2*dialPeriod, a, b)
	hosts[1].Kill()
	again := startHosted(t, hosts[1], twoFlooded[1]) // it listens on another port now
	netns.Within(t, "connected again, after a restart under the flood", meet(t, again.Began, a, again), soonEnough)
	a.hearsForged()
	b.hearsForged()
	for _, n := range []*hosted{a, b, again} {
		n.dialsSparingly()
	}
}

// floodLater has two nodes announced at a hundred places while they are connected.
func floodLater(t *testing.T) {
	hosts, _ := netns.NewLAN(t, 3)
	a, b := startHosted(t, hosts[0], twoFlooded[0]), startHosted(t, hosts[1], twoFlooded[1])
	meet(t, b.Began, a, b)
	forgeTwo(t, hosts[2], 100, portClosed, portDropped, portSilent)
	undisturbed(t, 2*dialPeriod, a, b)
	for _, n := range []*hosted{a, b} {
		n.hearsForged()
		if most := n.mostDials(dialPeriod, isForged); most > 0 {
			t.Errorf("%s has dialled forged addresses %d times while it was connected", n.Name, most)
		}
	}
}

// undisturbed fails the test if two nodes that are connected do not stay so for that long, or need more and more memory.
func undisturbed(t *testing.T, long time.Duration, a, b *hosted) {
	t.Helper()
	from := time.Now()
	for _, n := range []*hosted{a, b} {
		n.says("weight", from) // after the flood has filled what it can
	}
	calm := time.Now()
	before := map[*hosted]int64{a: a.weight(calm), b: b.weight(calm)}
	time.Sleep(time.Until(from.Add(long)))
	for n, other := range map[*hosted]*hosted{a: b, b: a} {
		if broken := n.count("disconnected", other, from); broken > 0 {
			t.Errorf("%s was disconnected %d times", n.Name, broken)
		}
		grown := n.weight(time.Now()) - before[n]
		t.Logf("%s has %.2f MiB reachable, grown by %.2f MiB", n.Name, mib(before[n]), mib(grown))
		if grown > forgedGrowth {
			t.Errorf("%s: the flood has cost %.1f MiB", n.Name, mib(grown))
		}
	}
}

// floodOfOneWhoIsAway has a node dial nothing but what is forged.
func floodOfOneWhoIsAway(t *testing.T, ports ...uint16) {
	hosts, _ := netns.NewLAN(t, 3)
	forgeTwo(t, hosts[2], 100, ports...)
	a := startHosted(t, hosts[0], twoFlooded[0])
	time.Sleep(5 * dialPeriod / 2)
	a.hearsForged()
	a.dialsSparingly()
	if a.mostDials(dialPeriod, isForged) == 0 {
		t.Error("it has not dialled at all")
	}
}

// hearsForged fails the test if the node has not heard where it is not: then nothing was tested.
func (n *hosted) hearsForged() {
	n.t.Helper()
	if !slices.ContainsFunc(n.Lines(n.Began), func(l netns.Line[saying]) bool { return l.Value.Kind != "dial" && isForged(l.Value.Addr) }) {
		n.t.Errorf("%s has heard nothing forged", n.Name)
	}
}

// dialsSparingly checks how often the node has dialled forged addresses. Dials that were heard of too closely are late:
// on a busy machine one is spoken of long after it has begun.
func (n *hosted) dialsSparingly() {
	n.t.Helper()
	most := n.mostDials(dialPeriod-netns.Slack, isForged) // the moments are those at which it was heard to say so
	list := n.Lines(n.Began)
	atHost := 0
	for _, l := range list {
		if l.Value.Kind == "dial" {
			atHost = max(atHost, n.mostDials(dialPeriod-netns.Slack, func(a netip.AddrPort) bool { return isForged(a) && a.Addr() == l.Value.Addr.Addr() }))
		}
	}
	n.t.Logf("%s has dialled forged addresses at most %d times within %v, and one IP address %d times", n.Name, most, dialPeriod, atHost)
	if most > dialsWithin || atHost > dialsAtHost {
		n.t.Errorf("%s: at most %d within %v are allowed, and %d at one IP address", n.Name, dialsWithin, dialPeriod, dialsAtHost)
		for _, l := range list {
			if l.Value.Kind == "dial" {
				n.t.Logf("%v after its start it has dialled %v", l.At.Sub(n.Began).Round(time.Millisecond), l.Value.Addr)
			}
		}
	}
}
