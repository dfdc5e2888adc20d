package control

import (
	"encoding/json"
	"time"
)

// DefaultTimeout is how long an operation may take if its request does not say.
const DefaultTimeout = 10 * time.Second

// maxTimeout is the longest an operation may take, as for a call on the wire (wire.md §6.3).
const maxTimeout = 24 * time.Hour

// A Timeout is how long an operation may take, in ms: 0 and below mean DefaultTimeout, more than 24 h means 24 h. The node
// counts it.
type Timeout int64

// Within returns a Timeout of d, rounded up to a whole millisecond.
func Within(d time.Duration) Timeout { return Timeout((d + time.Millisecond - 1) / time.Millisecond) }

// Limit returns the time as a duration within the bounds.
func (t Timeout) Limit() time.Duration {
	if t <= 0 {
		return DefaultTimeout
	}
	return time.Duration(min(t, Timeout(maxTimeout/time.Millisecond))) * time.Millisecond
}

// A Request asks for one operation, which reads the fields that it needs.
type Request struct {
	Timeout   Timeout         `json:"timeout_ms,omitempty"`
	Peer      string          `json:"peer,omitempty"`      // its key in any text form, its label, or the beginning of its printed key
	Addresses []string        `json:"addresses,omitempty"` // to connect to; if there are none, the node tries those that it knows; or the one to listen on
	Once      bool            `json:"once,omitempty"`      // the node does not keep the addresses
	Name      string          `json:"name,omitempty"`      // of the handler, of what is exposed, or of the network interface
	Target    string          `json:"target,omitempty"`    // what is exposed, as HOST:PORT
	Listen    string          `json:"listen,omitempty"`    // where to listen for what is forwarded, as HOST:PORT
	Allow     []string        `json:"allow,omitempty"`     // the peers that may use the name; if there are none, all that are trusted
	Args      json.RawMessage `json:"args,omitempty"`      // one JSON value; missing means null
}
