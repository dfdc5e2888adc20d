// Package control is the control socket of a running node: how the subcommands of peernode talk to it.
//
// It is HTTP with JSON bodies over a Unix socket in the node's data directory. Every operation is
// POST /v1/NAME; a status of 200 carries the answer, any other an Error. Only the user the node runs as, and
// root, can reach it: the socket's mode is 0600 at every moment of its life, and where the system tells who
// is at the other end, that is checked as well.
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
	// Node says who the node is.
	Node(context.Context, NodeRequest) (Node, error)
	// Peers lists the trusted peers, in the order of the peers file.
	Peers(context.Context, PeersRequest) (Peers, error)
	// Connect waits until the node is connected to the peer.
	Connect(context.Context, ConnectRequest) (Peer, error)
	// Call runs a handler of the peer and waits for its result.
	Call(context.Context, CallRequest) (CallAnswer, error)
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
	// NodeRequest asks who the node is.
	NodeRequest struct{ Timeout }

	// PeersRequest asks for the trusted peers.
	PeersRequest struct{ Timeout }

	// ConnectRequest asks for a connection. Without addresses those already known are tried.
	ConnectRequest struct {
		Timeout
		Peer      string   `json:"peer"`
		Addresses []string `json:"addresses,omitempty"`
	}

	// CallRequest asks for a call, or for a send. Args is one JSON value; none means null.
	CallRequest struct {
		Timeout
		Peer string          `json:"peer"`
		Name string          `json:"name"`
		Args json.RawMessage `json:"args,omitempty"`
	}

	// PingRequest asks for one round trip.
	PingRequest struct {
		Timeout
		Peer string `json:"peer"`
	}
)

// Answers. The fields of Peer are also what peernode prints with --json: names are never changed.
type (
	// Node is who the node is.
	Node struct {
		PublicKey string   `json:"public_key"`
		Addresses []string `json:"addresses"`
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
	}

	// Address is one address of a peer and what happened there last.
	Address struct {
		Address    string     `json:"address"`
		Source     string     `json:"source,omitempty"`
		LastSeen   *time.Time `json:"last_seen,omitempty"`
		LastResult string     `json:"last_result,omitempty"`
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
