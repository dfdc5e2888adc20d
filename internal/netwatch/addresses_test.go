package netwatch

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

const (
	up      = net.FlagUp | net.FlagRunning | net.FlagBroadcast | net.FlagMulticast
	unplug  = net.FlagUp | net.FlagBroadcast | net.FlagMulticast
	down    = net.FlagBroadcast | net.FlagMulticast
	virtual = net.FlagUp | net.FlagRunning | net.FlagLoopback
)

// card returns an interface; a prefix that does not parse is the zero one.
func card(index int, name string, flags net.Flags, prefixes ...string) discovery.Interface {
	i := discovery.Interface{Index: index, Name: name, Flags: flags}
	for _, s := range prefixes {
		p, _ := netip.ParsePrefix(s)
		i.Addrs = append(i.Addrs, p)
	}
	return i
}

func lo() discovery.Interface { return card(1, "lo", virtual, "127.0.0.1/8", "::1/128") }

// addrs returns addresses in the order in which they are given.
func addrs(list ...string) (found []netip.Addr) {
	for _, s := range list {
		found = append(found, netip.MustParseAddr(s))
	}
	return found
}

func TestCompareSnapshots(t *testing.T) {
	type snapshot = []discovery.Interface
	eth := card(2, "eth0", up, "10.0.0.5/24", "fe80::5/64", "2001:db8::5/64")
	wlan := card(3, "wlan0", up, "192.168.1.7/24")
	for _, test := range []struct {
		name        string
		old, now    snapshot
		gone, fresh []netip.Addr
	}{
		{"nothing", nil, nil, nil, nil},
		{"the same", snapshot{lo(), eth}, snapshot{lo(), eth}, nil, nil},
		{"another order", snapshot{lo(), eth, wlan}, snapshot{wlan, card(2, "eth0", up, "2001:db8::5/64", "10.0.0.5/24", "fe80::5/64"), lo()}, nil, nil},
		{"twice", snapshot{wlan}, snapshot{wlan, card(3, "wlan0", up, "192.168.1.7/24", "192.168.1.7/24")}, nil, nil},
		{"an interface appears", snapshot{lo(), eth}, snapshot{lo(), eth, wlan}, nil, addrs("192.168.1.7")},
		{"an interface vanishes", snapshot{lo(), eth, wlan}, snapshot{lo(), wlan}, addrs("10.0.0.5", "2001:db8::5", "fe80::5%eth0"), nil},
		{"an interface without addresses", snapshot{lo()}, snapshot{lo(), card(2, "eth0", up)}, nil, nil},
		{"another address", snapshot{wlan}, snapshot{card(3, "wlan0", up, "192.168.1.8/24")}, addrs("192.168.1.7"), addrs("192.168.1.8")},
		{"one more address", snapshot{wlan}, snapshot{card(3, "wlan0", up, "192.168.1.7/24", "192.168.1.6/24")}, nil, addrs("192.168.1.6")},
		{"other flags", snapshot{wlan}, snapshot{card(3, "wlan0", up|net.FlagPointToPoint, "192.168.1.7/24")}, nil, nil},

		{"goes down", snapshot{eth, wlan}, snapshot{eth, card(3, "wlan0", down, "192.168.1.7/24")}, addrs("192.168.1.7"), nil},
		{"goes up", snapshot{card(3, "wlan0", down, "192.168.1.7/24")}, snapshot{wlan}, nil, addrs("192.168.1.7")},
		{"down, with another address", snapshot{card(3, "wlan0", down, "192.168.1.7/24")}, snapshot{card(3, "wlan0", down, "192.168.1.8/24")}, nil, nil},
		{"the cable is out", snapshot{wlan}, snapshot{card(3, "wlan0", unplug, "192.168.1.7/24")}, nil, nil},
		{"the cable is in", snapshot{card(3, "wlan0", unplug, "192.168.1.7/24")}, snapshot{wlan}, nil, addrs("192.168.1.7")},
		{"new, with the cable out", nil, snapshot{card(3, "wlan0", unplug, "192.168.1.7/24")}, nil, addrs("192.168.1.7")},
		{"twice, with the cable half out", snapshot{wlan}, snapshot{wlan, card(3, "wlan0", unplug, "192.168.1.7/24")}, nil, nil},

		{"moved to another interface", snapshot{wlan}, snapshot{card(4, "br0", up, "192.168.1.7/24")}, nil, addrs("192.168.1.7")},
		{"on two interfaces, then on one", snapshot{wlan, card(4, "br0", up, "192.168.1.7/24")}, snapshot{wlan}, nil, nil},
		{"an interface made again", snapshot{wlan}, snapshot{card(9, "wlan0", up, "192.168.1.7/24")}, nil, addrs("192.168.1.7")},
		{"another name", snapshot{card(2, "eth0", up, "10.0.0.5/24", "fe80::5/64")}, snapshot{card(2, "lan", up, "10.0.0.5/24", "fe80::5/64")},
			addrs("fe80::5%eth0"), addrs("10.0.0.5", "fe80::5%lan")},
		{"another prefix length", snapshot{wlan}, snapshot{card(3, "wlan0", up, "192.168.1.7/16")}, nil, addrs("192.168.1.7")},
		{"link-local on a second interface", snapshot{card(2, "eth0", up, "fe80::5/64")},
			snapshot{card(2, "eth0", up, "fe80::5/64"), card(3, "eth1", up, "fe80::5/64")}, nil, addrs("fe80::5%eth1")},

		{"loopback goes", snapshot{lo(), wlan}, snapshot{wlan}, nil, nil},
		{"loopback grows", snapshot{lo()}, snapshot{card(1, "lo", virtual, "127.0.0.1/8", "127.0.0.2/8", "::1/128", "::ffff:127.0.0.3/104")}, nil, nil},
		{"a loopback address elsewhere", snapshot{wlan}, snapshot{wlan, card(4, "dummy0", up, "127.9.9.9/8")}, nil, nil},
		{"another address on loopback", snapshot{lo()}, snapshot{card(1, "lo", virtual, "127.0.0.1/8", "198.51.100.1/32")}, nil, addrs("198.51.100.1")},

		{"IPv4 in its IPv6 form", snapshot{wlan}, snapshot{{Index: 3, Name: "wlan0", Flags: up,
			Addrs: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("::ffff:192.168.1.7"), 24)}}}, nil, nil},
		{"no address", snapshot{wlan}, snapshot{wlan, card(4, "odd", up, "", "0.0.0.0/0", "::/0")}, nil, nil},
		{"no prefix length", nil,
			snapshot{{Index: 4, Name: "odd", Flags: up, Addrs: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("10.9.9.9"), -1)}}}, nil, addrs("10.9.9.9")},
	} {
		t.Run(test.name, func(t *testing.T) {
			gone, fresh := compare(addressesOf(test.old), addressesOf(test.now))
			if !slices.Equal(gone, test.gone) || !slices.Equal(fresh, test.fresh) {
				t.Errorf("gone %v, new %v; want %v and %v", gone, fresh, test.gone, test.fresh)
			}
		})
	}
}

func TestIsGone(t *testing.T) {
	c := Change{Gone: addrs("10.0.0.5", "fe80::5%eth0")}
	for local, want := range map[string]bool{
		"10.0.0.5":        true,
		"::ffff:10.0.0.5": true,
		"10.0.0.6":        false,
		"fe80::5%eth0":    true,
		"fe80::5%eth1":    false,
		"127.0.0.7":       false,
	} {
		if got := c.IsGone(netip.MustParseAddr(local)); got != want {
			t.Errorf("%s: %v, want %v", local, got, want)
		}
	}
	if c.IsGone(netip.Addr{}) || (Change{}).IsGone(netip.MustParseAddr("10.0.0.5")) {
		t.Error("an address that is not gone is reported as gone")
	}
}
