// Package control is the control socket of a running node: how the subcommands of peernode talk to it.
//
// It is HTTP with JSON bodies over a Unix socket in the node's data directory. Every operation is
// POST /v1/NAME; a status of 200 carries the answer, any other an Error. The answer of watch is a stream: a
// line for each thing to tell, and an Error as the last. Only the user the node runs as, and root, can reach
// it: the socket's mode is 0600 at every moment of its life, and where the system tells who is at the other
// end, that is checked as well.
//
// The package moves requests and answers. What they do is the Backend's business, and what an error means to
// a person is said by the function given to NewServer.
package control

import (
	"context"
	"encoding/json"
	"time"
)

// Backend is what a node does on command. Server calls it, Client implements it. It is safe for concurrent
// use, and every method returns soon after its context ends.
type Backend interface {
	// Node says who the node is and how it is doing.
	Node(context.Context, NodeRequest) (Node, error)
	// Peers lists the trusted peers, in the order of the peers file.
	Peers(context.Context, PeersRequest) (Peers, error)
	// Watch tells the peers as they are, then each thing that happens to them, one at a time. It goes on until
	// its context ends, tell fails or the node stops, and returns why: never nil.
	Watch(ctx context.Context, q WatchRequest, tell func(Change) error) error
	// Discovered tells who is seen on the network, trusted or not, and how those who look are doing.
	Discovered(context.Context, DiscoveredRequest) (Discovered, error)
	// Connect connects the node to the peer, and waits until it is.
	Connect(context.Context, ConnectRequest) (Peer, error)
	// Wait waits until the node is connected to the peer, and does nothing to bring that about.
	Wait(context.Context, WaitRequest) (Peer, error)
	// Why tells what the node knows of its link to the peer.
	Why(context.Context, WhyRequest) (Why, error)
	// Call runs a handler of the peer and waits for its result.
	Call(context.Context, CallRequest) (CallAnswer, error)
	// CallAll runs a handler of every trusted peer at the same time and tells what came of each, in the order of the peers file.
	// The largest results are left out, each with an error in its place, if all have more than ResultsRoom bytes.
	CallAll(context.Context, CallAllRequest) (CallAllAnswer, error)
	// Send hands a message to the connection to the peer and does not wait for it to arrive.
	Send(context.Context, CallRequest) (SendAnswer, error)
	// Ping measures one round trip to the peer.
	Ping(context.Context, PingRequest) (PingAnswer, error)
}

// DefaultTimeout is how long an operation may take that names no time of its own.
const DefaultTimeout = 10 * time.Second

// maxTimeout is the longest an operation may take, as for a call on the wire (wire.md §6.3).
const maxTimeout = 24 * time.Hour

// Timeout is the part of every request that says how long it may take. It is counted by the node.
type Timeout struct {
	// Milliseconds is the time in ms; 0 and below mean DefaultTimeout, more than 24 h means 24 h.
	Milliseconds int64 `json:"timeout_ms,omitempty"`
}

// Within returns a Timeout of d, rounded up to a whole millisecond.
func Within(d time.Duration) Timeout {
	return Timeout{Milliseconds: int64((d + time.Millisecond - 1) / time.Millisecond)}
}

// limit returns the time as a duration within the bounds.
func (t Timeout) limit() time.Duration {
	switch {
	case t.Milliseconds <= 0:
		return DefaultTimeout
	case t.Milliseconds > int64(maxTimeout/time.Millisecond):
		return maxTimeout
	}
	return time.Duration(t.Milliseconds) * time.Millisecond
}

// Requests. A peer is named by its key in any text form, its label, or the beginning of its printed key.
type (
	// NodeRequest asks who the node is and how it is doing.
	NodeRequest struct{ Timeout }

	// PeersRequest asks for the trusted peers.
	PeersRequest struct{ Timeout }

	// WatchRequest asks for the trusted peers and what happens to them. It has no time of its own.
	WatchRequest struct{}

	// DiscoveredRequest asks who is seen on the network.
	DiscoveredRequest struct{ Timeout }

	// ConnectRequest asks for a connection. Without addresses those already known are tried.
	ConnectRequest struct {
		Timeout
		Peer      string   `json:"peer"`
		Addresses []string `json:"addresses,omitempty"`
	}

	// WaitRequest asks to be told when there is a connection.
	WaitRequest struct {
		Timeout
		Peer string `json:"peer"`
	}

	// WhyRequest asks what is known of the link to the peer.
	WhyRequest struct {
		Timeout
		Peer string `json:"peer"`
	}

	// CallRequest asks for a call, or for a send. Args is one JSON value; none means null.
	CallRequest struct {
		Timeout
		Peer string          `json:"peer"`
		Name string          `json:"name"`
		Args json.RawMessage `json:"args,omitempty"`
	}

	// CallAllRequest asks for a call to every trusted peer. It is otherwise as CallRequest.
	CallAllRequest struct {
		Timeout
		Name string          `json:"name"`
		Args json.RawMessage `json:"args,omitempty"`
	}

	// PingRequest asks for one round trip.
	PingRequest struct {
		Timeout
		Peer string `json:"peer"`
	}
)

// Answers. The fields of Node, Peer, Sighting, Why and Event are also what peernode prints with --json: names are never
// changed.
type (
	// Node is who the node is and how it is doing.
	Node struct {
		PublicKey string         `json:"public_key"`
		Addresses []string       `json:"addresses"` // that others can dial
		Listen    string         `json:"listen"`    // where it was told to listen
		Discovery []string       `json:"discovery"` // the providers that look for peers
		Advertise bool           `json:"advertise"` // whether they announce the node
		Private   bool           `json:"private"`   // whether they tell its peers alone
		Providers []Provider     `json:"providers"` // the same ones, and how they are doing
		Started   *time.Time     `json:"started,omitempty"`
		Uptime    float64        `json:"uptime_ms"`
		Peers     map[string]int `json:"peers"`             // how many are in each state
		Control   string         `json:"control"`           // the path of the control socket
		Metrics   string         `json:"metrics,omitempty"` // the URL where its metrics are read
		Traffic   Traffic        `json:"traffic"`           // with all peers, those included that are not trusted any more

		Accepted      uint64            `json:"connections_accepted"` // that others made
		Strangers     int               `json:"strangers"`            // of them, that have not authenticated yet
		HandshakesIn  map[string]uint64 `json:"handshakes_in"`        // that others began, by what became of them
		HandshakesOut map[string]uint64 `json:"handshakes_out"`       // that the node began, likewise
		EventsLost    uint64            `json:"events_lost"`          // to slow readers
	}

	// Provider is what looks for peers in one way.
	Provider struct {
		Name      string     `json:"name"`
		State     string     `json:"state"` // running, failed or ended
		Since     *time.Time `json:"since,omitempty"`
		Error     string     `json:"error,omitempty"`      // why it failed; also for a minute after it has been run again
		Hint      string     `json:"hint,omitempty"`       // what to do about that
		Next      *time.Time `json:"next,omitempty"`       // when it is run again, at the latest
		Sightings uint64     `json:"sightings"`            // that the node has looked at
		Dropped   uint64     `json:"dropped,omitempty"`    // that it had no room for
		Uses      []string   `json:"interfaces,omitempty"` // the network interfaces it uses, where it tells

		Counts map[string]uint64 `json:"counts,omitempty"` // what it counts itself, where it does
	}

	// Discovered is who is seen on the network, and by whom.
	Discovered struct {
		Seen      []Sighting `json:"seen"`
		Providers []Provider `json:"providers"`
	}

	// Sighting is one address at which one provider sees a key. Nothing of it is proved.
	Sighting struct {
		PublicKey string     `json:"public_key"`
		Label     string     `json:"label,omitempty"`
		Trusted   bool       `json:"trusted"`
		Self      bool       `json:"self,omitempty"` // it is the node of this data directory
		Address   string     `json:"address"`
		Source    string     `json:"source"`              // the provider
		Interface string     `json:"interface,omitempty"` // where it was heard
		FirstSeen *time.Time `json:"first_seen,omitempty"`
		LastSeen  *time.Time `json:"last_seen,omitempty"`
	}

	// Peers are the trusted peers.
	Peers struct {
		Peers []Peer `json:"peers"`
	}

	// Peer is one trusted peer as its node sees it now.
	Peer struct {
		PublicKey string     `json:"public_key"`
		Label     string     `json:"label,omitempty"`
		Name      string     `json:"name,omitempty"` // what the peer calls itself
		State     string     `json:"state"`
		Since     *time.Time `json:"since,omitempty"`
		Reason    string     `json:"reason,omitempty"`
		Address   string     `json:"address,omitempty"` // of the current connection
		Role      string     `json:"role,omitempty"`    // initiator or responder
		RTT       float64    `json:"rtt_ms,omitempty"`
		LastHeard *time.Time `json:"last_heard,omitempty"`
		Addresses []Address  `json:"addresses,omitempty"`

		// Of the lists of peers.
		SmoothedRTT float64  `json:"rtt_smoothed_ms,omitempty"`
		Traffic     *Traffic `json:"traffic,omitempty"`
	}

	// Address is one address of a peer and what happened there last.
	Address struct {
		Address    string     `json:"address"`
		Source     string     `json:"source,omitempty"`
		LastSeen   *time.Time `json:"last_seen,omitempty"`
		LastResult string     `json:"last_result,omitempty"`
	}

	// CallAllAnswer is what came of a call to every trusted peer.
	CallAllAnswer struct {
		Outcomes []Outcome `json:"outcomes"`
	}

	// Outcome is what came of the call to one peer: a result, which may be null, or an error.
	Outcome struct {
		PublicKey string          `json:"public_key"`
		Label     string          `json:"label,omitempty"`
		Result    json.RawMessage `json:"result,omitempty"`
		Error     *Error          `json:"error,omitempty"`
		Took      float64         `json:"took_ms"`
	}

	// Why is what the node knows of its link to a peer.
	Why struct {
		Peer
		History   []Step     `json:"history"`        // oldest first
		Next      *time.Time `json:"next,omitempty"` // when the node dials it again by itself
		Advice    string     `json:"advice,omitempty"`
		Sentences []string   `json:"sentences"` // all of it, as peernode prints it without --json
	}

	// Step is something that happened to a peer, once or again and again.
	Step struct {
		Time    *time.Time `json:"time,omitempty"`  // the first time
		Last    *time.Time `json:"last,omitempty"`  // the last time, if there were several
		Times   int        `json:"times,omitempty"` // how often, likewise
		State   string     `json:"state"`           // after it
		Address string     `json:"address,omitempty"`
		Source  string     `json:"source,omitempty"` // who said so, of an address
		Reason  string     `json:"reason,omitempty"`
	}

	// Change is one thing that Watch tells: one of its fields is there.
	Change struct {
		Peers []Peer `json:"peers,omitzero"` // all of them, as they are now
		Event *Event `json:"event,omitempty"`
	}

	// Event is one thing that happened to the node.
	Event struct {
		Kind string `json:"event"`
		Time string `json:"time,omitempty"` // RFC 3339, UTC, to the millisecond; listening has none

		// Of listening, the first that run prints.
		PublicKey string   `json:"public_key,omitempty"`
		Addresses []string `json:"addresses,omitempty"`
		Control   string   `json:"control,omitempty"` // the path of the control socket

		// Of all that concern a peer.
		Peer    string `json:"peer,omitempty"`
		Label   string `json:"label,omitempty"`
		Address string `json:"address,omitempty"`

		Source    string          `json:"source,omitempty"`    // found, updated, lost: who says so
		Interface string          `json:"interface,omitempty"` // found, updated: where it was heard
		Left      *int            `json:"left,omitempty"`      // lost: how many sightings of the key are left; 0: it is gone
		Role      string          `json:"role,omitempty"`      // connected: this node's, initiator or responder
		Name      string          `json:"name,omitempty"`      // connected: what the peer calls itself; received: the handler
		Reason    string          `json:"reason,omitempty"`    // lost, disconnected, refused
		Text      string          `json:"text,omitempty"`      // disconnected: the peer's own words
		Args      json.RawMessage `json:"args,omitempty"`      // received: what was sent
		Older     string          `json:"older,omitempty"`     // conflict: the addresses of the two nodes that use one key
		Newer     string          `json:"newer,omitempty"`
		Missed    int             `json:"missed,omitempty"` // lagged: events that nobody will see
	}

	// CallAnswer is what the handler returned, as one JSON value.
	CallAnswer struct {
		Result json.RawMessage `json:"result"`
	}

	// SendAnswer says to whom a message went.
	SendAnswer struct {
		PublicKey string `json:"public_key"`
		Label     string `json:"label,omitempty"`
	}

	// PingAnswer is one round trip.
	PingAnswer struct {
		PublicKey string  `json:"public_key"`
		Label     string  `json:"label,omitempty"`
		RTT       float64 `json:"rtt_ms"`
	}
)

// Milliseconds returns d in ms, to the microsecond, as the fields that end in _ms hold it.
func Milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)/time.Microsecond) / 1000
}
