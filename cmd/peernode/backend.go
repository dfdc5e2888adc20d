package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/mdns"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// errBadJSON: the argument of a call is not JSON, or nothing that can be sent.
var errBadJSON = errors.New("the argument cannot be sent")

// A backend does on a node what arrives at its control socket.
type backend struct {
	node *peernet.Node
	run  runInfo
}

var _ control.Backend = backend{}

// A runInfo is what run knows about its node beyond what the node tells.
type runInfo struct {
	listen    string // where it was told to listen
	discovery []discovery.Provider
	advertise bool      // whether these announce it
	private   bool      // whether they tell its peers alone
	started   time.Time // when it was started
	socket    string    // the path of its control socket
	metrics   string    // where its metrics are read; empty: nowhere
}

// newRunInfo returns what is known of a node with this configuration that has just started.
func newRunInfo(c peernet.Config) runInfo {
	return runInfo{listen: c.Listen, discovery: c.Discovery, advertise: !c.ListenOnly, private: c.Private, started: time.Now()}
}

// states are those a peer can be in, in the order in which status counts them.
var states = []peernet.PeerState{
	peernet.StateConnected, peernet.StateDialling, peernet.StateBackingOff, peernet.StateFound, peernet.StateUnknown,
}

// Node implements control.Backend.
func (b backend) Node(context.Context, control.NodeRequest) (control.Node, error) {
	peers := make(map[string]int, len(states))
	for _, s := range states {
		peers[string(s)] = 0
	}
	s := b.node.Stats()
	for _, p := range s.Peers {
		peers[string(p.State)]++
	}
	names := []string{}
	for _, p := range b.run.discovery {
		names = append(names, p.Name())
	}
	return control.Node{
		PublicKey: b.node.PublicKey().String(),
		Addresses: texts(b.node.Addrs()),
		Listen:    b.run.listen,
		Discovery: names,
		Advertise: b.run.advertise,
		Private:   b.run.private,
		Providers: b.providers(),
		Started:   moment(b.run.started),
		Uptime:    control.Milliseconds(time.Since(b.run.started)),
		Peers:     peers,
		Control:   b.run.socket,
		Metrics:   b.run.metrics,
		Traffic:   newTraffic(s.Total),

		Accepted: s.Accepted, Strangers: s.Strangers, HandshakesIn: s.HandshakesIn, HandshakesOut: s.HandshakesOut, EventsLost: s.EventsLost,
	}, nil
}

// Peers implements control.Backend.
func (b backend) Peers(context.Context, control.PeersRequest) (control.Peers, error) {
	return control.Peers{Peers: b.peers()}, nil
}

// peers returns all peers as the control socket tells them; there may be none, but there is a list.
func (b backend) peers() []control.Peer {
	peers := []control.Peer{}
	counted := make(map[identity.PublicKey]peernet.PeerStats)
	for _, s := range b.node.Stats().Peers {
		counted[s.Peer] = s
	}
	for _, p := range b.node.Peers() {
		peer := newPeer(p)
		if s, ok := counted[p.Key]; ok { // else it has been paired since
			traffic := newTraffic(s.Traffic)
			peer.Traffic, peer.SmoothedRTT = &traffic, control.Milliseconds(s.SmoothedRTT)
		}
		peers = append(peers, peer)
	}
	return peers
}

// Discovered implements control.Backend.
func (b backend) Discovered(context.Context, control.DiscoveredRequest) (control.Discovered, error) {
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

// providers returns what looks for peers as the control socket tells it; there may be none, but there is a list.
func (b backend) providers() []control.Provider {
	list := []control.Provider{}
	for _, s := range b.node.Providers() {
		p := newProvider(s)
		for _, d := range b.run.discovery {
			if d.Name() != s.Name {
				continue
			}
			switch d := d.(type) {
			case *udp.Provider:
				p.Uses = d.Stats().Interfaces
			case *mdns.Provider:
				p.Uses = d.Stats().Interfaces
			}
		}
		list = append(list, p)
	}
	return list
}

// newProvider returns s as the control socket tells it.
func newProvider(s peernet.ProviderStatus) control.Provider {
	p := control.Provider{
		Name:      s.Name,
		State:     string(s.State),
		Since:     moment(s.Since),
		Next:      moment(s.Next),
		Sightings: s.Sightings,
		Dropped:   s.Dropped,
		Counts:    s.Counts,
	}
	if s.Err != nil {
		p.Error = s.Err.Error()
	}
	if e, ok := errors.AsType[errorWithHint](s.Err); ok {
		p.Hint = e.Hint()
		p.Error = strings.TrimSuffix(p.Error, " ("+p.Hint+")")
	}
	return p
}

// An errorWithHint is an error that tells what to do about it, as those of the providers do.
type errorWithHint interface {
	error
	Hint() string
}

// Connect implements control.Backend.
func (b backend) Connect(ctx context.Context, q control.ConnectRequest) (control.Peer, error) {
	p, err := b.find(q.Peer)
	if err != nil {
		return control.Peer{}, err
	}
	if err := b.node.Connect(ctx, p.Key, q.Addresses...); err != nil {
		return control.Peer{}, b.about(q.Peer, err)
	}
	info, ok := b.node.Peer(p.Key)
	if !ok {
		return control.Peer{}, b.about(q.Peer, peernet.ErrNotTrusted) // not any more
	}
	return newPeer(info), nil
}

// Why implements control.Backend.
func (b backend) Why(_ context.Context, q control.WhyRequest) (control.Why, error) {
	p, err := b.find(q.Peer)
	if err != nil {
		return control.Why{}, err
	}
	e, err := b.node.Explain(p.Key)
	if err != nil {
		return control.Why{}, b.about(q.Peer, err)
	}
	return newWhy(e), nil
}

// Call implements control.Backend.
func (b backend) Call(ctx context.Context, q control.CallRequest) (control.CallAnswer, error) {
	p, args, err := b.prepare(ctx, q)
	if err != nil {
		return control.CallAnswer{}, err
	}
	raw, err := b.node.Call(ctx, p.Key, q.Name, args)
	if err != nil {
		return control.CallAnswer{}, b.about(q.Peer, err)
	}
	result, err := raw.MarshalJSON()
	if err != nil {
		return control.CallAnswer{}, b.about(q.Peer, fmt.Errorf("writing the result as JSON: %w", err))
	}
	return control.CallAnswer{Result: result}, nil
}

// Send implements control.Backend.
func (b backend) Send(ctx context.Context, q control.CallRequest) (control.SendAnswer, error) {
	p, args, err := b.prepare(ctx, q)
	if err != nil {
		return control.SendAnswer{}, err
	}
	if err := b.node.Send(ctx, p.Key, q.Name, args); err != nil {
		return control.SendAnswer{}, b.about(q.Peer, err)
	}
	return control.SendAnswer{PublicKey: p.Key.String(), Label: p.Label}, nil
}

// Ping implements control.Backend.
func (b backend) Ping(ctx context.Context, q control.PingRequest) (control.PingAnswer, error) {
	p, err := b.find(q.Peer)
	if err == nil {
		err = b.awake(ctx, q.Peer, p)
	}
	if err != nil {
		return control.PingAnswer{}, err
	}
	rtt, err := b.node.Ping(ctx, p.Key)
	if err != nil {
		return control.PingAnswer{}, b.about(q.Peer, err)
	}
	return control.PingAnswer{PublicKey: p.Key.String(), Label: p.Label, RTT: control.Milliseconds(rtt)}, nil
}

// awake connects to a peer whose connection ended because nobody used it: it is needed now.
func (b backend) awake(ctx context.Context, name string, p trust.Peer) error {
	if e, err := b.node.Explain(p.Key); err != nil || !e.Asleep {
		return nil // what is wrong will be told by what follows
	}
	if err := b.node.Connect(ctx, p.Key); err != nil {
		return b.about(name, err)
	}
	return nil
}

// prepare returns the peer and the arguments of a call or send.
func (b backend) prepare(ctx context.Context, q control.CallRequest) (trust.Peer, any, error) {
	p, err := b.find(q.Peer)
	if err == nil {
		err = b.awake(ctx, q.Peer, p)
	}
	if err != nil {
		return trust.Peer{}, nil, err
	}
	if len(q.Args) == 0 {
		return p, nil, nil
	}
	args, err := parseJSON(q.Args)
	return p, args, err
}

// find returns the peer that text names. A key that is not trusted is returned without a label: what is to
// be done with it fails with the reason.
func (b backend) find(text string) (trust.Peer, error) {
	p, err := b.lookup(text)
	if _, trusted := b.node.Peer(p.Key); trusted && err == nil {
		return p, nil
	}
	if b.node.Reload() != nil { // the node reports by itself what is wrong with the file
		return p, err
	}
	return b.lookup(text) // it may have been edited a moment ago
}

func (b backend) lookup(text string) (trust.Peer, error) {
	key, err := b.node.Lookup(text)
	if err != nil {
		return orByPrefix(b.node.Trusted(), text, err)
	}
	info, _ := b.node.Peer(key)
	return trust.Peer{Key: key, Label: info.Label}, nil
}

// about says that err concerns the peer that the user named like this.
func (b backend) about(peer string, err error) error {
	return &peerError{self: b.node.PublicKey().String(), peer: peer, err: err}
}

// parseJSON returns the value that is sent for text, which fits into an envelope.
func parseJSON(text []byte) (any, error) {
	v, err := envelope.FromJSON(text)
	if err == nil {
		_, err = envelope.Msgpack.AppendCall(nil, 1, "any", envelope.Options{}, v) // some may be too deep just there
	}
	if err != nil {
		return nil, &hintedError{fmt.Errorf("%w: %w", errBadJSON, plain(err)), jsonHint(err)}
	}
	return v, nil
}

// jsonHint says what to do about a text of which no value can be made.
func jsonHint(err error) string {
	switch {
	case errors.Is(err, envelope.ErrDepth):
		return fmt.Sprintf("nest arrays and objects at most %d deep: the message itself is one more", envelope.MaxDepth-1)
	case errors.Is(err, envelope.ErrElements):
		return fmt.Sprintf("send fewer than %d values at a time", envelope.MaxElements)
	case errors.Is(err, envelope.ErrNumber):
		return "whole numbers go from -9223372036854775808 to 18446744073709551615, others to 1.7e308: give larger ones as text"
	case errors.Is(err, envelope.ErrDuplicateKey):
		return "give each key of an object once"
	}
	return `quote it for the shell, as in '{"text": "hello"}' or '"hello"'`
}

// newPeer returns p as the control socket tells it.
func newPeer(p peernet.PeerInfo) control.Peer {
	peer := control.Peer{
		PublicKey: p.Key.String(),
		Label:     p.Label,
		Name:      p.Name,
		State:     string(p.State),
		Since:     moment(p.Since),
		Reason:    p.Reason,
		Address:   address(p.Addr),
		Role:      p.Role,
		RTT:       control.Milliseconds(p.RTT),
		LastHeard: moment(p.LastHeard),
	}
	for _, a := range p.Addresses {
		peer.Addresses = append(peer.Addresses, control.Address{
			Address:    a.Addr.String(),
			Source:     a.Source,
			LastSeen:   moment(a.LastSeen),
			LastResult: a.LastResult,
		})
	}
	return peer
}

// newWhy returns e as the control socket tells it.
func newWhy(e peernet.Explanation) control.Why {
	why := control.Why{Peer: newPeer(e.Peer), History: []control.Step{}, Next: moment(e.Next), Advice: e.Advice}
	for _, s := range e.History {
		step := control.Step{
			Time:    moment(s.At),
			State:   string(s.State),
			Address: address(s.Addr),
			Source:  s.Source,
			Reason:  s.Reason,
		}
		if s.Times > 1 {
			step.Times, step.Last = s.Times, moment(s.Last)
		}
		why.History = append(why.History, step)
	}
	why.Sentences = strings.Split(e.String(), "\n")
	return why
}

// moment returns t to the millisecond in UTC, or nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

// texts returns each of values as it prints.
func texts[T fmt.Stringer](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.String()
	}
	return out
}
