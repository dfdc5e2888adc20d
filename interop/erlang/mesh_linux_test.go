package erlang_test

import (
	"context"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// TestMixedMeshOnALAN is one history of a mesh whose nodes are on three machines, with what a network has by default.
func TestMixedMeshOnALAN(t *testing.T) {
	t.Parallel()
	require(t)
	netns.Run(t, func(t *testing.T) {
		hosts, _ := netns.NewLAN(t, 3)
		b := startProcessBy(t, hosts[2].Start)
		b.listens = "{0,0,0,0}"
		b.do("{expose,echo,echo}")
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		m := mesh{t: t, random: rand.New(rand.NewPCG(seed, 0)), b: b, announce: "{10,77,0,255},4040"}
		for i := range m.configs {
			m.configs[i] = peernet.Config{
				DataDir: t.TempDir(), Identity: randomKeys(t), Listen: ":0", Network: networkOf(hosts[i]),
				Discovery: []discovery.Provider{udp.New(udp.Options{})},
			}
		}
		m.run()
	})
}

// networkOf returns the network of a host, for nodes of this process.
func networkOf(h *netns.Host) peernet.Network {
	return peernet.Network{
		Listen: func(ctx context.Context, network, address string) (l net.Listener, err error) {
			h.Do(func() { l, err = new(net.ListenConfig).Listen(ctx, network, address) })
			return l, err
		},
		Dial: func(ctx context.Context, network, address string) (c net.Conn, err error) {
			h.Do(func() { c, err = new(net.Dialer).DialContext(ctx, network, address) })
			return c, err
		},
		ListenPacket: func(ctx context.Context, network, address string) (c net.PacketConn, err error) {
			h.Do(func() { c, err = new(net.ListenConfig).ListenPacket(ctx, network, address) })
			return c, err
		},
		Interfaces: func() (list []discovery.Interface, err error) {
			h.Do(func() { list, err = netns.Interfaces() })
			return list, err
		},
	}
}
