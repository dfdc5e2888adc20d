package peernet

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
)

// Stats are the numbers of a node at one moment. A counter never goes back as long as the node lives; a gauge is how much
// there is at the moment. Numbers that are read while they change may be one apart from each other.
type Stats struct {
	At     time.Time
	Uptime time.Duration // since Start; 0: not started

	// Total is the sum over all peers, those included that were unpaired: its counters never go back.
	Total Traffic

	// Guests is the sum over all guests (see the option Guests), and over the nodes whose guest this node was (CallAsGuest). It is not in
	// Total. No Dials are counted.
	Guests Traffic

	// Peers has every trusted peer, in the order of the peers file. The counters of a peer begin when it is paired.
	Peers []PeerStats

	// Accepted counts connections that others made to this node.
	Accepted uint64

	// Strangers is a gauge: connections of others that have not authenticated yet.
	Strangers int

	// Handshakes that this node has answered and begun, counted by their results: "ok", when the session came up;
	// "not_trusted", the other end's key is not trusted here; "refused", this node's key is not trusted there; "busy", one end
	// has no room for the other; "wrong_key", another key than the one that was dialled, or in private mode than the one that
	// knocked; "own_key"; "no_knock" and "mode", in private mode no trusted key has knocked, or only one end is private;
	// "dialect", the other end spoke BEAM, and its key is known to be native; "bad_message"; "unanswered", instead of message
	// 2 the connection ended; "timeout"; "evicted", there were too many strangers, or other peers waited for their turn to be
	// dialled; "yielded", the peer was proved at another address first; "stopped", by this node; and "failed", any other way.
	// Those that did not occur are left out.
	HandshakesIn, HandshakesOut map[string]uint64

	// EventsLost counts events that were dropped because a subscriber was slow: see Lagged.
	EventsLost uint64

	// Discovery is what Providers returns.
	Discovery []ProviderStatus
}

// PeerStats are the numbers of one peer.
type PeerStats struct {
	Peer  identity.PublicKey
	Label string // ours, from the trust set
	State PeerState
	Traffic

	// The round trips of pings: the last one, and their smoothed mean, in which a new one counts an eighth. 0: there was none. The
	// node pings by itself only a peer that is silent.
	RTT, SmoothedRTT time.Duration
}

// Traffic is what passed between this node and a peer, over all its sessions.
type Traffic struct {
	CallsIn  CallStats // of the peer
	CallsOut CallStats // of this node

	// Refused counts the calls of CallsIn that were answered `overloaded` because the peer was at its limits (Limits.CallsPerPeer,
	// Limits.CallBytesPerPeer).
	Refused uint64

	SendsIn   uint64 // arrived, handled or not
	SendsOut  uint64 // queued
	Dropped   uint64 // of SendsIn: the peer was at its limits (Limits.SendsPerPeer, Limits.SendBytesPerPeer)
	Unhandled uint64 // of SendsIn: there is no such handler

	// On the wire: frames with their headers and tags. Handshakes are not counted, nor what TCP adds.
	BytesIn, BytesOut   uint64
	FramesIn, FramesOut uint64

	// QueuedIn is a gauge: bytes of arguments of calls and streams that run and of sends that run or wait. QueuedOut likewise: bytes of envelopes that wait to
	// be written, or are being written.
	QueuedIn, QueuedOut int

	// StreamBytes is a gauge: what is reserved of Limits.StreamBytesPerPeer. StreamsIgnored counts values, credit and ends of streams that
	// were over when they came: some cross the end of a stream.
	StreamBytes    int
	StreamsIgnored uint64

	// Sessions is a gauge: those that are up, usually one. SessionsMade counts those that came up, and SessionsEnded those of them that ended, by reason: a
	// code of docs/wire.md §6.8, whichever end said it; "lost", without a bye; or "other". Those that did not occur are left out.
	Sessions      int
	SessionsMade  uint64
	SessionsEnded map[string]uint64

	// TCP connects to the peer: those that were made, and those that failed. Those that were called off, because another one was faster, are
	// not counted.
	Dials, DialsFailed uint64
}

// CallStats are the numbers of calls in one direction.
type CallStats struct {
	InFlight int // gauge: begun, and not ended

	// How calls ended; their sum is Ended. A call that was not sent is not counted, unless its context ended while it waited
	// for room: that is Abandoned.
	OK        uint64            // answered with a result
	Errors    map[string]uint64 // answered with an error, by code: one of ErrNoHandler and its like, or "other"; without those that did not occur
	Lost      uint64            // of this node: the link was lost before the answer
	Abandoned uint64            // of this node: its context ended before the answer
}

// Ended returns how many calls have ended, in whatever way.
func (c CallStats) Ended() uint64 { return c.OK + c.Failed() }

// Failed returns how many calls have ended otherwise than with a result.
func (c CallStats) Failed() uint64 {
	n := c.Lost + c.Abandoned
	for _, e := range c.Errors {
		n += e
	}
	return n
}

// Stats returns the numbers of the node as they are now. It may be called at any time, also after Shutdown, and costs calls
// nothing.
func (n *Node) Stats() Stats {
	s := Stats{At: n.config.Clock.Now(), Accepted: n.counters.Connections.Load(), Strangers: int(n.counters.Strangers.Load()), EventsLost: n.hub.lost.Load(),
		HandshakesIn: n.counters.Results(handshake.Responder), HandshakesOut: n.counters.Results(handshake.Initiator), Discovery: n.Providers()}
	if n.state.Load() != stateNew && !n.started.IsZero() {
		s.Uptime = s.At.Sub(n.started)
	}
	loads := n.server.Loads()
	peers, total := n.counters.Snapshot(n.trust.Contains)
	var all serve.Load
	for _, l := range loads {
		all.Calls, all.Bytes = all.Calls+l.Calls, all.Bytes+l.Bytes
	}
	s.Total, s.Guests = traffic(total, all), traffic(n.counters.GuestStats(), n.server.GuestLoad())
	for _, p := range n.trust.List() {
		info, _ := n.directory.Info(p.Key)
		counted := peers[p.Key]
		s.Peers = append(s.Peers, PeerStats{Peer: p.Key, Label: p.Label, State: PeerState(info.State), Traffic: traffic(counted, loads[p.Key]),
			RTT: counted.RTT, SmoothedRTT: counted.SmoothedRTT})
	}
	return s
}

func traffic(s counters.Stats, l serve.Load) Traffic {
	c := &s.Counts
	return Traffic{
		CallsIn:  callStats(l.Calls, c.CallsIn()),
		CallsOut: callStats(s.InFlight, c.CallsOut()),
		Refused:  c[counters.CallsRefused],
		SendsIn:  c[counters.SendsIn], SendsOut: c[counters.SendsOut], Dropped: c[counters.SendsDropped], Unhandled: c[counters.SendsUnhandled],
		BytesIn: c[counters.BytesIn], BytesOut: c[counters.BytesOut], FramesIn: c[counters.FramesIn], FramesOut: c[counters.FramesOut],
		QueuedIn: l.Bytes, QueuedOut: s.Queued, StreamBytes: s.StreamBytes, StreamsIgnored: c[counters.StreamsIgnored],
		Sessions: s.Sessions, SessionsMade: c[counters.SessionsMade], SessionsEnded: c.SessionsEnded(),
		Dials: c[counters.DialsConnected], DialsFailed: c[counters.DialsFailed],
	}
}

func callStats(inFlight int, c counters.Calls) CallStats {
	return CallStats{InFlight: inFlight, OK: c[counters.OK], Errors: c.Errors(), Lost: c[counters.Lost], Abandoned: c[counters.Abandoned]}
}
