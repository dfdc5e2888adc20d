package etf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// A format is External Term Format as package values walks over it.
type format struct{}

// Head implements values.Format.
func (format) Head(b []byte, p int) values.Head {
	h := values.Head{Kind: forms[b[p]].kind}
	switch b[p] {
	case tagSmallInteger:
		h.N, h.Next = uint64(b[p+1]), p+2
		return h
	case tagInteger:
		h.N, h.Next = uint64(int64(int32(binary.BigEndian.Uint32(b[p+1:])))), p+5
		return h
	case tagFloat:
		h.N, h.Next = binary.BigEndian.Uint64(b[p+1:]), p+9
		return h
	case tagNil:
		h.Next = p + 1
		return h
	}
	n, begin, _ := header(b, p)
	if h.N, h.Next = uint64(n), begin; h.Kind >= values.LongList {
		return h
	}
	h.Next += int(n)
	switch h.Kind {
	case values.Int:
		h.Next++
		return bigHead(b, h)
	case values.Atom:
		switch name := contents(b, p); string(name) {
		case "nil":
			h.Kind = values.Nil
		case "false":
			h.Kind = values.False
		case "true":
			h.Kind = values.True
		default:
			if !isUTF8(b[p]) && !isASCII(name) {
				h.Kind = values.Latin
			}
		}
	}
	return h
}

// bigHead returns the head of an integer whose N bytes of magnitude end at h.Next. It is a Big only if it does not fit 64 bits.
func bigHead(b []byte, h values.Head) values.Head {
	h.Kind = values.Big
	isNegative, digits := h.Big(b)
	digits = bytes.TrimRight(digits, "\x00")
	if len(digits) > 8 {
		return h
	}
	var small uint64
	for _, digit := range slices.Backward(digits) {
		small = small<<8 | uint64(digit)
	}
	switch {
	case !isNegative && small > math.MaxInt64:
		h.Kind, h.N = values.Uint, small
	case !isNegative:
		h.Kind, h.N = values.Int, small
	case small <= 1<<63:
		h.Kind, h.N = values.Int, -small
	}
	return h
}

// Skip implements values.Format.
func (format) Skip(b []byte, p int) int { return skip(b, p) }

// Guard implements values.Format.
func (format) Guard(b []byte, p, depth, elements int) (int, error) {
	w := walker{elements: elements}
	err := w.rest(b, p, depth)
	return w.elements, err
}

// The methods below implement values.Format: each appends a term, or what it begins with, in its shortest form.

func (format) AppendNil(b []byte) []byte              { return appendAtom(b, "nil") }
func (format) AppendBool(b []byte, v bool) []byte     { return appendAtom(b, strconv.FormatBool(v)) }
func (format) AppendInt(b []byte, i int64) []byte     { return appendInt(b, i) }
func (format) AppendUint(b []byte, u uint64) []byte   { return appendUint(b, u) }
func (format) AppendString(b []byte, s string) []byte { return appendBinary(b, s) }
func (format) AppendBinary(b, data []byte) []byte     { return appendBinary(b, data) }
func (format) BeginList(b []byte, n int) []byte       { return appendList(b, n) }
func (format) BeginMap(b []byte, n int) []byte        { return appendMap(b, n) }

// AppendFloat appends a float even if its value is whole: what is sent as a float arrives as a float.
func (format) AppendFloat(b []byte, f float64, _ int) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return b, fmt.Errorf("%w: %w", envelope.ErrEncode, ErrFloat)
	}
	return appendFloat(b, f), nil
}

// Encoded implements values.Format.
func (format) Encoded(v any) (data []byte, ok bool, err error) {
	var r envelope.Raw
	switch v := v.(type) {
	case *time.Time:
		text, err := v.UTC().MarshalText()
		return appendBinary(nil, text), true, err
	case *envelope.Raw:
		r = *v
	case *envelope.Shared:
		r, err = v.For(Codec)
	case msgpack.CustomEncoder, msgpack.Marshaler:
		r, err = envelope.RawOf(envelope.Msgpack, v)
	default:
		return nil, false, nil
	}
	if err == nil {
		data, err = termOf(r)
	}
	return data, true, err
}

// termOf returns r as a term, unguarded: its own bytes, or new ones by way of any if it came in another codec.
func termOf(r envelope.Raw) ([]byte, error) {
	if r.Codec() == Codec {
		return r.Bytes(), nil
	}
	var v any
	if err := r.Decode(&v); err != nil {
		return nil, err
	}
	return Codec.AppendValue(nil, v)
}

// Decode implements values.Format.
func (format) Decode(b []byte, v any) (ok bool, err error) {
	switch v := v.(type) {
	case *envelope.Raw:
		*v = envelope.NewRaw(Codec, bytes.Clone(b))
	case msgpack.CustomDecoder, msgpack.Unmarshaler:
		var r envelope.Raw
		if r, err = envelope.RawOf(envelope.Msgpack, rawOf(b)); err == nil {
			err = r.Decode(v)
		}
	default:
		return false, nil
	}
	return true, err
}

// Terms implements values.Format.
func (format) Terms() *values.Terms { return &terms }
