// Package backend does the operations that arrive at the control socket of a node.
package backend

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/discovery/mdns"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A Run is one run of a node, as far as the node itself does not tell it. It is complete before the first operation.
type Run struct {
	Config  peernet.Config // the node's
	Started time.Time
	Socket  string // the path of its control socket
	Metrics string // the URL of its metrics; may be empty

	Interfaces []string // that its providers were told to use
}

// A Backend does operations on a node.
type Backend struct {
	node    *peernet.Node
	run     *Run
	tunnels *tunnels
	chosen  *choice
	offer   *atomic.Pointer[watchedOffer] // the latest; nil: there was none
}

// New returns a Backend for node.
func New(node *peernet.Node, run *Run) Backend {
	return Backend{node, run, new(tunnels), &choice{names: slices.Clone(run.Interfaces)}, new(atomic.Pointer[watchedOffer])}
}

// Serve adds every operation to s.
func (b Backend) Serve(s *control.Server) {
	control.GetNode.Serve(s, b.Node)
	control.GetPeers.Serve(s, b.Peers)
	control.GetListeners.Serve(s, b.Listeners)
	control.AddListener.Serve(s, b.AddListener)
	control.RemoveListener.Serve(s, b.RemoveListener)
	control.AddInterface.Serve(s, b.AddInterface)
	control.RemoveInterface.Serve(s, b.RemoveInterface)
	control.GetKnocks.Serve(s, b.Knocks)
	control.IgnoreKnock.Serve(s, b.IgnoreKnock)
	control.AcceptKnock.Serve(s, b.AcceptKnock)
	control.GetBlocked.Serve(s, b.Blocked)
	control.BlockKey.Serve(s, b.Block)
	control.UnblockKey.Serve(s, b.Unblock)
	control.Watch.Serve(s, b.Watch)
	control.Discover.Serve(s, b.Discover)
	control.Connect.Serve(s, b.Connect)
	control.Wait.Serve(s, b.Wait)
	control.Explain.Serve(s, b.Explain)
	control.Call.Serve(s, b.Call)
	control.CallAll.Serve(s, b.CallAll)
	control.CallAsGuest.Serve(s, b.CallAsGuest)
	control.Send.Serve(s, b.Send)
	control.Ping.Serve(s, b.Ping)
	control.OfferPairing.Serve(s, b.OfferPairing)
	control.AwaitPairing.Serve(s, b.AwaitPairing)
	control.JoinPairing.Serve(s, b.JoinPairing)
	control.Expose.Serve(s, b.Expose)
	control.Forward.Serve(s, b.Forward)
	control.Pipe.Serve(s, b.Pipe)
	control.Take.Serve(s, b.Take)
}

// States are the states of a peer, in the order in which status counts them.
var States = []peernet.PeerState{
	peernet.StateConnected, peernet.StateDialling, peernet.StateBackingOff, peernet.StateFound, peernet.StateUnknown,
}

// Node is control.GetNode.
func (b Backend) Node(context.Context, control.Request) (control.Node, error) {
	peers := make(map[string]int, len(States))
	for _, s := range States {
		peers[string(s)] = 0
	}
	s := b.node.Stats()
	for _, p := range s.Peers {
		peers[string(p.State)]++
	}
	names := []string{}
	for _, p := range b.run.Config.Discovery {
		names = append(names, p.Name())
	}
	return control.Node{
		PublicKey: b.node.PublicKey().String(),
		Addresses: texts(b.node.Addrs()),
		Listen:    b.run.Config.Listen,
		Listeners: b.listeners(),
		Discovery: names,
		Advertise: !b.run.Config.ListenOnly,
		Private:   b.run.Config.Private,
		Providers: b.providers(),
		Started:   moment(b.run.Started),
		Uptime:    control.Milliseconds(time.Since(b.run.Started)),
		Peers:     peers,
		Control:   b.run.Socket,
		Metrics:   b.run.Metrics,
		Traffic:   newTraffic(s.Total),
		Guests:    newTraffic(s.Guests),
		PeersFile: b.peersFile(),
		Tunnels:   b.tunnels.list(),

		Accepted: s.Accepted, Strangers: s.Strangers, HandshakesIn: s.HandshakesIn, HandshakesOut: s.HandshakesOut, EventsLost: s.EventsLost,
	}, nil
}

// Peers is control.GetPeers. The list may be empty, but is never nil.
func (b Backend) Peers(context.Context, control.Request) (control.Peers, error) {
	peers := []control.Peer{}
	counted := make(map[identity.PublicKey]peernet.PeerStats)
	for _, s := range b.node.Stats().Peers {
		counted[s.Peer] = s
	}
	for _, p := range b.node.Peers() {
		peer := newPeer(p)
		if s, ok := counted[p.Key]; ok { // else it was paired after that
			traffic := newTraffic(s.Traffic)
			peer.Traffic, peer.SmoothedRTT = &traffic, control.Milliseconds(s.SmoothedRTT)
		}
		peers = append(peers, peer)
	}
	return control.Peers{Peers: peers, PeersFile: b.peersFile()}, nil
}

// peersFile returns why the node cannot use its peers file, or "".
func (b Backend) peersFile() string {
	if err := b.node.TrustError(); err != nil {
		return err.Error()
	}
	return ""
}

// Discover is control.Discover.
func (b Backend) Discover(context.Context, control.Request) (control.Discovered, error) {
	d := control.Discovered{Seen: []control.Sighting{}, Providers: b.providers()}
	for _, p := range b.node.Discovered() {
		d.Seen = append(d.Seen, control.Sighting{
			PublicKey: p.Peer.String(),
			Label:     p.Label,
			Trusted:   p.Trusted,
			Address:   address(p.Addr),
			Source:    p.Source,
			Interface: p.Interface,
			FirstSeen: moment(p.First),
			LastSeen:  moment(p.Last),
		})
	}
	return d, nil
}

// providers returns the node's providers. The list may be empty, but is never nil.
func (b Backend) providers() []control.Provider {
	list := []control.Provider{}
	for _, s := range b.node.Providers() {
		p := newProvider(s)
		for _, d := range b.run.Config.Discovery {
			if d.Name() != s.Name {
				continue
			}
			switch d := d.(type) {
			case *udp.Provider:
				p.Uses, p.Unused = d.Stats().Interfaces, d.Stats().Unused
			case *mdns.Provider:
				p.Uses, p.Unused = d.Stats().Interfaces, d.Stats().Unused
			}
		}
		last := s.Heard
		if s.Since.After(last) {
			last = s.Since
		}
		if len(p.Uses) > 0 && s.Next.IsZero() && time.Since(last) >= silenceTime {
			p.Silence = moment(last)
		}
		list = append(list, p)
	}
	return list
}

// silenceTime is how long a provider must have seen no node before status says so.
const silenceTime = time.Minute

// Connect is control.Connect.
func (b Backend) Connect(ctx context.Context, q control.Request) (control.Peer, error) {
	return onPeer(b, q.Peer, func(p trust.Peer) (control.Peer, error) {
		connect := b.node.Connect
		if q.Once {
			connect = b.node.ConnectOnce
		}
		if err := connect(ctx, p.Key, q.Addresses...); err != nil {
			return control.Peer{}, err
		}
		info, ok := b.node.Peer(p.Key)
		if !ok {
			return control.Peer{}, peernet.ErrNotTrusted // not any more
		}
		return newPeer(info), nil
	})
}

// Explain is control.Explain.
func (b Backend) Explain(_ context.Context, q control.Request) (control.Why, error) {
	return onPeer(b, q.Peer, func(p trust.Peer) (control.Why, error) {
		e, err := b.node.Explain(p.Key)
		if err != nil {
			return control.Why{}, err
		}
		return newWhy(e), nil
	})
}

// onPeer returns what do returns for the peer that name names, and adds the name to an error of do.
func onPeer[A any](b Backend, name string, do func(trust.Peer) (A, error)) (a A, err error) {
	p, err := b.find(name)
	if err != nil {
		return a, err
	}
	if a, err = do(p); err != nil {
		err = b.about(name, err)
	}
	return a, err
}

// onAwake is onPeer, but first connects to the peer if its connection ended for want of use.
func onAwake[A any](ctx context.Context, b Backend, name string, do func(trust.Peer) (A, error)) (A, error) {
	return onPeer(b, name, func(p trust.Peer) (a A, err error) {
		if e, err := b.node.Explain(p.Key); err == nil && e.Asleep { // if Explain fails, do says what is wrong
			if err := b.node.Connect(ctx, p.Key); err != nil {
				return a, err
			}
		}
		return do(p)
	})
}

// find returns the peer that name names, or a key that is not trusted without a label: then the operation on it fails and
// says why.
func (b Backend) find(name string) (trust.Peer, error) {
	b.reload()
	key, err := b.node.Lookup(name)
	if err != nil {
		return text.FindPrefix(b.node.Trusted(), name, err)
	}
	info, _ := b.node.Peer(key)
	return trust.Peer{Key: key, Label: info.Label}, nil
}

// reload reads the peers file, which may have been edited a moment ago. The node itself reports what is wrong with it.
func (b Backend) reload() { _ = b.node.Reload() }

// about returns err with the name that the user gave the peer.
func (b Backend) about(peer string, err error) error {
	return failure.About(b.node.PublicKey().String(), peer, err)
}
