// Package etf is the codec of nodes on the BEAM: it implements wire.md §13.2 to §13.5, envelopes in External Term
// Format (https://www.erlang.org/doc/apps/erts/erl_ext_dist.html).
//
//	{call, Id, Name, Args}
//	{reply, Id, {ok, Result}}  or  {reply, Id, {error, Reason}}
//	{send, Name, Args}
//	{ping, Nonce}
//	{pong, Nonce}
//
// [Codec] does what envelope.Msgpack does for the native dialect, with the same Go types: a handler or a call that is written
// once serves both. Its values are terms without the version byte that begins an envelope.
//
// # What is read
//
// Terms are guarded before any of them is decoded: they nest at most as deep as native values and hold at most as many
// values; no length or count exceeds the bytes that are left; integers have at most MaxInteger bytes; atoms are UTF-8
// of at most 255 characters, whichever of their four forms they come in; floats are finite; no map has a key twice, not even in two
// forms. Refused are pids, references, ports, functions, bit strings, compressed terms, what only a distribution
// channel has, floats as text, a list of no elements in the long form, and a list whose tail is a list.
//
// # What is written
//
// Each term in its shortest form, as OTP 26 writes it. Maps have the order in which Go gives their entries.
//
// # Promises
//
// As package envelope: no I/O, no goroutine, no argument kept; safe for concurrent use as long as the bytes do not
// change. The depth of the recursion is bounded, and so is what is allocated, by the bytes that are there.
package etf

import (
	"errors"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// Codec is the codec of the BEAM dialect (wire.md §13). Parse allocates nothing for pings and pongs, nor for calls, sends
// and replies that succeeded, unless a name is not ASCII or has more than 32 bytes, or a map has other keys than a few names.
var Codec envelope.Codec = codec{}

type codec struct{}

// MaxInteger is the bytes that the magnitude of an integer may have. It bounds the work of turning one into digits, which
// grows with the square.
const MaxInteger = 1024

// Limits of atoms, as on the BEAM, and of terms that hold others.
const (
	maxAtom      = 255         // characters
	maxAtomBytes = 4 * maxAtom // in UTF-8
	maxString    = 1<<16 - 1   // elements of a list in the form of a string
	maxDepth     = envelope.MaxDepth
	maxKeys      = 2 // keys, one inside the other, that a map may lie in: its bytes are compared once for each
	maxElements  = envelope.MaxElements
)

// Reasons to refuse bytes, beside those that package envelope has as well.
var (
	// ErrVersion reports an envelope that does not begin with the byte 131.
	ErrVersion = errors.New("etf: not a term of version 131")
	// ErrTag reports a term of a type or in a form that this dialect does not have.
	ErrTag = errors.New("etf: a term of a kind that is not accepted: a pid, a reference, a function or the like")
	// ErrAtom reports an atom that is not UTF-8 or has more than 255 characters.
	ErrAtom = errors.New("etf: an atom has at most 255 characters of UTF-8")
	// ErrBig reports an integer of more than MaxInteger bytes.
	ErrBig = errors.New("etf: an integer of more than 1024 bytes")
	// ErrFloat reports a float that is not finite. The BEAM has none.
	ErrFloat = errors.New("etf: a float that is not finite")
	// ErrForm reports a list that has no elements but the form of one that has, or whose tail is a list.
	ErrForm = errors.New("etf: a list in a form that no encoder writes")
	// ErrTuple reports a term that is not a tuple where one must be.
	ErrTuple = errors.New("etf: not a tuple")
	// ErrNotAtom reports a term that is not an atom where one must be.
	ErrNotAtom = errors.New("etf: not an atom")
	// ErrReply reports a reply that holds neither {ok, Result} nor {error, Reason}.
	ErrReply = errors.New("etf: a reply is {ok, Result} or {error, Reason}")
)

// First bytes of an envelope and of the terms that are read.
const (
	version = 131

	tagFloat         = 70
	tagSmallInteger  = 97
	tagInteger       = 98
	tagAtom          = 100 // Latin-1
	tagSmallTuple    = 104
	tagLargeTuple    = 105
	tagNil           = 106 // the empty list
	tagString        = 107 // a list of bytes
	tagList          = 108
	tagBinary        = 109
	tagSmallBig      = 110
	tagLargeBig      = 111
	tagSmallAtom     = 115 // Latin-1
	tagMap           = 116
	tagAtomUTF8      = 118
	tagSmallAtomUTF8 = 119
)
