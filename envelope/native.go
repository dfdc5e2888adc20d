package envelope

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// A native is MessagePack as package values walks over it.
type native struct{}

// Head implements values.Format.
func (native) Head(b []byte, p int) values.Head {
	form := forms[b[p]]
	h := values.Head{Kind: form.kind, Next: p + int(form.size)}
	switch form.kind {
	case values.Int:
		var negative bool
		if h.N, negative, _ = integer(b, p); !negative && h.N > math.MaxInt64 {
			h.Kind = values.Uint
		}
	case values.Float64:
		if b[p] == codeFloat32 {
			h.Kind, h.N = values.Float32, uint64(binary.BigEndian.Uint32(b[p+1:]))
		} else {
			h.N = binary.BigEndian.Uint64(b[p+1:])
		}
	case values.List, values.Map:
		n, first, _ := length(b, p)
		h.N, h.Next = uint64(n), first
	case values.String, values.Binary:
		n, begin, _ := length(b, p)
		h.N, h.Next = uint64(n), begin+int(n)
	case values.Time:
		n, begin, _ := length(b, p)
		h.Next = begin + int(n)
		var sec int64
		sec, h.Nanos = timestamp(b[begin:h.Next])
		h.N = uint64(sec)
	}
	return h
}

// Skip implements values.Format.
func (native) Skip(b []byte, p int) int { return skip(b, p) }

// Guard implements values.Format.
func (native) Guard(b []byte, p, depth, elements int) (int, error) {
	w := walker{elements: elements}
	err := w.rest(b, p, depth)
	return w.elements, err
}

// The methods below implement values.Format: each appends a value in its shortest form.

func (native) AppendNil(b []byte) []byte              { return append(b, codeNil) }
func (native) AppendBool(b []byte, v bool) []byte     { return appendBool(b, v) }
func (native) AppendInt(b []byte, i int64) []byte     { return appendInt(b, i) }
func (native) AppendUint(b []byte, u uint64) []byte   { return appendUint(b, u) }
func (native) AppendString(b []byte, s string) []byte { return appendString(b, s) }
func (native) AppendBinary(b, data []byte) []byte     { return appendBinary(b, data) }
func (native) BeginList(b []byte, n int) []byte       { return appendHeader(b, fixArray, codeArray16, n) }
func (native) BeginMap(b []byte, n int) []byte        { return appendHeader(b, fixMap, codeMap16, n) }

// AppendFloat appends a float even if its value is whole: what is sent as a float arrives as a float.
func (native) AppendFloat(b []byte, f float64, bits int) ([]byte, error) {
	if bits == 32 {
		return binary.BigEndian.AppendUint32(append(b, codeFloat32), math.Float32bits(float32(f))), nil
	}
	return binary.BigEndian.AppendUint64(append(b, codeFloat64), math.Float64bits(f)), nil
}

// Encoded implements values.Format.
func (native) Encoded(v any) (data []byte, ok bool, err error) {
	switch v := v.(type) {
	case *time.Time:
		data, err = msgpack.Marshal(v) // in the shortest form
	case *Raw:
		data, err = v.msgpack()
	case msgpack.CustomEncoder:
		data, err = encode(v)
	case msgpack.Marshaler:
		data, err = v.MarshalMsgpack()
	default:
		return nil, false, nil
	}
	return data, true, err
}

// Decode implements values.Format.
func (native) Decode(b []byte, v any) (ok bool, err error) {
	switch v := v.(type) {
	case *Raw:
		*v = Raw{msgpackCodec{}, bytes.Clone(b)}
	case msgpack.CustomDecoder:
		err = decode(b, v)
	case msgpack.Unmarshaler:
		err = v.UnmarshalMsgpack(bytes.Clone(b))
	default:
		return false, nil
	}
	return true, err
}

// Terms implements values.Format: the dialect has none.
func (native) Terms() *values.Terms { return nil }
