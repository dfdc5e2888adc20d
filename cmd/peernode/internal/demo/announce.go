package demo

import (
	"context"
	"net"
	"net/netip"
	"runtime"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A gate is a provider that does nothing until the gate is open.
type gate struct {
	discovery.Provider
	open chan struct{}
}

// Run implements discovery.Provider.
func (g *gate) Run(ctx context.Context, self discovery.Self, sight func(discovery.Sighting)) error {
	select {
	case <-g.open:
		return g.Provider.Run(ctx, self, sight)
	case <-ctx.Done():
		return nil
	}
}

// byUDP returns how one node announces itself over UDP, once announce is called, and how the other hears that. Nothing
// leaves this machine. announce is nil where the system does not broadcast on loopback.
func byUDP() (announcing, hearing peernet.Config, announce func(), err error) {
	if runtime.GOOS != "linux" {
		return announcing, hearing, nil, nil
	}
	free, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return announcing, hearing, nil, err
	}
	port := free.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	free.Close()
	options := udp.Options{Port: port, Broadcast: []netip.Addr{netip.AddrFrom4([4]byte{127, 255, 255, 255})}}
	closed := &gate{udp.New(options), make(chan struct{})}
	announcing.Discovery = []discovery.Provider{closed}
	hearing.Discovery, hearing.ListenOnly = []discovery.Provider{udp.New(options)}, true
	return announcing, hearing, func() { close(closed.open) }, nil
}
