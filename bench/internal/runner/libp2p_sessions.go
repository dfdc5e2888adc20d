package runner

import (
	"context"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// libp2pOpener makes sessions between the hosts of a mesh, so that a session costs what it adds to its hosts.
type libp2pOpener struct {
	hosts []host.Host
	free  chan [2]host.Host
}

func openLibp2p(sessions int) (measure.Opener, error) {
	o := &libp2pOpener{free: make(chan [2]host.Host, sessions)}
	for len(o.free) < sessions {
		h, err := newHost()
		if err != nil {
			return nil, err
		}
		h.SetStreamHandler(callProtocol, echoOnce)
		for _, other := range o.hosts {
			if len(o.free) < sessions {
				o.free <- [2]host.Host{h, other}
			}
		}
		o.hosts = append(o.hosts, h)
	}
	return o, nil
}

func (o *libp2pOpener) Open() (measure.Client, error) {
	pair := <-o.free
	from, to := pair[0], pair[1]
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := from.Connect(ctx, peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}); err != nil {
		return nil, err
	}
	return proven(libp2pLink{libp2pClient{from, to.ID()}})
}

// libp2pLink is the connection of two hosts of a mesh.
type libp2pLink struct{ libp2pClient }

func (l libp2pLink) Close() { l.host.Network().ClosePeer(l.responder) }

func (o *libp2pOpener) Close() {
	for _, h := range o.hosts {
		h.Close()
	}
}
