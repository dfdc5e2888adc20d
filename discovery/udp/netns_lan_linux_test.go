package udp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// TestNodesOnALAN has nodes on hosts of their own, each in a process, with the sockets of the system.
func TestNodesOnALAN(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		t.Run("ThreeFindEachOther", func(t *testing.T) { // alone, as its time is what counts
			nodes := allFindAll(t, 3, time.Second)
			nodes[0].ends()
		})
		for name, f := range map[string]func(*testing.T){
			"TwentyFindEachOther":          func(t *testing.T) { allFindAll(t, 20, 2*time.Second) },
			"WhoFallsSilentIsLost":         silence,
			"AnotherAddressIsFollowed":     anotherAddress,
			"OfTwoLinksOneIsCut":           twoLinks,
			"AnInterfaceThatIsNotThereYet": lateInterface,
			"ALinkWithoutIPv4":             withoutIPv4,
			"WhoOnlyListensIsNotSeen":      listenOnly,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t)
			})
		}
	})
}

// allFindAll starts n nodes at once, and waits until each has found each other one.
func allFindAll(t *testing.T, n int, bound time.Duration) (nodes []*machine) {
	t.Helper()
	hosts, _ := netns.NewLAN(t, n)
	for i, h := range hosts {
		nodes = append(nodes, startOn(t, h, i+1))
	}
	last := nodes[n-1].Began
	var all time.Duration
	for _, m := range nodes {
		found := make(map[string]bool)
		l := m.Until(fmt.Sprintf("sees the others of %d", n), time.Time{}, func(l line) bool {
			if l.Key != "" {
				found[l.Key] = true
			}
			return len(found) == n-1
		})
		all = max(all, l.At.Sub(last))
		if found[m.key.String()] {
			t.Errorf("%s sees itself", m.Name)
		}
	}
	netns.Within(t, fmt.Sprintf("for %d nodes to know all", n), all, bound)
	return nodes
}

// silence has one process killed and one host without power. Nobody can tell these from each other.
func silence(t *testing.T) {
	hosts, _ := netns.NewLAN(t, 3)
	a, b, c := startOn(t, hosts[0], 1), startOn(t, hosts[1], 2), startOn(t, hosts[2], 3)
	lost := []struct {
		*machine
		at netip.Addr
	}{{b, netns.IPv4(2)}, {b, netns.LinkLocal(2, "eth0")}, {c, netns.IPv4(3)}, {c, netns.LinkLocal(3, "eth0")}}
	for _, l := range lost {
		a.sees(l.machine, l.Began.Add(burst[0]+burst[1]), l.at) // the next time is a period later
	}
	from := time.Now()
	hosts[1].Kill()
	hosts[2].PowerOff()
	for _, l := range lost {
		took := a.expires(l.machine, from, l.at)
		netns.Within(t, "a crash", took, announceTTL)
		if took < announceTTL-period {
			t.Errorf("%s is lost %v after its end: before it was missed", l.Name, took)
		}
	}
	b = startOn(t, hosts[1], 2, func(c *machineConfig) { c.Port = 9000 }) // and starts again
	netns.Within(t, "to find it again", a.sees(b, b.Began, netns.IPv4(2)), time.Second)
}

func anotherAddress(t *testing.T) {
	hosts, links := netns.NewLAN(t, 2)
	a, b := startOn(t, hosts[0], 1), startOn(t, hosts[1], 2)
	a.sees(b, b.Began.Add(burst[0]+burst[1]), netns.IPv4(2)) // the next time is a period later
	a.sees(b, b.Began.Add(burst[0]+burst[1]), netns.LinkLocal(2, "eth0"))
	from := time.Now()
	links[1].SetAddresses(netns.Prefixes(9)...)
	netns.Within(t, "to see the new address", a.sees(b, from, netns.IPv4(9)), period)
	netns.Within(t, "to see the new link-local address", a.sees(b, from, netns.LinkLocal(9, "eth0")), period)
	moved := from.Add(2 * period) // at the latest it has noticed, and heard the other's next
	netns.Within(t, "to see the other again", b.sees(a, moved, netns.IPv4(1)), period)
	netns.Within(t, "to see the other again over IPv6", b.sees(a, moved, netns.LinkLocal(1, "eth0")), period)
	netns.Within(t, "to lose the old address", a.expires(b, from, netns.IPv4(2)), announceTTL)
	netns.Within(t, "to lose the old link-local address", a.expires(b, from, netns.LinkLocal(2, "eth0")), announceTTL)
}

func twoLinks(t *testing.T) {
	hosts, _ := netns.NewLAN(t, 2)
	second := netns.NewBridge(t)
	var cable *netns.Link
	for i, h := range hosts {
		cable = h.Attach(second, "eth1", netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 78, 0, byte(i + 1)}), 24), netns.Prefixes(i + 1)[2])
	}
	a, b := startOn(t, hosts[0], 1), startOn(t, hosts[1], 2)
	other := netip.MustParseAddr("10.78.0.2")
	netns.Within(t, "to find a node on one LAN", a.sees(b, b.Began, netns.IPv4(2)), time.Second)
	netns.Within(t, "to find it on the other", a.sees(b, b.Began, other), time.Second)
	netns.Within(t, "to find it there over IPv6", a.sees(b, b.Began, netns.LinkLocal(2, "eth1")), time.Second)
	from := time.Now()
	cable.Mute()
	netns.Within(t, "a cut", a.expires(b, from, other), announceTTL)
	netns.Within(t, "a cut, over IPv6", a.expires(b, from, netns.LinkLocal(2, "eth1")), announceTTL)
	netns.Within(t, "to hear it on the LAN that is left", a.sees(b, from.Add(2*period), netns.IPv4(2)), period)
	from = time.Now()
	cable.Plug()
	netns.Within(t, "to find it on the other again", a.sees(b, from, other), period)
}

// lateInterface has one node start before its interface is there, and one before it is up.
func lateInterface(t *testing.T) {
	bridge := netns.NewBridge(t)
	var hosts []*netns.Host
	for range 3 {
		hosts = append(hosts, netns.NewHost(t))
	}
	hosts[0].Attach(bridge, "eth0", netns.Prefixes(1)...)
	down := hosts[1].Attach(bridge, "eth0", netns.Prefixes(2)...)
	down.Down()
	a, b, c := startOn(t, hosts[0], 1), startOn(t, hosts[1], 2), startOn(t, hosts[2], 3)
	a.begins("lo", "eth0")
	b.begins("lo")
	c.begins("lo")
	from := time.Now()
	down.Up()
	hosts[2].Attach(bridge, "eth0", netns.Prefixes(3)...)
	for _, p := range []struct {
		who, whom *machine
		n         int
	}{{a, b, 2}, {b, a, 1}, {a, c, 3}, {c, a, 1}, {b, c, 3}, {c, b, 2}} {
		for _, at := range []netip.Addr{netns.IPv4(p.n), netns.LinkLocal(p.n, "eth0")} {
			netns.Within(t, "to see who is on the LAN", p.who.sees(p.whom, from, at), period+burst[0]+burst[1])
		}
	}
}

// withoutIPv4 has link-local addresses alone: their zone says on which LAN, and they can be dialled as they are reported.
func withoutIPv4(t *testing.T) {
	bridge := netns.NewBridge(t)
	var hosts []*netns.Host
	var nodes []*machine
	for i := 1; i <= 2; i++ {
		h := netns.NewHost(t)
		h.Attach(bridge, fmt.Sprint("lan", i), netns.Prefixes(i)[2])
		hosts, nodes = append(hosts, h), append(nodes, startOn(t, h, i))
	}
	at := netns.LinkLocal(2, "lan1")
	netns.Within(t, "to find a node", nodes[0].sees(nodes[1], nodes[1].Began, at), time.Second)
	netns.Within(t, "to find a node", nodes[1].sees(nodes[0], nodes[1].Began, netns.LinkLocal(1, "lan2")), time.Second)

	ctx, cancel := context.WithTimeout(t.Context(), netns.Forever)
	defer cancel()
	var err error
	var l net.Listener
	hosts[1].Do(func() { l, err = new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf(":%d", nodes[1].port)) })
	wantNil(t, err)
	defer l.Close()
	hosts[0].Do(func() {
		var conn net.Conn
		if conn, err = new(net.Dialer).DialContext(ctx, "tcp", netip.AddrPortFrom(at, nodes[1].port).String()); err == nil {
			_ = conn.Close()
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func listenOnly(t *testing.T) {
	hosts, _ := netns.NewLAN(t, 3)
	a := startOn(t, hosts[0], 1)
	b := startOn(t, hosts[1], 2, func(c *machineConfig) { c.ListenOnly = true })
	c := startOn(t, hosts[2], 3, func(c *machineConfig) { c.Port = 0 })
	b.sees(a, b.Began, netns.IPv4(1))
	c.sees(a, c.Began, netns.IPv4(1))
	b.sees(a, b.Began, netns.LinkLocal(1, "eth0"))
	time.Sleep(period + burst[0] + burst[1]) // they would have been heard five times
	a.seesOnly()
	b.seesOnly(a)
	c.seesOnly(a)
	b.ends()
}
