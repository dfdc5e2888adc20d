package lan

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

var (
	eth0 = card(2, "eth0", "10.77.0.99/24", "fd77::99/64", "fe80::99/64")
	eth1 = card(3, "eth1", "10.78.0.99/24", "fe80::99/64")
)

func card(index int, name string, prefixes ...string) discovery.Interface {
	i := discovery.Interface{Index: index, Name: name, Flags: carries | net.FlagBroadcast | net.FlagMulticast}
	for _, p := range prefixes {
		i.Addrs = append(i.Addrs, netip.MustParsePrefix(p))
	}
	return i
}

func anything(discovery.Interface, bool) bool { return true }

func TestInterfacesThatCarryAndFitAreChosenInOrder(t *testing.T) {
	without := func(index int, name string, flag net.Flags) discovery.Interface {
		i := card(index, name, "10.1.0.1/24")
		i.Flags &^= flag
		return i
	}
	all := []discovery.Interface{eth1, without(4, "down0", net.FlagUp), without(5, "pulled0", net.FlagRunning), card(7, "bare0"), eth0}
	withAddress := func(i discovery.Interface, _ bool) bool { return len(i.Addrs) > 0 }
	for _, c := range []struct {
		names []string
		fits  func(discovery.Interface, bool) bool
		want  []string
	}{
		{nil, anything, []string{"eth0", "eth1", "bare0"}},
		{nil, withAddress, []string{"eth0", "eth1"}},
		{[]string{"eth1", "eth0", "eth9"}, anything, []string{"eth0", "eth1"}},
		{[]string{"down0", "pulled0", "bare0"}, withAddress, nil},
	} {
		var got []string
		selected, _ := NewChooser(c.names).Get()
		for _, i := range Choose(all, selected, c.fits) {
			got = append(got, i.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.names, got, c.want)
		}
	}
}

func TestEveryChangeOfAnInterfaceIsSeen(t *testing.T) {
	choose := func(i discovery.Interface) []discovery.Interface {
		return Choose([]discovery.Interface{i}, Selection{All: true}, anything)
	}
	before := choose(eth0)[0]
	if !IsSame(before, choose(card(2, "eth0", "fe80::99/64", "fd77::99/64", "10.77.0.99/24"))[0]) {
		t.Error("another order of addresses is a change")
	}
	flags := eth0
	flags.Flags |= net.FlagPointToPoint
	for name, now := range map[string]discovery.Interface{
		"another index":  card(9, "eth0", "10.77.0.99/24", "fd77::99/64", "fe80::99/64"),
		"another name":   card(2, "lan0", "10.77.0.99/24", "fd77::99/64", "fe80::99/64"),
		"another addr":   card(2, "eth0", "10.77.0.98/24", "fd77::99/64", "fe80::99/64"),
		"another prefix": card(2, "eth0", "10.77.0.99/16", "fd77::99/64", "fe80::99/64"),
		"an addr less":   card(2, "eth0", "10.77.0.99/24", "fe80::99/64"),
		"an addr more":   card(2, "eth0", "10.77.0.99/24", "10.1.0.1/24", "fd77::99/64", "fe80::99/64"),
		"another flag":   flags,
	} {
		if IsSame(before, choose(now)[0]) {
			t.Errorf("%s is no change", name)
		}
	}
}

func TestAddressesAreDialledOnTheirNetwork(t *testing.T) {
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
		got, ok := AddressOn(c.on, netip.MustParseAddr(c.addr))
		if ok != (c.want != "") || ok && got != netip.MustParseAddr(c.want) {
			t.Errorf("%s on %s: %v, %v", c.addr, c.on.Name, got, ok)
		}
	}
}

// TestInterfacesThatLeadToANode: a node that listens on one address is of no use to others who cannot reach that.
func TestInterfacesThatLeadToANode(t *testing.T) {
	for addr, want := range map[string][]string{
		"0.0.0.0":           {"eth0 4", "eth1 4"},
		"::":                {"eth0 4", "eth0 6", "eth1 4", "eth1 6"},
		"10.77.0.99":        {"eth0 4"},
		"::ffff:10.77.0.99": {"eth0 4"},
		"fd77::99":          {"eth0 6"},
		"fe80::99":          {"eth0 6", "eth1 6"},
		"fe80::99%eth1":     {"eth1 6"},
		"fe80::99%eth7":     nil,
		"127.0.0.1":         nil,
		"10.77.0.98":        nil,
	} {
		var got []string
		for _, i := range []discovery.Interface{eth0, eth1} {
			for family, ipv6 := range map[string]bool{" 4": false, " 6": true} {
				if LeadsTo(i, netip.MustParseAddr(addr), ipv6) {
					got = append(got, i.Name+family)
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", addr, got, want)
		}
	}
}
