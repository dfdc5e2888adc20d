package udp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

func TestAChangeOfAddressesIsAnnouncedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		old, fresh := w.ear(w.Host(addr("10.0.0.9")), "udp4"), w.ear(w.Host(addr("10.0.1.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1"))).start()
		pass(3 * time.Second)
		n.host.SetAddrs(addr("10.0.1.1"))
		n.announcesChange()
		pass(2 * time.Second)
		old.wantOf(n.key, 0, 250*ms, 1000*ms)
		fresh.wantOf(n.key, 3000*ms, 3250*ms, 4000*ms)
		old.says("10.0.0.255:4040", Announce{Port: 7100, Key: key(100)}.Append(nil))
		fresh.says("10.0.1.255:4040", Announce{Port: 7100, Key: key(101)}.Append(nil))
		n.wantAt(key(101), "10.0.1.9:7100 on eth1")
	})
}

func TestSleepIsFollowedByAnAnnounce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1"))).start()
		pass(3 * time.Second)
		n.announcesChange()
		pass(ms)
		e.wantOf(n.key, 0, 250*ms, 1000*ms, 3000*ms)
	})
}

func TestAChangeThatNobodyTellsIsSeenAtTheNextAnnounce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.node(1, w.Host()), w.node(2, w.Host(addr("10.0.0.2"), addr("fe80::2")))
		a.self.Changed = nil
		a.start() // before its interface is up
		b.start()
		pass(3 * time.Second)
		b.wantAt(a.key)
		a.host.SetAddrs(addr("10.0.0.1"), addr("fe80::1"))
		pass(4 * time.Second)
		b.wantAt(a.key, "10.0.0.1:7001 on eth0", "[fe80::1%eth1]:7001 on eth1")
		a.wantAt(b.key, "10.0.0.2:7002 on eth0", "[fe80::2%eth1]:7002 on eth1")
	})
}

func TestALinkThatComesBackIsJoinedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.node(1, w.Host(addr("fe80::1"))).start(), w.node(2, w.Host(addr("fe80::2"))).start()
		for range 3 {
			pass(ms)
			a.host.SetAddrs()
			a.announcesChange()
			pass(time.Minute)
			a.sightings()
			b.sightings()
			a.host.SetAddrs(addr("fe80::1"))
			a.announcesChange()
			pass(6 * time.Second)
			a.wantAt(b.key, "[fe80::2%eth0]:7002 on eth0")
			b.wantAt(a.key, "[fe80::1%eth0]:7001 on eth0")
		}
		for _, n := range []*node{a, b} {
			if s := n.provider.Stats(); s.OtherErrors+s.SendErrors > 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestALinkWithoutDirectedBroadcastIsSentTheLimitedOne(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e := w.ear(w.Host(addr("10.0.1.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1"), addr("10.0.1.1")))
		list := n.self.Interfaces
		n.self.Interfaces = func() ([]discovery.Interface, error) {
			all, err := list()
			for _, i := range all {
				if i.Name == "eth1" {
					i.Addrs[0] = netip.PrefixFrom(i.Addrs[0].Addr(), 32)
				}
			}
			return all, err
		}
		n.start()
		pass(ms)
		e.wantOf(n.key, 0)
	})
}
