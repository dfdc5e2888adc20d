package envelope

import (
	"fmt"
	"slices"

	"github.com/vmihailenco/msgpack/v5"
)

// A Raw is one value, still in the bytes of its codec: the args of a call, its result, or the data of an error (wire.md
// §6.2). It costs nothing to pass on. The zero Raw is nil.
//
// A Raw may be a field of what is encoded or decoded.
type Raw struct {
	codec Codec // nil only in the zero Raw
	b     []byte
}

// rawNil is the encoding of the zero Raw. It must not be changed.
var rawNil = []byte{codeNil}

// NewRaw returns the value that b holds in the form of c. It neither copies nor checks b: a bad b is an error of the
// methods that use it.
func NewRaw(c Codec, b []byte) Raw { return Raw{c, b} }

// RawOf returns v, encoded by c.
func RawOf(c Codec, v any) (Raw, error) {
	b, err := c.AppendValue(nil, v)
	if err != nil {
		return Raw{}, err
	}
	return Raw{c, b}, nil
}

// Codec returns the codec of r's bytes; nil if r is the zero Raw.
func (r Raw) Codec() Codec { return r.codec }

// Bytes returns r's bytes, which must not be changed; nil if r is the zero Raw.
func (r Raw) Bytes() []byte { return r.b }

// IsZero reports whether r is the zero Raw, and not an encoded nil.
func (r Raw) IsZero() bool { return r.codec == nil }

// IsNil reports whether r is nil: the zero Raw, or an encoded nil.
func (r Raw) IsNil() bool {
	switch r.codec.(type) {
	case nil:
		return true
	case msgpackCodec:
		return len(r.b) == 1 && r.b[0] == codeNil
	}
	var v any
	return r.codec.DecodeValue(r.b, &v) == nil && v == nil
}

// Decode decodes r into v, a pointer, as DecodeValue of its codec does. The stored value never aliases r's bytes.
func (r Raw) Decode(v any) error {
	if r.codec == nil {
		return msgpackCodec{}.DecodeValue(rawNil, v)
	}
	return r.codec.DecodeValue(r.b, v)
}

// Clone returns r with its own copy of the bytes, so that it outlives the parsed body.
func (r Raw) Clone() Raw { return Raw{r.codec, slices.Clone(r.b)} }

// String returns the size of r: a peer's data must not go into logs.
func (r Raw) String() string { return fmt.Sprintf("raw value of %d bytes", len(r.b)) }

// EncodeMsgpack implements msgpack.CustomEncoder, so that a Raw may be part of what is encoded.
func (r Raw) EncodeMsgpack(enc *msgpack.Encoder) error {
	b, err := r.msgpack()
	if err == nil {
		err = guardAll(b)
	}
	if err == nil {
		_, err = enc.Writer().Write(b)
	}
	return err
}

// Binary returns what Decode stores in a []byte, but as part of r's bytes. It allocates nothing. The result must not be
// changed if r's bytes must not.
func (r Raw) Binary() ([]byte, error) {
	if _, ok := r.codec.(msgpackCodec); !ok {
		return r.binaryOf()
	}
	if err := guardAll(r.b); err != nil {
		return nil, err
	}
	b, err := native{}.Head(r.b, 0).Binary(r.b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDecode, err)
	}
	return b[:len(b):len(b)], nil
}

// binaryOf is Binary for other codecs. It is a method of its own because a variable whose address is taken would cost
// Binary an allocation.
func (r Raw) binaryOf() (b []byte, err error) {
	err = r.Decode(&b)
	return b, err
}

// DecodeMsgpack implements msgpack.CustomDecoder, so that a Raw may be part of what is decoded. It keeps a copy.
func (r *Raw) DecodeMsgpack(dec *msgpack.Decoder) error {
	b, err := nextValue(dec)
	*r = Raw{msgpackCodec{}, slices.Clone(b)}
	return err
}

// msgpack returns r in MessagePack, unguarded: its own bytes, or new ones by way of any if it came in another codec.
func (r Raw) msgpack() ([]byte, error) {
	if r.codec == nil {
		return rawNil, nil
	}
	if _, ok := r.codec.(msgpackCodec); ok {
		return r.b, nil
	}
	var v any
	if err := r.codec.DecodeValue(r.b, &v); err != nil {
		return nil, err
	}
	return msgpackCodec{}.AppendValue(nil, v)
}
