package envelope

import (
	"errors"
	"fmt"
	"math"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// NameHello is the name of the send that is the first message of each side (wire.md §6.7).
const NameHello = "$/hello"

// Version is the version of the protocol that this package speaks. The lower version of two peers applies.
const Version = 2

// MaxHelloString is the most bytes that each string of a hello may have.
const MaxHelloString = 64

// Reasons to refuse a hello.
var (
	// ErrVersion reports a hello with version 0.
	ErrVersion = errors.New("envelope: there is no version 0")
	// ErrHelloString reports a string of more than MaxHelloString bytes.
	ErrHelloString = errors.New("envelope: a string of a hello has at most 64 bytes")
	// ErrBoot reports a boot id that does not have 8 bytes.
	ErrBoot = errors.New("envelope: a boot id has 8 bytes")
)

// A Hello is the first message of a node, about itself. None of it is verified.
type Hello struct {
	Version int     // key v, 1 or more. A hello without it is read as version 1
	Agent   string  // key agent: the program, like "peernode/1.2"; may be empty
	Name    string  // key name: what the node is called; may be empty
	Boot    [8]byte // key boot: random bytes of this run of the process, if HasBoot
	HasBoot bool
	Max     int // key max: bytes of the largest frame body that the sender accepts; 0 if it does not say

	// What the sender accepts in parts (wire.md §6.10), from version 2 on; 0 if it does not say.
	Message  int // key message: bytes of the largest envelope
	Assemble int // key assemble: bytes of the envelopes that may be unfinished at one time
	Chains   int // key chains: how many these may be
}

// AppendHello appends the send that says h, and returns the longer slice. The keys are in the order of the fields;
// empty fields are left out. Strings are cut to MaxHelloString bytes. It panics if h.Version is below 1 or another number
// below 0.
func AppendHello(b []byte, h Hello) []byte {
	if h.Version < 1 || min(h.Max, h.Message, h.Assemble, h.Chains) < 0 {
		panic(fmt.Sprintf("envelope: hello of version %d with max %d, message %d, assemble %d, chains %d",
			h.Version, h.Max, h.Message, h.Assemble, h.Chains))
	}
	b = beginSend(b, NameHello)
	size := len(b)
	b = append(b, fixMap|1)
	b = appendUint(appendString(b, "v"), uint64(h.Version))
	if h.Agent != "" {
		b[size]++
		b = appendString(appendString(b, "agent"), cutText(h.Agent, MaxHelloString))
	}
	if h.Name != "" {
		b[size]++
		b = appendString(appendString(b, "name"), cutText(h.Name, MaxHelloString))
	}
	if h.HasBoot {
		b[size]++
		b = appendBinary(appendString(b, "boot"), h.Boot[:])
	}
	for _, f := range [...]struct {
		key   string
		value int
	}{{"max", h.Max}, {"message", h.Message}, {"assemble", h.Assemble}, {"chains", h.Chains}} {
		if f.value > 0 {
			b[size]++
			b = appendUint(appendString(b, f.key), uint64(f.value))
		}
	}
	return b
}

// ParseHello returns the Hello in the args of a send called NameHello. Each key may be missing; unknown keys are
// ignored. A number above 2^31-1 is read as 2^31-1.
func ParseHello(args []byte) (Hello, error) {
	return parseArgs("hello", args, func(args []byte) (Hello, error) {
		h := Hello{Version: 1}
		err := eachKey(args, 0, h.parseField)
		return h, err
	})
}

// parseField sets the field that travels under key, if there is one, to the value at b[p].
func (h *Hello) parseField(key, b []byte, p int) (err error) {
	switch string(key) {
	case "v":
		if h.Version, err = clamped(b, p); err == nil && h.Version == 0 {
			err = ErrVersion
		}
	case "agent":
		h.Agent, err = helloString(b, p)
	case "name":
		h.Name, err = helloString(b, p)
	case "boot":
		var boot []byte
		if boot, err = contentsOf(b, p, values.Binary); err == nil && len(boot) != len(h.Boot) {
			err = ErrBoot
		}
		h.HasBoot = copy(h.Boot[:], boot) > 0
	case "max":
		h.Max, err = clamped(b, p)
	case "message":
		h.Message, err = clamped(b, p)
	case "assemble":
		h.Assemble, err = clamped(b, p)
	case "chains":
		h.Chains, err = clamped(b, p)
	}
	return err
}

// clamped returns an integer of at least 0, or 2^31-1 if it is more than that.
func clamped(b []byte, p int) (int, error) {
	u, err := unsigned(b, p)
	return int(min(u, math.MaxInt32)), err
}

// helloString returns a string of at most MaxHelloString bytes.
func helloString(b []byte, p int) (string, error) {
	s, err := contentsOf(b, p, values.String)
	if err == nil && len(s) > MaxHelloString {
		err = ErrHelloString
	}
	return string(s), err
}
