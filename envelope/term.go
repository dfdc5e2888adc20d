package envelope

import (
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// The types below are what nodes on the BEAM have and MessagePack has not (wire.md §13.4). A handler or a call that uses
// them serves both dialects.

// An Atom is a name that stands for itself, as :ok does in Elixir. In the native dialect it travels as a string, and
// strings decode into it.
//
// A node on the BEAM ends the session for an atom that it does not know. Send only atoms that its program uses.
type Atom string

// A Tuple is a value of a fixed number of elements, as {:ok, 1} is in Elixir. In the native dialect it travels as an array,
// and arrays decode into it.
type Tuple []any

// An ImproperList is a list whose last tail is not the empty list, as [1 | 2] is in Elixir. In the native dialect it cannot be
// encoded.
type ImproperList struct {
	Elements []any // at least one
	Tail     any   // not a list
}

// EncodeMsgpack implements msgpack.CustomEncoder. It always fails.
func (ImproperList) EncodeMsgpack(*msgpack.Encoder) error {
	return errors.New("only BEAM peers take improper lists: send a list")
}

// DecodeMsgpack implements msgpack.CustomDecoder. It always fails with ErrDecode.
func (*ImproperList) DecodeMsgpack(*msgpack.Decoder) error {
	return fmt.Errorf("%w: MessagePack has no improper lists", ErrDecode)
}
