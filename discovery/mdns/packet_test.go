package mdns

import (
	"net/netip"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

func TestOnlyMulticastsOfTheLinkAreHeard(t *testing.T) {
	at := netip.MustParseAddrPort
	near := at("10.77.0.1:5353")
	for _, c := range []struct {
		name  string
		from  origin
		using []discovery.Interface
		want  int // 0: not heard
	}{
		{"IPv4", origin{near, 2, group4}, []discovery.Interface{eth0, eth1}, 2},
		{"IPv6", origin{at("[fe80::1%eth1]:5353"), 3, group6}, []discovery.Interface{eth0, eth1}, 3},
		{"a sender of another subnet on the LAN", origin{at("192.0.2.1:5353"), 2, group4}, []discovery.Interface{eth0}, 2},
		{"another interface", origin{near, 4, group4}, []discovery.Interface{eth0, eth1}, 0},
		{"another port", origin{at("10.77.0.1:5354"), 2, group4}, []discovery.Interface{eth0}, 0},
		{"sent to us alone", origin{near, 2, netip.MustParseAddr("10.77.0.99")}, []discovery.Interface{eth0}, 0},
		{"sent to another group", origin{near, 2, netip.MustParseAddr("224.0.0.1")}, []discovery.Interface{eth0}, 0},
		{"the system does not say where", origin{src: near}, []discovery.Interface{eth0}, 2},
		{"nor where, and it is far", origin{src: at("192.0.2.1:5353")}, []discovery.Interface{eth0}, 0},
		{"nor where, over IPv6", origin{src: at("[fe80::1%7]:5353")}, []discovery.Interface{eth0}, 2},
		{"no sender", origin{}, []discovery.Interface{eth0}, 0},
	} {
		on, ok := c.from.on(c.using)
		if ok != (c.want != 0) || on.Index != c.want && ok {
			t.Errorf("%s: %d, %v; want %d", c.name, on.Index, ok, c.want)
		}
	}
}
