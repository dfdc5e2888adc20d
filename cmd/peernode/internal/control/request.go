package control

import (
	"encoding/json"
	"time"
)

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
	// Request asks for what needs no more to be said.
	Request struct{ Timeout }

	// WatchRequest asks for the trusted peers and what happens to them. It has no time of its own.
	WatchRequest struct{}

	// PeerRequest asks for what concerns one peer.
	PeerRequest struct {
		Timeout
		Peer string `json:"peer"`
	}

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

	// CallAllRequest asks for a call to every trusted peer. It is otherwise as CallRequest.
	CallAllRequest struct {
		Timeout
		Name string          `json:"name"`
		Args json.RawMessage `json:"args,omitempty"`
	}
)
