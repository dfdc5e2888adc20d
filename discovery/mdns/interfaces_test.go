package mdns

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/discovery"
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
		for _, i := range usable(all, c.names) {
			got = append(got, i.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.names, got, c.want)
		}
	}
}

func TestSameSeesEveryChangeThatMatters(t *testing.T) {
	before := usable([]discovery.Interface{eth0, eth1}, nil)
	turned := eth0
	turned.Addrs = slices.Clone(eth0.Addrs)
	slices.Reverse(turned.Addrs)
	if !same(before, usable([]discovery.Interface{eth1, turned}, nil)) {
		t.Error("another order is a change")
	}
	flags := eth0
	flags.Flags |= net.FlagPointToPoint
	for name, now := range map[string][]discovery.Interface{
		"one less":       {eth0},
		"one more":       {eth0, eth1, card(4, "eth2", "10.1.0.1/24")},
		"none":           nil,
		"another index":  {card(9, "eth0", "10.77.0.99/24", "fd77::99/64", "fe80::99/64"), eth1},
		"another name":   {card(2, "lan0", "10.77.0.99/24", "fd77::99/64", "fe80::99/64"), eth1},
		"another addr":   {card(2, "eth0", "10.77.0.98/24", "fd77::99/64", "fe80::99/64"), eth1},
		"another prefix": {card(2, "eth0", "10.77.0.99/16", "fd77::99/64", "fe80::99/64"), eth1},
		"an addr less":   {card(2, "eth0", "10.77.0.99/24", "fe80::99/64"), eth1},
		"another flag":   {flags, eth1},
	} {
		if same(before, usable(now, nil)) {
			t.Errorf("%s is no change", name)
		}
	}
}

func TestAddressesAreDialledOnTheirLink(t *testing.T) {
	four := card(3, "eth1", "10.78.0.99/24")
	for _, c := range []struct {
		on   discovery.Interface
		addr string
		want string // empty: not
	}{
		{eth0, "10.77.0.1", "10.77.0.1"},
		{eth0, "10.77.0.99", "10.77.0.99"}, // another node of this machine
		{eth0, "10.78.0.1", ""},
		{eth0, "8.8.8.8", ""},
		{eth0, "169.254.7.7", ""},
		{eth0, "fd77::1", "fd77::1"},
		{eth0, "2001:db8::1", ""},
		{eth0, "fe80::1", "fe80::1%eth0"},
		{eth0, "fe80::1%eth7", "fe80::1%eth0"}, // zones are ours
		{four, "fe80::1", ""},
		{card(4, "eth2", "169.254.1.1/16"), "169.254.7.7", "169.254.7.7"},
	} {
		got, ok := dialled(c.on, netip.MustParseAddr(c.addr))
		if ok != (c.want != "") || ok && got != netip.MustParseAddr(c.want) {
			t.Errorf("%s on %s: %v, %v", c.addr, c.on.Name, got, ok)
		}
	}
}

func TestInterfacesThatLeadToANode(t *testing.T) {
	for addr, want := range map[string][]string{
		"":                  {"eth0", "eth1"},
		"0.0.0.0":           {"eth0", "eth1"},
		"::":                {"eth0", "eth1"},
		"10.77.0.99":        {"eth0"},
		"::ffff:10.77.0.99": {"eth0"},
		"fd77::99":          {"eth0"},
		"fe80::99":          {"eth0", "eth1"},
		"fe80::99%eth1":     {"eth1"},
		"fe80::99%eth7":     nil,
		"127.0.0.1":         nil,
		"10.77.0.98":        nil,
	} {
		var a netip.Addr
		if addr != "" {
			a = netip.MustParseAddr(addr)
		}
		var got []string
		for _, i := range leading([]discovery.Interface{eth0, eth1}, a) {
			got = append(got, i.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", addr, got, want)
		}
	}
}
