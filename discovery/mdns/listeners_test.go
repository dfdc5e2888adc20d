package mdns

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// TestRecordsFollowTheListeners: on each interface those of the first that others can reach there. Only what does not hold any
// more is taken back.
func TestRecordsFollowTheListeners(t *testing.T) {
	var at []netip.AddrPort // guarded by the rig
	listenOn := func(g *rig, addrs ...string) {
		g.set(func() {
			at, g.said = nil, nil
			for _, a := range addrs {
				at = append(at, netip.MustParseAddrPort(a))
			}
		})
		g.changed <- struct{}{}
	}
	bubble(t, func(_ *testing.T, g *rig) {
		g.until(10 * time.Second)
		listenOn(g, "10.78.0.99:7100", "[::]:7200") // the other port is that of eth0
		g.says(10500*time.Millisecond, "10.05s 2 -SRV", "10.05s 2 PTR SRV TXT A AAAA", "10.05s 3 -AAAA", "10.05s 3 PTR SRV TXT A", "10s 2 -SRV", "10s 3 -AAAA")
		listenOn(g, "[::]:7200") // soon after: the same interfaces
		g.says(11*time.Second, "10.55s 2 PTR SRV TXT A AAAA", "10.55s 3 -SRV", "10.55s 3 PTR SRV TXT A AAAA", "10.5s 3 -SRV")
		g.until(20 * time.Second)
		listenOn(g)
		g.says(40*time.Second, "20.05s 2 -PTR -SRV -TXT -A -AAAA", "20.05s 3 -PTR -SRV -TXT -A -AAAA", "20s 2 -PTR -SRV -TXT -A -AAAA", "20s 3 -PTR -SRV -TXT -A -AAAA")
		listenOn(g, "127.0.0.1:7100")
		g.says(50 * time.Second)
	}, func(s *discovery.Self, r *rig) {
		at = []netip.AddrPort{netip.MustParseAddrPort("[::]:7100")}
		s.Listens = func() (list []netip.AddrPort) {
			r.set(func() { list = slices.Clone(at) })
			return list
		}
	})
}

func TestInterfacesCanBeChosenWhileItRuns(t *testing.T) {
	bubble(t, func(t *testing.T, g *rig) {
		changes := func(want bool, change func(string) bool, name string) {
			t.Helper()
			if got := change(name); got != want {
				t.Errorf("the change of %s: %v", name, got)
			}
		}
		p := g.provider
		g.hears(eth1, factOf(1, "10.78.0.1").answer())
		g.told("1@10.78.0.1:7101 eth1")
		g.until(11 * time.Second)
		g.did("open 1 on eth0+eth1 0s", "ask 1 0s")
		changes(true, p.RemoveInterface, "eth1")
		changes(false, p.RemoveInterface, "eth1")
		g.until(11 * time.Second)
		g.did("open 2 on eth0 11s", "close 1 11s", "ask 2 11s")
		g.told("1@10.78.0.1:7101 withdrawn")
		if got := p.Stats(); !slices.Equal(got.Interfaces, []string{"eth0"}) || got.Unused["eth1"] != "it was taken away" {
			t.Errorf("uses %+v", got)
		}
		changes(true, p.AddInterface, "eth1")
		changes(false, p.AddInterface, "eth1")
		g.until(11 * time.Second)
		g.did("open 3 on eth0+eth1 11s", "close 2 11s", "ask 3 11s")
		g.cancel()
		g.ends(nil)
	}, silent)
}
