// Package envelope says what a message means: it implements wire.md §6, the five kinds of envelope and the protocol's own
// messages, in MessagePack. Package etf has the envelopes of the BEAM dialect.
//
//	call   [0, id, name, args]  or  [0, id, name, args, options]
//	reply  [1, id, error, result]
//	send   [2, name, args]
//	ping   [3, nonce]
//	pong   [4, nonce]
//
// A session has one [Codec]: Parse reads what arrives, Append* writes what is sent. Args and results stay bytes, a
// [Raw], until a handler or a caller knows their type. [ParseHello], [ParseBye], [ParseCancel], [ParseData], [ParseCredit]
// and [ParseEnd] read the args of the sends whose names begin with "$/".
//
// # What is read
//
// Parse checks all of a body as [Guard] does before it reads any of it, and accepts only the shapes above. Integers and
// lengths may have any width; a float is not an integer, a binary not a string, nil not an empty map. Ids are 1 to
// 2^64-1. Names are UTF-8 of 1 to 255 bytes without control characters. Nonces are binaries of 1 to 64 bytes. The error
// of a reply is nil, [code, text] or [code, text, data]. If it is not nil, the result must be nil. Codes are 1 to 64
// bytes of ASCII from '!' to '~', so that they can be printed and compared anywhere.
//
// Options are a map, never nil, with string keys. "t" is an unsigned number of milliseconds, read as at most 24 hours.
// "trace" is a string of at most 256 bytes, ASCII from ' ' to '~' (a W3C traceparent has 55). "s" is a number of bytes
// from 0 to 2^31-1. Other keys are ignored. A map of the protocol has at most 32 keys, each once.
//
// # What is written
//
// Integers and lengths in their shortest form; floats as they are, in 4 or 8 bytes, even if their value is whole.
// Structs become maps from field names to values, renamed by `msgpack:"name"` tags or else by `json:"name"` tags. Fields
// with omitempty are left out by the rule of encoding/json. Fields of embedded structs count as the outer struct's own.
// Types with a method of package msgpack, MarshalBinary or MarshalText encode themselves; MarshalJSON is not used.
//
// What would arrive as something else is an error at one of the two ends, never another value. At the sender it is
// [ErrEncode]: a type whose fields are all unexported and that does not encode itself, two fields of one name, a pointer
// to nil inside another value. At the receiver it is [ErrDecode]. Three things are lost without an error: the time zone of a
// time.Time, fields that are not exported beside fields that are, and the Go types of what is in an any.
//
// Append* check what they wrote with the same guard. So data that no peer would accept is a local error of the
// application, and does not cost it the session. Whether an envelope fits a frame is for the caller to check.
//
// # Promises
//
// This package does no I/O, starts no goroutine and keeps no argument. All functions are safe for concurrent use as
// long as the bytes do not change. Each reason to refuse bytes is an error of its own, for errors.Is.
package envelope

import (
	"errors"
	"strconv"
	"time"
)

// Bounds of the fields of an envelope (wire.md §6.3, §6.6).
const (
	// MaxTimeout is the longest timeout of a call; longer ones are read and written as MaxTimeout. So a peer's number
	// cannot overflow a clock.
	MaxTimeout = 24 * time.Hour
	// MaxTrace is the bytes that the trace of a call may have. It is copied into logs and further calls.
	MaxTrace = 256
	// MaxNonce is the bytes that the nonce of a ping may have. It comes back in the pong, so it bounds what a ping costs.
	MaxNonce = 64
)

// Reasons to refuse an envelope, beside those of the guard, of its fields' types and of names.
var (
	// ErrKind reports an envelope of an unknown kind.
	ErrKind = errors.New("envelope: no such kind")
	// ErrID reports the id 0.
	ErrID = errors.New("envelope: an id is 1 to 2^64-1")
	// ErrNonce reports a nonce of 0 or more than MaxNonce bytes.
	ErrNonce = errors.New("envelope: a nonce has 1 to 64 bytes")
	// ErrTrace reports a trace of more than MaxTrace bytes, or with bytes other than ASCII from ' ' to '~'.
	ErrTrace = errors.New("envelope: a trace has at most 256 bytes of ASCII")
	// ErrResultWithError reports a reply that has an error and a result that is not nil.
	ErrResultWithError = errors.New("envelope: a reply has both an error and a result")
)

// A Kind is the first element of an envelope (wire.md §6). Append only.
type Kind uint8

// The kinds of envelopes.
const (
	KindCall  Kind = 0 // answered by exactly one reply
	KindReply Kind = 1
	KindSend  Kind = 2 // never answered
	KindPing  Kind = 3 // answered by a pong with the same nonce
	KindPong  Kind = 4
)

var kindNames = [...]string{KindCall: "call", KindReply: "reply", KindSend: "send", KindPing: "ping", KindPong: "pong"}

// String returns the name that wire.md gives the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// A CallID names a call within one session and one direction. The caller chooses it; it is never 0.
type CallID uint64

// Options are what a call may say about itself (wire.md §6.3). The zero Options say nothing.
type Options struct {
	// Timeout is the time that the caller will wait, if HasTimeout. It travels in milliseconds, rounded up, between 0
	// (expired) and MaxTimeout.
	Timeout    time.Duration
	HasTimeout bool
	// IsStream says that the call is a stream (wire.md §6.11). Credit is how many bytes of values the callee may send before
	// it is granted more, at most MaxCredit.
	IsStream bool
	Credit   int32
	// Trace is a W3C traceparent, or empty. Only its length and characters are checked: see ValidTrace.
	Trace string
}

// An Envelope is one parsed envelope. Its slices, and those in Err, alias the parsed body and have no room to append.
// They are valid for as long as the body is. A Name that travels in another encoding than UTF-8 is a copy.
type Envelope struct {
	Kind    Kind
	ID      CallID       // call, reply
	Name    []byte       // call, send
	Args    []byte       // call, send: exactly one value, guarded
	Options Options      // call
	Err     *RemoteError // reply; nil if the call succeeded. In the BEAM dialect also why the reply cannot be read: see Undecodable
	Result  []byte       // reply; exactly one value, guarded. Nil if the call failed
	Nonce   []byte       // ping, pong
}

// A Codec reads and writes the envelopes of one dialect. It is safe for concurrent use.
//
// The Append methods append one envelope to b and return the longer slice, as append does. If they fail, they return b
// with nothing added. args and result are any Go value that can be encoded, a [Raw], or nil. They are encoded before
// the method returns, and not kept.
type Codec interface {
	// Parse sets e to the envelope that body holds. The error is one of this package's, perhaps wrapped. After an error, e
	// means nothing.
	Parse(body []byte, e *Envelope) error
	// AppendCall appends a call. The error may be ErrID, one of names or options, or one of encoding or guarding args. A
	// dialect without options sends none.
	AppendCall(b []byte, id CallID, name string, o Options, args any) ([]byte, error)
	// AppendReply appends the reply to a call that succeeded.
	AppendReply(b []byte, id CallID, result any) ([]byte, error)
	// AppendError appends the reply to a call that failed. e must not be nil. Bytes of its text that are not UTF-8 are
	// replaced. The BEAM dialect has no room for data, which it leaves out.
	AppendError(b []byte, id CallID, e *RemoteError) ([]byte, error)
	// AppendSend appends a send.
	AppendSend(b []byte, name string, args any) ([]byte, error)
	// AppendPing appends a ping. It panics if nonce is not 1 to MaxNonce bytes. In the BEAM dialect it may be empty.
	AppendPing(b, nonce []byte) []byte
	// AppendPong appends the answer to a ping with that nonce. It panics if nonce is one that Parse never returns.
	AppendPong(b, nonce []byte) []byte
	// AppendValue appends one value, as AppendCall encodes its args.
	AppendValue(b []byte, v any) ([]byte, error)
	// DecodeValue decodes the one value that data holds into v, a pointer. data may be hostile. The stored value never
	// aliases data.
	DecodeValue(data []byte, v any) error
	// AppendJSON appends the one value that data holds as JSON. data may be hostile.
	AppendJSON(b, data []byte) ([]byte, error)
}

// milliseconds returns d as it travels: rounded up, between 0 and most.
func milliseconds(d, most time.Duration) uint64 {
	return uint64((min(max(d, 0), most) + time.Millisecond - 1) / time.Millisecond)
}

// duration returns the milliseconds that a peer sent as a duration of at most most.
func duration(ms uint64, most time.Duration) time.Duration {
	return time.Duration(min(ms, uint64(most/time.Millisecond))) * time.Millisecond
}

// checkTrace returns ErrTrace if t is not a trace.
func checkTrace[T string | []byte](t T) error {
	if len(t) > MaxTrace || !isASCII(t, ' ') {
		return ErrTrace
	}
	return nil
}
