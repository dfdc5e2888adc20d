package control

import (
	"encoding/json"
	"time"
)

// DefaultTimeout is how long an operation may take that names no time of its own.
const DefaultTimeout = 10 * time.Second

// maxTimeout is the longest an operation may take, as for a call on the wire (wire.md §6.3).
const maxTimeout = 24 * time.Hour

// Timeout is the part of a request that says how long it may take. It is counted by the node.
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

// A Request asks for one operation, which reads the fields that it needs.
type Request struct {
	Timeout
	Peer      string          `json:"peer,omitempty"`      // its key in any text form, its label, or the beginning of its printed key
	Addresses []string        `json:"addresses,omitempty"` // to connect to; without them those already known are tried
	Once      bool            `json:"once,omitempty"`      // the node does not keep the addresses
	Name      string          `json:"name,omitempty"`      // of the handler
	Args      json.RawMessage `json:"args,omitempty"`      // one JSON value; none means null
}
