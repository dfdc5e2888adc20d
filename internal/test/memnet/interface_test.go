package memnet

import (
	"net"
	"net/netip"
	"reflect"
	"testing"
)

func TestInterfacesAreTheLoopbackAndOnePerSubnet(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, _, _ *Host) {
		lo := Interface{1, "lo", net.FlagUp | net.FlagLoopback | net.FlagRunning, prefixes("127.0.0.1/8", "::1/128")}
		const flags = net.FlagUp | net.FlagBroadcast | net.FlagMulticast | net.FlagRunning
		h := n.Host(addr("10.0.0.3"), addr("fd00::3"), addr("10.0.0.4"), addr("fe80::3"))
		check := func(want ...Interface) {
			t.Helper()
			got, err := h.Interfaces()
			if err != nil || !reflect.DeepEqual(got, append([]Interface{lo}, want...)) {
				t.Errorf("Interfaces = %v, %v, want %v and lo", got, err, want)
			}
		}
		check(
			Interface{2, "eth0", flags, prefixes("10.0.0.3/24", "10.0.0.4/24")},
			Interface{3, "eth1", flags, prefixes("fd00::3/64")},
			Interface{4, "eth2", flags, prefixes("fe80::3/64")},
		)
		h.SetAddrs()
		check()
		h.SetAddrs(addr("192.0.2.3"), addr("fd00::9"))
		check(
			Interface{3, "eth1", flags, prefixes("fd00::9/64")},
			Interface{5, "eth3", flags, prefixes("192.0.2.3/24")},
		)
	})
}

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, s := range texts {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

func TestBroadcastIsTheLastAddressOfASubnet(t *testing.T) {
	for prefix, want := range map[string]string{
		"10.0.0.0/24": "10.0.0.255", "127.0.0.0/8": "127.255.255.255", "10.1.2.0/31": "10.1.2.1", "1.2.3.4/32": "1.2.3.4",
	} {
		if got := broadcast(netip.MustParsePrefix(prefix)); got != addr(want) {
			t.Errorf("broadcast(%s) = %v, want %s", prefix, got, want)
		}
	}
}
