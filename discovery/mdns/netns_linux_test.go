package mdns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

func TestNodesFindEachOtherAndSayGoodbye(t *testing.T) {
	for _, n := range []int{3, 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			netns.Run(t, func(t *testing.T) {
				hosts, _ := netns.NewLAN(t, n)
				var nodes []*node
				for i, h := range hosts {
					nodes = append(nodes, start(t, h, i+1, func(c *nodeConfig) { c.Options.Period = 0 }))
				}
				last := nodes[n-1].Began
				var all time.Duration
				for _, d := range nodes {
					left := make(map[string]bool)
					for _, other := range nodes {
						left[other.key.String()] = d != other
					}
					l := d.Until(fmt.Sprintf("sees all of %d", n), d.Began, func(s seen) bool {
						delete(left, s.Key)
						return len(left) == 1 // itself
					})
					all = max(all, l.At.Sub(last))
				}
				t.Logf("%d nodes: all know all %v after the last has started", n, all.Round(time.Millisecond))
				if n == 3 { // more are many processes that begin on few processors
					netns.Within(t, "to know all", all, time.Second)
				}
				from := nodes[n-1].terminate()
				for _, d := range nodes[:n-1] {
					netns.Within(t, "goodbye", d.loses(nodes[n-1], from, netns.IPv4(n), discovery.Goodbye), 500*time.Millisecond)
				}
				nodes[n-1].ends(from)
			})
		})
	}
}

func TestBothFamiliesAreFound(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		a, b, _, _ := pair(t)
		from := time.Now()
		a.sees(b, from, netns.IPv6(2))
		b.sees(a, from, netns.IPv6(1))
	})
}

// TestNodesOnALinkWithoutIPv4 have link-local addresses alone, which say on which link.
func TestNodesOnALinkWithoutIPv4(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		bridge := netns.NewBridge(t)
		var nodes []*node
		for i := 1; i <= 2; i++ {
			h := netns.NewHost(t)
			h.Attach(bridge, fmt.Sprint("lan", i), netns.Prefixes(i)[2])
			nodes = append(nodes, start(t, h, i))
		}
		netns.Within(t, "to find a node", nodes[0].sees(nodes[1], nodes[1].Began, netns.LinkLocal(2, "lan1")), time.Second)
		netns.Within(t, "to find a node", nodes[1].sees(nodes[0], nodes[1].Began, netns.LinkLocal(1, "lan2")), time.Second)
	})
}

func TestACrashIsNoticed(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		a, b, hosts, _ := pair(t)
		from := time.Now()
		hosts[1].Kill()
		took := a.expires(b, from, netns.IPv4(2))
		netns.Within(t, "a crash", took, periodsUntilLost*time.Second)
		if took < time.Second {
			t.Errorf("lost %v after the crash: before it was missed", took)
		}
		b = start(t, hosts[1], 2, func(c *nodeConfig) { c.Port = 9000 }) // and starts again
		netns.Within(t, "to find it again", a.sees(b, b.Began, netns.IPv4(2)), time.Second)
	})
}

func TestAnotherAddressIsFollowed(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		a, b, _, links := pair(t)
		from := time.Now()
		links[1].SetAddresses(netns.Prefixes(9)...)
		netns.Within(t, "to see the new address", a.sees(b, from, netns.IPv4(9)), lookEvery)
		netns.Within(t, "to see that the old one is gone", a.loses(b, from, netns.IPv4(2), discovery.Withdrawn), lookEvery+goodbyeGrace)
		b.Until("sees node 1 again", from, func(s seen) bool { return s.Key == a.key.String() && s.Gone == "" })
	})
}

func TestAnInterfaceMadeAgainWorks(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		a, b, _, links := pair(t)
		for range 2 {
			from := time.Now()
			links[1].Delete()
			netns.Within(t, "to see that all is gone", b.loses(a, from, netns.IPv4(1), discovery.Withdrawn), lookEvery)
			a.expires(b, from, netns.IPv4(2))
			from = time.Now()
			links[1].Create()
			netns.Within(t, "to find again", b.sees(a, from, netns.IPv4(1)), lookEvery+time.Second)
			netns.Within(t, "to be found again", a.sees(b, from, netns.IPv4(2)), lookEvery+time.Second)
		}
		from := time.Now()
		links[1].Delete() // and made again before anybody has looked
		links[1].Create()
		netns.Within(t, "to be found again", a.sees(b, from, netns.IPv4(2)), lookEvery+time.Second)
		b.sees(a, from, netns.IPv4(1))
	})
}

func TestAnUnusableNetworkIsAnError(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		a, b, _, links := pair(t)
		from := time.Now()
		links[1].Pull()
		end, took := b.ended(from)
		if !strings.Contains(end.Err, ErrNoInterface.Error()) || took < patience {
			t.Errorf("ended after %v with %q", took, end.Err)
		}
		links[1].Plug()
		_ = a
		c := start(t, netns.NewHost(t), 3) // it has a loopback
		if end, _ := c.ended(c.Began); !strings.Contains(end.Err, ErrNoInterface.Error()) {
			t.Errorf("ended with %q", end.Err)
		}
	})
}

func TestOfTwoLinksOneIsCut(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := netns.NewLAN(t, 2)
		second := netns.NewBridge(t)
		var cable *netns.Link
		for i, h := range hosts {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 78, 0, byte(i + 1)}), 24)
			cable = h.Attach(second, "eth1", p, netns.Prefixes(i + 1)[2])
		}
		a, b := start(t, hosts[0], 1), start(t, hosts[1], 2)
		other := netip.MustParseAddr("10.78.0.2")
		a.sees(b, b.Began, netns.IPv4(2))
		a.sees(b, b.Began, other)
		from := time.Now()
		cable.Mute()
		netns.Within(t, "a cut", a.expires(b, from, other), periodsUntilLost*time.Second)
		a.sees(b, time.Now(), netns.IPv4(2))
		from = time.Now()
		cable.Plug()
		netns.Within(t, "to find the address again", a.sees(b, from, other), 2*time.Second)
	})
}

func TestOnlyTheInterfacesThatAreNamedAreUsed(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := netns.NewLAN(t, 2)
		second := netns.NewBridge(t)
		hosts[0].Attach(second, "eth1", netip.MustParsePrefix("10.78.0.1/24"))
		third := netns.NewHost(t)
		third.Attach(second, "eth0", netip.MustParsePrefix("10.78.0.3/24"))
		a := start(t, hosts[0], 1, func(c *nodeConfig) { c.Options.Interfaces = []string{"eth0"} })
		b, c := start(t, hosts[1], 2), start(t, third, 3)
		b.sees(a, b.Began, netns.IPv4(1))
		a.sees(b, b.Began, netns.IPv4(2))
		anybody := func(s seen) bool { return !s.Ended }
		c.never("sees somebody", 2*time.Second, anybody)
		a.never("sees node 3", 0, func(s seen) bool { return s.Key == c.key.String() })
	})
}

func TestANodeOfOneAddressIsSeenThere(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := netns.NewLAN(t, 2)
		second := netns.NewBridge(t)
		hosts[0].Attach(second, "eth1", netip.MustParsePrefix("10.78.0.1/24"))
		third := netns.NewHost(t)
		third.Attach(second, "eth0", netip.MustParsePrefix("10.78.0.3/24"))
		a := start(t, hosts[0], 1, func(c *nodeConfig) { c.Addr = netns.IPv4(1) })
		local := start(t, hosts[0], 4, func(c *nodeConfig) { c.Addr = netip.MustParseAddr("127.0.0.1") })
		b, c := start(t, hosts[1], 2), start(t, third, 3)
		b.sees(a, b.Began, netns.IPv4(1))
		local.sees(c, c.Began, netip.MustParseAddr("10.78.0.3"))
		b.never("sees more than that address", 2*time.Second, func(s seen) bool { return s.Key != a.key.String() || s.Addr.Addr() != netns.IPv4(1) })
		c.never("sees somebody", 0, func(seen) bool { return true })
	})
}

func TestWhoOnlyListensIsNotSeen(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := netns.NewLAN(t, 3)
		a := start(t, hosts[0], 1)
		b := start(t, hosts[1], 2, func(c *nodeConfig) { c.ListenOnly = true })
		c := start(t, hosts[2], 3, func(c *nodeConfig) { c.Port = 0 })
		b.sees(a, b.Began, netns.IPv4(1))
		c.sees(a, c.Began, netns.IPv4(1))
		a.never("sees who only listens", 2*time.Second, func(seen) bool { return true })
		b.ends(b.terminate())
	})
}

func TestNodesOfOneHostFindEachOther(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := netns.NewLAN(t, 1)
		a, b := start(t, hosts[0], 1), start(t, hosts[0], 2)
		netns.Within(t, "to find a node", a.sees(b, b.Began, netns.IPv4(1)), time.Second)
		netns.Within(t, "to find a node", b.sees(a, b.Began, netns.IPv4(1)), time.Second)
		from := b.terminate()
		a.loses(b, from, netns.IPv4(1), discovery.Goodbye)
		b.ends(from)
	})
}

func TestANodeThatHasJustBegunEndsAtOnce(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := netns.NewLAN(t, 2)
		a, b := start(t, hosts[0], 1), start(t, hosts[1], 2)
		a.sees(b, b.Began, netns.IPv4(2))
		from := b.terminate()
		netns.Within(t, "goodbye", a.loses(b, from, netns.IPv4(2), discovery.Goodbye), 500*time.Millisecond)
		netns.Within(t, "the end", b.ends(from), 500*time.Millisecond)
	})
}
