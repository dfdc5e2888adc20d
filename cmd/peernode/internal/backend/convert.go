package backend

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// newPeer returns p as the control socket carries it.
func newPeer(p peernet.PeerInfo) control.Peer {
	peer := control.Peer{
		PublicKey: p.Key.String(),
		Label:     p.Label,
		Name:      p.Name,
		State:     string(p.State),
		Since:     moment(p.Since),
		Reason:    p.Reason,
		Blocked:   moment(p.Blocked),
		Address:   address(p.Addr),
		Role:      p.Role,
		RTT:       control.Milliseconds(p.RTT),
		LastHeard: moment(p.LastHeard),
		Dialect:   string(p.Dialect),
	}
	for _, a := range p.Addresses {
		peer.Addresses = append(peer.Addresses, control.Address{
			Address:    cmp.Or(address(a.Addr), a.Name),
			Name:       a.Name,
			Source:     a.Source,
			LastSeen:   moment(a.LastSeen),
			LastResult: a.LastResult,
		})
	}
	return peer
}

// newWhy returns e as the control socket carries it.
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

// newProvider returns s as the control socket carries it.
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
	for _, o := range s.Problems {
		p.Problems = append(p.Problems, control.Problem{Interface: o.Interface, Doing: o.Doing, Error: o.Err.Error(), Since: moment(o.Since)})
	}
	if s.Err != nil {
		p.Error = s.Err.Error()
	}
	if e, ok := errors.AsType[advisedError](s.Err); ok {
		p.Advice = e.Hint()
		p.Error = strings.TrimSuffix(p.Error, " ("+p.Advice+")")
	}
	return p
}

// An advisedError says what to do about it, as the errors of the providers do.
type advisedError interface {
	error
	Hint() string
}

// newTraffic returns t as the control socket carries it.
func newTraffic(t peernet.Traffic) control.Traffic {
	return control.Traffic{
		CallsIn: newCalls(t.CallsIn), CallsOut: newCalls(t.CallsOut), Refused: t.Refused,
		SendsIn: t.SendsIn, SendsOut: t.SendsOut, Dropped: t.Dropped, Unhandled: t.Unhandled,
		BytesIn: t.BytesIn, BytesOut: t.BytesOut, FramesIn: t.FramesIn, FramesOut: t.FramesOut, QueuedIn: t.QueuedIn, QueuedOut: t.QueuedOut,
		StreamBytes: t.StreamBytes, StreamsIgnored: t.StreamsIgnored,
		Sessions: t.Sessions, SessionsMade: t.SessionsMade, SessionsEnded: t.SessionsEnded,
		Dials: t.Dials, DialsFailed: t.DialsFailed,
	}
}

func newCalls(c peernet.CallStats) control.Calls {
	return control.Calls{InFlight: c.InFlight, OK: c.OK, Failed: c.Failed(), Errors: c.Errors, Lost: c.Lost, Abandoned: c.Abandoned}
}

// Event returns e as the command prints it and the control socket carries it.
func (b Backend) Event(e peernet.Event) control.Event {
	l := control.Event{Kind: e.Kind(), Time: timestamp(e.Time())}
	var key identity.PublicKey
	switch e := e.(type) {
	case peernet.Found:
		key, l.Address, l.Source, l.Interface = e.Peer, address(e.Addr), e.Source, e.Interface
	case peernet.Updated:
		key, l.Address, l.Source, l.Interface = e.Peer, address(e.Addr), e.Source, e.Interface
	case peernet.Lost:
		key, l.Address, l.Source, l.Reason, l.Left = e.Peer, address(e.Addr), e.Source, e.Reason, &e.Left
	case peernet.DiscoveryProblem:
		l.Source, l.State, l.Interface, l.Doing, l.Reason = e.Source, string(e.State), e.Interface, e.Doing, e.Reason
	case peernet.ListenerAdded:
		l.Address = address(e.Addr)
	case peernet.ListenerRemoved:
		l.Address = address(e.Addr)
	case peernet.Connected:
		key, l.Address, l.Role, l.Name = e.Peer, address(e.Addr), e.Role, e.Name
	case peernet.Disconnected:
		key, l.Address, l.Reason, l.Text = e.Peer, address(e.Addr), e.Reason, e.Text
	case peernet.GuestConnected:
		key, l.Address = e.Peer, address(e.Addr)
	case peernet.GuestDisconnected:
		key, l.Address, l.Reason, l.Text = e.Peer, address(e.Addr), e.Reason, e.Text
	case peernet.Paired:
		key, l.Label = e.Peer, e.Label
	case peernet.Unpaired:
		key = e.Peer
	case peernet.Blocked:
		key, l.Until = e.Peer, moment(e.Until)
	case peernet.Unblocked:
		key = e.Peer
	case peernet.Refused:
		key, l.Address, l.Reason = e.Peer, address(e.Addr), e.Reason
	case peernet.IdentityConflict:
		key, l.Older, l.Newer = e.Peer, address(e.Older), address(e.Newer)
		if !e.By.IsZero() {
			accuser, _ := b.node.Peer(e.By)
			l.By, l.ByLabel = e.By.String(), accuser.Label
		}
	case peernet.Lagged:
		l.Missed = e.N
	}
	if !key.IsZero() {
		l.Peer = key.String()
		known, _ := b.node.Peer(key)
		l.Label = cmp.Or(l.Label, known.Label)
	}
	return l
}

// Listening returns the event that a node listens and has its control socket at path.
func Listening(node *peernet.Node, path string) control.Event {
	return control.Event{Kind: "listening", PublicKey: node.PublicKey().String(), Addresses: texts(node.Addrs()), Control: path}
}

// Received returns the event that a peer has sent something.
func Received(r *peernet.Request) (control.Event, error) {
	args, err := r.Args().MarshalJSON()
	from := r.Caller()
	return control.Event{
		Kind: "received", Time: timestamp(time.Now()), Peer: from.Key.String(), Label: from.Label, Address: address(from.Addr),
		Name: r.Name(), Args: args,
	}, err
}

// Stopped returns the event that a node has stopped now.
func Stopped() control.Event { return control.Event{Kind: "stopped", Time: timestamp(time.Now())} }

// Lagged returns the event that n events were dropped.
func Lagged(n int) control.Event {
	return control.Event{Kind: peernet.Lagged{}.Kind(), Time: timestamp(time.Now()), Missed: n}
}

// timestamp returns t in the form of an event's time.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// moment returns t in UTC, cut to the millisecond.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// texts returns the text of each value.
func texts[T fmt.Stringer](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.String()
	}
	return out
}

// address returns a as text, or "" if a is not valid.
func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
