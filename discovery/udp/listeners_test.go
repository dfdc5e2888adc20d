package udp

import (
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// listening is a Self.Listens that a test changes.
type listening struct {
	mu sync.Mutex
	at []netip.AddrPort // guarded by mu
}

func (l *listening) set(n *node, at ...string) {
	l.mu.Lock()
	l.at = nil
	for _, a := range at {
		l.at = append(l.at, netip.MustParseAddrPort(a))
	}
	l.mu.Unlock()
	if n.provider != nil {
		n.announcesChange()
	}
}

func (l *listening) get() []netip.AddrPort {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.at)
}

// TestAnnouncesFollowTheListeners: on each interface, and in each family, the first that others can reach there.
func TestAnnouncesFollowTheListeners(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		near, far := w.node(2, w.Host(addr("10.0.0.9"), addr("fe80::9"))), w.node(3, w.Host(addr("10.0.1.9")))
		n, l := w.node(1, w.Host(addr("10.0.0.1"), addr("10.0.1.1"), addr("fe80::1"))), new(listening)
		n.self.Listens = l.get
		l.set(n, "10.0.1.1:7001", "127.0.0.1:7002", "0.0.0.0:7003", "[::]:7004")
		for _, o := range []*node{n, near, far} {
			o.start()
		}
		pass(2 * time.Second)
		near.wantAt(n.key, "10.0.0.1:7003 on eth0", "[fe80::1%eth1]:7004 on eth1")
		far.wantAt(n.key, "10.0.1.1:7001 on eth0")
		for _, c := range []struct {
			listens   []string
			near, far []string
		}{
			{[]string{"0.0.0.0:7003"}, []string{"10.0.0.1:7003 on eth0"}, []string{"10.0.1.1:7003 on eth0"}},
			{[]string{"10.0.0.1:7005", "10.0.0.1:7006"}, []string{"10.0.0.1:7005 on eth0"}, nil},
			{[]string{"10.0.0.1:7006"}, []string{"10.0.0.1:7006 on eth0"}, nil},
			{nil, nil, nil},
			{[]string{"[fe80::1]:7007"}, []string{"[fe80::1%eth1]:7007 on eth1"}, nil},
		} {
			near.sightings()
			far.sightings()
			l.set(n, c.listens...)
			pass(2 * time.Second)
			near.wantAt(n.key, c.near...)
			far.wantAt(n.key, c.far...)
		}
	})
}

// TestAnAddressThatComesBackIsAnnouncedAgain: the listener has stayed.
func TestAnAddressThatComesBackIsAnnouncedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		n, o := w.node(1, w.Host(addr("10.0.0.1"))), w.node(2, w.Host(addr("10.0.0.2"))).start()
		n.self.Listens = listens(addr("10.0.0.1"), 7001)
		n.start()
		pass(2 * time.Second)
		o.wantAt(n.key, "10.0.0.1:7001 on eth0")
		n.host.SetAddrs(addr("10.0.0.3"))
		n.announcesChange()
		pass(10 * time.Second)
		o.wantAt(n.key)
		n.host.SetAddrs(addr("10.0.0.1"))
		n.announcesChange()
		pass(2 * time.Second)
		o.wantAt(n.key, "10.0.0.1:7001 on eth0")
	})
}

func TestInterfacesCanBeChosenWhileItRuns(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		near, far := w.ear(w.Host(addr("10.0.0.9")), "udp4"), w.ear(w.Host(addr("10.0.1.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1"), addr("10.0.1.1"))).start()
		uses := func(names ...string) {
			t.Helper()
			pass(2 * time.Second)
			near.says("10.0.0.255:4040", Announce{Port: 7100, Key: key(100)}.Append(nil))
			far.says("10.0.1.255:4040", Announce{Port: 7100, Key: key(101)}.Append(nil))
			pass(ms)
			var heard []string
			for _, s := range n.sightings() {
				if !slices.Contains(heard, s.Interface) {
					heard = append(heard, s.Interface)
				}
			}
			slices.Sort(heard)
			if got := n.provider.Stats().Interfaces; !slices.Equal(got, names) || !slices.Equal(heard, names) {
				t.Errorf("uses %q, hears on %q, want %q", got, heard, names)
			}
			if s, f := len(near.of(n.key)) > 0, len(far.of(n.key)) > 0; s != slices.Contains(names, "eth0") || f != slices.Contains(names, "eth1") {
				t.Errorf("announced on eth0 %v, on eth1 %v, want %q", s, f, names)
			}
		}
		changes := func(want bool, change func(string) bool, name string) {
			t.Helper()
			if got := change(name); got != want {
				t.Errorf("the change of %s: %v", name, got)
			}
		}
		p := n.provider
		uses("eth0", "eth1")
		changes(true, p.RemoveInterface, "eth1")
		changes(false, p.RemoveInterface, "eth1")
		uses("eth0")
		if got := p.Stats().Unused["eth1"]; got != "it was taken away" {
			t.Errorf("eth1 is not used: %q", got)
		}
		changes(true, p.AddInterface, "eth1")
		changes(false, p.AddInterface, "eth1")
		uses("eth0", "eth1")
		changes(true, p.AddInterface, "wlan9")
		uses("eth0", "eth1")
		n.wantProblems("cannot work on wlan9: there is no interface of this name")
		changes(true, p.RemoveInterface, "wlan9")
		pass(ms)
		n.wantProblems()
	})
}

func TestOfInterfacesThatWereNamedAllCanBeTakenAway(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1")))
		n.options.Interfaces = []string{"eth0"}
		n.start()
		pass(2 * time.Second)
		e.of(n.key)
		if p := n.provider; p.RemoveInterface("eth1") || !p.RemoveInterface("eth0") || p.RemoveInterface("eth0") {
			t.Error("what is changed is not told")
		}
		pass(10 * time.Second)
		e.wantOf(n.key)
		n.wantProblems("cannot use the network: no network interface that can be used")
		n.provider.AddInterface("eth0")
		pass(ms)
		if len(e.of(n.key)) != 1 {
			t.Error("not announced at once")
		}
		n.wantProblems()
	})
}
