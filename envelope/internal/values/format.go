// Package values walks over values, whatever the dialect: it writes values of Go, reads them back, and shows them as JSON.
// A [Format] says what a dialect's bytes look like. The codecs of packages envelope and etf are each a Format, so that a type is
// written once for both, and a value means the same in both.
//
// Which fields of a struct travel, under which names, and which types encode themselves: all dialects have the same rules.
package values

import (
	"errors"
	"reflect"
)

// Limits of the guard, wire.md §6.1. Package envelope says what they bound.
const (
	MaxDepth    = 32
	MaxElements = 131072
)

// Errors of package envelope, which documents them.
var (
	ErrInteger      = errors.New("envelope: not an integer")
	ErrString       = errors.New("envelope: not a string")
	ErrBinary       = errors.New("envelope: not a binary")
	ErrArray        = errors.New("envelope: not an array")
	ErrMap          = errors.New("envelope: not a map")
	ErrRange        = errors.New("envelope: a number out of range")
	ErrMapKey       = errors.New("envelope: a key of that type cannot be represented")
	ErrDuplicateKey = errors.New("envelope: a key appears twice")
	ErrDepth        = errors.New("envelope: arrays and maps nest deeper than 32")
	ErrElements     = errors.New("envelope: more than 131072 values")
	ErrEncode       = errors.New("envelope: the value cannot be encoded")
	ErrExtension    = errors.New("envelope: an extension type other than the timestamp's")
)

// A Format is how values travel in one dialect. The bytes that its methods read have passed the dialect's guard.
type Format interface {
	// Head returns what the value at b[p] begins with.
	Head(b []byte, p int) Head
	// Skip returns where the value at b[p] ends.
	Skip(b []byte, p int) int
	// Guard checks that b[p:] holds one value that may lie inside depth others, and nothing else. elements are the values
	// counted so far; the result adds those inside this one.
	Guard(b []byte, p, depth, elements int) (int, error)

	AppendNil(b []byte) []byte
	AppendBool(b []byte, v bool) []byte
	AppendInt(b []byte, i int64) []byte
	AppendUint(b []byte, u uint64) []byte
	AppendFloat(b []byte, f float64, bits int) ([]byte, error)
	AppendString(b []byte, s string) []byte
	AppendBinary(b, data []byte) []byte
	// BeginList and BeginMap append what a list of n elements and a map of n entries begin with.
	BeginList(b []byte, n int) []byte
	BeginMap(b []byte, n int) []byte

	// Encoded returns v, a pointer, in the format, unguarded. ok is false if v is no Raw and no time, and does not encode itself
	// with a method of package msgpack.
	Encoded(v any) (data []byte, ok bool, err error)
	// Decode sets v, a pointer, to the value that b holds. ok is false if v is no Raw, and does not decode itself with a method of
	// package msgpack.
	Decode(b []byte, v any) (ok bool, err error)

	// Terms returns what the dialect has beyond the native one; nil for the native one.
	Terms() *Terms
}

// Terms is what the BEAM dialect has beyond the native one. In this dialect a list has a tail, no map has a key twice, and
// JSON is in the notation of wire.md §13.5.
type Terms struct {
	Atom     func(name []byte) any
	Tuple    func(elements []any) any
	Improper func(elements []any, tail any) any

	// OwnTypes are the types that have terms of their own.
	OwnTypes map[reflect.Type]OwnType

	AppendAtom func(b []byte, name string) ([]byte, error)
	// FinishList ends the list of n elements that begins at b[start], and has no tail yet.
	FinishList func(b []byte, start, n int) []byte
	// CheckKeys returns ErrDuplicateKey if two of the n entries from b[first] on have the same key.
	CheckKeys func(b []byte, first, n int) error
}

// An OwnType reads and writes the values of one type. Read sets v to the term at b[p], which h begins, and returns where the
// term ends. Write appends v, which lies inside depth others, to w.
type OwnType struct {
	Read  func(b []byte, p int, h Head, v reflect.Value) (end int, err error)
	Write func(w Writer, v reflect.Value, depth int) (Writer, error)
}
