package udp

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

const (
	carries  = net.FlagUp | net.FlagRunning
	ethernet = carries | net.FlagBroadcast | net.FlagMulticast
	loop     = carries | net.FlagLoopback
	tunnel   = carries | net.FlagPointToPoint | net.FlagMulticast
)

// card makes an interface called name, whose index is its last character.
func card(name string, flags net.Flags, addrs ...string) discovery.Interface {
	i := discovery.Interface{Index: int(name[len(name)-1] - '0'), Name: name, Flags: flags}
	for _, a := range addrs {
		i.Addrs = append(i.Addrs, netip.MustParsePrefix(a))
	}
	return i
}

// describe writes interfaces and their targets as "eth1 10.0.0.255<10.0.0.1 ipv6", one each.
func describe(o *Options, using []discovery.Interface) (list []string) {
	for _, i := range using {
		words := []string{i.Name}
		for _, t := range o.targets(i) {
			if t.to == group {
				words = append(words, "ipv6")
			} else {
				words = append(words, fmt.Sprintf("%v<%v", t.to, t.from))
			}
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

func TestInterfacesThatCanBeUsed(t *testing.T) {
	lo := card("lo1", loop, "127.0.0.1/8", "::1/128")
	eth := card("eth2", ethernet, "10.0.0.1/24", "fe80::1/64")
	broadcast := []netip.Addr{addr("127.255.255.255")}
	for _, c := range []struct {
		name string
		o    Options
		all  []discovery.Interface
		want []string
	}{
		{"a usual machine", Options{}, []discovery.Interface{lo, eth}, []string{"eth2 10.0.0.255<10.0.0.1 ipv6"}},
		{"no network", Options{}, []discovery.Interface{lo}, []string{"lo1 127.255.255.255<127.0.0.1"}},
		{"nothing", Options{}, nil, nil},
		{"two networks, by index", Options{}, []discovery.Interface{card("eth3", ethernet, "172.16.5.9/12"), eth},
			[]string{"eth2 10.0.0.255<10.0.0.1 ipv6", "eth3 172.31.255.255<172.16.5.9"}},
		{"the same subnet twice", Options{}, []discovery.Interface{eth, card("eth3", ethernet, "10.0.0.2/24")},
			[]string{"eth2 10.0.0.255<10.0.0.1 ipv6", "eth3 10.0.0.255<10.0.0.2"}},
		{"two subnets, two addresses on one", Options{}, []discovery.Interface{card("eth2", ethernet, "10.0.0.1/24", "10.0.0.2/24", "10.7.0.1/30")},
			[]string{"eth2 10.0.0.255<10.0.0.1 10.7.0.3<10.7.0.1"}},
		{"IPv6 alone", Options{}, []discovery.Interface{card("eth2", ethernet, "fd00::1/64")}, []string{"eth2 ipv6"}},
		{"no multicast", Options{}, []discovery.Interface{card("eth2", ethernet&^net.FlagMulticast, "10.0.0.1/24", "fe80::1/64")}, []string{"eth2 10.0.0.255<10.0.0.1"}},
		{"no broadcast", Options{}, []discovery.Interface{card("eth2", ethernet&^net.FlagBroadcast, "10.0.0.1/24", "fe80::1/64")}, []string{"eth2 ipv6"}},
		{"no directed broadcast: /32", Options{}, []discovery.Interface{card("eth2", ethernet, "10.0.0.1/32")}, []string{"eth2 255.255.255.255<10.0.0.1"}},
		{"no directed broadcast: /31", Options{}, []discovery.Interface{card("eth2", ethernet, "10.0.0.1/31")}, []string{"eth2 255.255.255.255<10.0.0.1"}},
		{"no address", Options{}, []discovery.Interface{card("eth2", ethernet), lo}, []string{"lo1 127.255.255.255<127.0.0.1"}},
		{"down", Options{}, []discovery.Interface{card("eth2", ethernet&^net.FlagUp, "10.0.0.1/24")}, nil},
		{"no cable", Options{}, []discovery.Interface{card("eth2", ethernet&^net.FlagRunning, "10.0.0.1/24"), lo}, []string{"lo1 127.255.255.255<127.0.0.1"}},
		{"tunnels are left out", Options{}, []discovery.Interface{eth, card("tun3", tunnel, "10.8.0.1/24", "fe80::3/64")}, []string{"eth2 10.0.0.255<10.0.0.1 ipv6"}},
		{"a tunnel by name", Options{Interfaces: []string{"tun3"}}, []discovery.Interface{eth, card("tun3", tunnel, "10.8.0.1/24", "fe80::3/64")}, []string{"tun3 ipv6"}},
		{"the loopback by name", Options{Interfaces: []string{"lo1", "eth9"}}, []discovery.Interface{lo, eth}, []string{"lo1 127.255.255.255<127.0.0.1"}},
		{"by name, not there yet", Options{Interfaces: []string{"eth9"}}, []discovery.Interface{lo, eth}, nil},
		{"fixed", Options{Broadcast: broadcast}, []discovery.Interface{lo, eth}, []string{"lo1 127.255.255.255<127.0.0.1"}},
		{"fixed, by name", Options{Broadcast: broadcast, Interfaces: []string{"eth2"}}, []discovery.Interface{lo, eth}, nil},
		{"fixed, on no network", Options{Broadcast: []netip.Addr{addr("10.9.0.255")}}, []discovery.Interface{lo, eth}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			selected, _ := lan.NewChooser(c.o.Interfaces).Get()
			if got := describe(&c.o, c.o.interfaces(c.all, selected)); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestDirectedBroadcasts(t *testing.T) {
	for subnet, want := range map[string]string{
		"10.0.0.1/8": "10.255.255.255", "10.20.30.40/21": "10.20.31.255", "192.168.1.77/24": "192.168.1.255",
		"192.168.1.77/25": "192.168.1.127", "192.168.1.77/30": "192.168.1.79", "0.0.0.0/0": "255.255.255.255",
		"10.0.0.1/31": "", "10.0.0.1/32": "", "fe80::1/64": "",
	} {
		got, ok := directedBroadcast(netip.MustParsePrefix(subnet))
		if ok != (want != "") || ok && got != addr(want) {
			t.Errorf("%s: %v, %v, want %s", subnet, got, ok, want)
		}
	}
}

func TestOnlySourcesOnANetworkOfOursAreHeard(t *testing.T) {
	using := (&Options{}).interfaces([]discovery.Interface{
		card("eth2", ethernet, "10.0.0.1/24", "fe80::1/64", "fd00::1/64"),
		card("eth3", ethernet, "10.0.0.2/24", "10.1.0.1/16", "fe80::1/64"),
		card("eth4", ethernet, "10.2.0.1/31"),
	}, lan.Selection{All: true})
	for _, c := range []struct {
		src   string
		index int
		want  string // the address as it is dialled, and the interface
	}{
		{"10.0.0.7", 2, "10.0.0.7 eth2"},
		{"10.0.0.7", 3, "10.0.0.7 eth3"}, // both have the subnet, and the system knows
		{"10.0.0.7", 0, "10.0.0.7 eth2"},
		{"10.0.0.1", 2, "10.0.0.1 eth2"}, // another node of this machine
		{"10.1.255.7", 0, "10.1.255.7 eth3"},
		{"10.1.255.7", 2, ""},
		{"10.2.0.0", 0, "10.2.0.0 eth4"},
		{"10.0.0.7", 9, ""}, // an interface that is not used
		{"10.0.0.255", 2, ""},
		{"10.0.1.7", 2, ""},
		{"192.0.2.7", 0, ""},
		{"127.0.0.1", 0, ""},
		{"0.0.0.0", 0, ""},
		{"255.255.255.255", 0, ""},
		{"224.0.0.1", 2, ""},
		{"fe80::7%eth3", 0, "fe80::7%eth3 eth3"},
		{"fe80::7%3", 0, "fe80::7%eth3 eth3"},
		{"fe80::7%3", 3, "fe80::7%eth3 eth3"},
		{"fe80::7", 2, "fe80::7%eth2 eth2"},
		{"fe80::7", 0, ""}, // on which network?
		{"fe80::7%eth9", 0, ""},
		{"fe80::7%eth4", 4, ""}, // no IPv6 there
		{"fd00::7", 0, "fd00::7 eth2"},
		{"fd00::7", 3, ""},
		{"fd01::7", 2, ""},
		{"::", 2, ""},
		{"ff12::504e:4554", 2, ""},
	} {
		got := ""
		if on, at, ok := origin(using, c.index, addr(c.src)); ok {
			got = at.String() + " " + on.Name
		}
		if got != c.want {
			t.Errorf("%s on %d: %q, want %q", c.src, c.index, got, c.want)
		}
	}
	if on, _, ok := origin(using, 0, netip.Addr{}); ok {
		t.Errorf("no address: %s", on.Name)
	}
}
