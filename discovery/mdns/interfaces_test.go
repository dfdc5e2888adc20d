package mdns

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

func TestUsableInterfaces(t *testing.T) {
	loopback := card(1, "lo", "127.0.0.1/8")
	loopback.Flags |= net.FlagLoopback
	without := func(index int, name string, flag net.Flags) discovery.Interface {
		i := card(index, name, "10.1.0.1/24")
		i.Flags &^= flag
		return i
	}
	pointed := card(8, "ppp0", "10.2.0.1/32")
	pointed.Flags |= net.FlagPointToPoint
	all := []discovery.Interface{pointed, loopback, eth1, without(4, "down0", net.FlagUp), without(5, "pulled0", net.FlagRunning),
		without(6, "tun0", net.FlagMulticast), card(7, "bare0"), eth0}
	for _, c := range []struct {
		names []string
		want  []string
	}{
		{nil, []string{"eth0", "eth1"}},
		{[]string{"eth1"}, []string{"eth1"}},
		{[]string{"eth1", "eth0", "eth9"}, []string{"eth0", "eth1"}},
		{[]string{"eth9"}, nil},
		{[]string{"ppp0"}, []string{"ppp0"}},
		{[]string{"lo", "tun0", "down0", "pulled0", "bare0"}, nil},
	} {
		var got []string
		selected, _ := lan.NewChooser(c.names).Get()
		for _, i := range usable(all, selected) {
			got = append(got, i.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.names, got, c.want)
		}
	}
}

func TestAnInterfaceMoreOrLessIsAChange(t *testing.T) {
	before := usable([]discovery.Interface{eth0, eth1}, lan.Selection{All: true})
	if !same(before, usable([]discovery.Interface{eth1, eth0}, lan.Selection{All: true})) {
		t.Error("another order is a change")
	}
	for name, now := range map[string][]discovery.Interface{
		"one less": {eth0},
		"one more": {eth0, eth1, card(4, "eth2", "10.1.0.1/24")},
		"none":     nil,
		"another":  {card(2, "eth0", "10.77.0.98/24"), eth1},
	} {
		if same(before, usable(now, lan.Selection{All: true})) {
			t.Errorf("%s is no change", name)
		}
	}
}

func TestANodeOfOneAddressUsesTheInterfacesThatHaveIt(t *testing.T) {
	for addr, want := range map[netip.Addr]int{netip.IPv6Unspecified(): 2, netip.IPv4Unspecified(): 2, netip.MustParseAddr("10.77.0.99"): 1, netip.MustParseAddr("10.77.0.98"): 0} {
		if got := leading([]discovery.Interface{eth0, eth1}, listens(netip.AddrPortFrom(addr, 7100))()); len(got) != want {
			t.Errorf("%v: %v, want %d", addr, got, want)
		}
	}
}
