package envelope

import (
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// NameBye is the name of the send that says why a session ends (wire.md §6.8).
const NameBye = "$/bye"

// MaxRetryAfter is the longest time for which a bye may ask a peer to stay away; longer ones are read and written as
// MaxRetryAfter.
const MaxRetryAfter = 10 * time.Minute

// A Reason says why a session ends: the code of a bye (wire.md §10). Its registry is another than that of Code. Append
// only.
type Reason string

// The reasons that this package knows. An unknown reason is valid if it has the form of a code.
const (
	ReasonDuplicate    Reason = "duplicate"    // another session to the same peer is the one to keep
	ReasonRotated      Reason = "rotated"      // a session with fresh keys has taken its place
	ReasonIdle         Reason = "idle"         // the session has not been used for a while
	ReasonShutdown     Reason = "shutdown"     // the node stops
	ReasonRefused      Reason = "refused"      // the key is not trusted
	ReasonRevoked      Reason = "revoked"      // the key is no longer trusted
	ReasonConflict     Reason = "conflict"     // the key is in use twice
	ReasonBusy         Reason = "busy"         // the node has no room for another session
	ReasonProtocol     Reason = "protocol"     // the other side broke the protocol
	ReasonUnresponsive Reason = "unresponsive" // the other side does not answer
)

// A Bye is the last message of a side that ends a session.
type Bye struct {
	Code       Reason
	Text       string        // for people; may be empty. As received, valid UTF-8. A peer wrote it: print it quoted
	RetryAfter time.Duration // how long to stay away, in whole milliseconds rounded up; 0 if it does not say
}

// AppendBye appends the send that says y, and returns the longer slice. Text is cut to MaxText, RetryAfter to
// between 0 and MaxRetryAfter. It panics if y.Code is not 1 to MaxCode bytes of ASCII from '!' to '~'. ParseBye returns
// no such code.
func AppendBye(b []byte, y Bye) []byte {
	if err := checkCode(string(y.Code)); err != nil {
		panic(err)
	}
	b = beginSend(b, NameBye)
	b = append(b, fixArray|3)
	b = appendString(b, string(y.Code))
	b = appendString(b, ErrorText(y.Text))
	return appendUint(b, milliseconds(y.RetryAfter, MaxRetryAfter))
}

// ParseBye returns the Bye in the args of a send called NameBye: [code, text, retry_after_ms]. Text and retry_after_ms
// may be missing. Elements after them are ignored.
func ParseBye(args []byte) (Bye, error) {
	return parseArgs("bye", args, func(args []byte) (y Bye, err error) {
		n, p, err := headerOf(args, 0, values.List)
		if err != nil {
			return y, err
		}
		if n == 0 {
			return y, ErrArity
		}
		code, text, p, err := codeAndText(args, p, n)
		if err != nil {
			return y, err
		}
		y.Code, y.Text = Reason(code), ErrorText(string(text))
		if n > 2 {
			ms, err := unsigned(args, p)
			if err != nil {
				return y, fmt.Errorf("retry_after_ms: %w", err)
			}
			y.RetryAfter = duration(ms, MaxRetryAfter)
		}
		return y, nil
	})
}
