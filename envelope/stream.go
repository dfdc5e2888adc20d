package envelope

import (
	"errors"
	"fmt"
	"math"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// Names of the sends that belong to streams (wire.md §6.11). Their args begin with the stream that they are about.
const (
	NameData   = "$/data"   // [id, mine, value]: one value of a stream; no other message of the protocol may travel in parts
	NameCredit = "$/credit" // [id, mine, n]: the receiver may send n bytes of values more
	NameEnd    = "$/end"    // [id, mine]: no value follows
)

// MaxCredit is the most bytes that one end may have left to send on a stream. More is a fault of the peer.
const MaxCredit = math.MaxInt32

// Reasons to refuse what is said about a stream.
var (
	// ErrBool reports a value that is not a boolean where one must be.
	ErrBool = errors.New("envelope: not a boolean")
	// ErrCredit reports a credit of more than MaxCredit.
	ErrCredit = errors.New("envelope: a credit is at most 2^31-1 bytes")
)

// A StreamID names a stream: the call that it is, and which end made that call.
type StreamID struct {
	Call CallID
	Mine bool // the sender of the message made the call
}

// Values of the envelope [2, "$/data", [id, mine, value]], without those inside value.
const dataElements = sendElements + 3

// AppendData appends the send of one value of stream s, and returns the longer slice and how many of its bytes are the
// value's: what counts as credit. After an error it returns b. The error may be ErrID, or one of encoding or guarding
// value.
func AppendData(b []byte, s StreamID, value any) (out []byte, size int, err error) {
	if s.Call == 0 {
		return b, 0, ErrID
	}
	out = appendAbout(growFor(b, value, shortForms), NameData, 3, s)
	before := len(out)
	if out, err = appendInside(b, out, value, 2, dataElements); err != nil {
		return b, 0, err
	}
	return out, len(out) - before, nil
}

// ParseData returns the stream and the value in the args of a send called NameData. The value aliases args, has no room
// to append, and has passed the guard.
func ParseData(args []byte) (s StreamID, value []byte, err error) {
	s, p, err := parseAbout("data", args, 3)
	if err != nil {
		return StreamID{}, nil, err
	}
	return s, args[p:len(args):len(args)], nil
}

// AppendCredit appends the send that lets the receiver send n bytes more on stream s, and returns the longer slice. It
// panics if the id is 0, or n negative or more than MaxCredit.
func AppendCredit(b []byte, s StreamID, n int) []byte {
	if n < 0 || n > MaxCredit {
		panic(fmt.Sprintf("envelope: a credit of %d", n))
	}
	return appendUint(appendAbout(b, NameCredit, 3, s), uint64(n))
}

// ParseCredit returns the stream and the number in the args of a send called NameCredit.
func ParseCredit(args []byte) (s StreamID, n int, err error) {
	s, p, err := parseAbout("credit", args, 3)
	if err == nil {
		n, err = credit(args, p)
	}
	if err != nil {
		return StreamID{}, 0, err
	}
	return s, n, nil
}

// AppendEnd appends the send that ends the sender's direction of stream s, and returns the longer slice. It panics if the
// id is 0.
func AppendEnd(b []byte, s StreamID) []byte { return appendAbout(b, NameEnd, 2, s) }

// ParseEnd returns the stream in the args of a send called NameEnd.
func ParseEnd(args []byte) (StreamID, error) {
	s, _, err := parseAbout("end", args, 2)
	return s, err
}

// appendAbout appends a send of that name with args of n elements, up to the two that name the stream.
func appendAbout(b []byte, name string, n byte, s StreamID) []byte {
	if s.Call == 0 {
		panic(ErrID)
	}
	b = beginSend(b, name)
	b = append(b, fixArray|n)
	b = appendUint(b, uint64(s.Call))
	return appendBool(b, s.Mine)
}

// parseAbout guards the args of the message what, which must be an array of n elements that begins with a stream. It returns
// the stream and where the third element begins.
func parseAbout(what string, args []byte, n int) (s StreamID, third int, err error) {
	s, err = parseArgs(what, args, func(args []byte) (s StreamID, err error) {
		count, p, err := headerOf(args, 0, values.List)
		switch {
		case err != nil:
			return s, err
		case count != n:
			return s, ErrArity
		}
		if s.Call, err = callID(args, p); err != nil {
			return s, err
		}
		p = skip(args, p)
		if args[p] != codeFalse && args[p] != codeTrue {
			return s, fmt.Errorf("mine: %w", ErrBool)
		}
		s.Mine, third = args[p] == codeTrue, p+1
		return s, nil
	})
	return s, third, err
}

// credit returns a number of bytes from 0 to MaxCredit.
func credit(b []byte, p int) (int, error) {
	n, err := unsigned(b, p)
	if err == nil && n > MaxCredit {
		err = ErrCredit
	}
	if err != nil {
		return 0, fmt.Errorf("credit: %w", err)
	}
	return int(n), nil
}
