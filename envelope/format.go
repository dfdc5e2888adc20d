package envelope

import "github.com/seed-f6ddb928/peernet-go/envelope/internal/values"

// First bytes of the MessagePack forms (https://github.com/msgpack/msgpack/blob/master/spec.md). The fix forms carry a
// value or a length in their low bits.
const (
	fixIntMax    = 0x7f // 0x00-0x7f: 0 to 127
	fixMap       = 0x80 // 0x80-0x8f: up to 15 entries
	fixArray     = 0x90 // 0x90-0x9f: up to 15 elements
	fixStr       = 0xa0 // 0xa0-0xbf: up to 31 bytes
	codeNil      = 0xc0
	codeNever    = 0xc1 // never used
	codeFalse    = 0xc2
	codeTrue     = 0xc3
	codeBin8     = 0xc4
	codeBin16    = 0xc5
	codeBin32    = 0xc6
	codeExt8     = 0xc7
	codeExt16    = 0xc8
	codeExt32    = 0xc9
	codeFloat32  = 0xca
	codeFloat64  = 0xcb
	codeUint8    = 0xcc
	codeUint16   = 0xcd
	codeUint32   = 0xce
	codeUint64   = 0xcf
	codeInt8     = 0xd0
	codeInt16    = 0xd1
	codeInt32    = 0xd2
	codeInt64    = 0xd3
	codeFixExt1  = 0xd4
	codeFixExt4  = 0xd6
	codeFixExt8  = 0xd7
	codeFixExt16 = 0xd8
	codeStr8     = 0xd9
	codeStr16    = 0xda
	codeStr32    = 0xdb
	codeArray16  = 0xdc
	codeArray32  = 0xdd
	codeMap16    = 0xde
	codeMap32    = 0xdf
	fixIntMin    = 0xe0 // 0xe0-0xff: -32 to -1
)

// extTimestamp is the type of the one extension that is accepted, -1.
const extTimestamp = 0xff

// valueNames holds the names of the kinds of values for people.
var valueNames = [...]string{values.Never: "never", values.Int: "integer", values.Map: "map", values.List: "array",
	values.String: "string", values.Nil: "nil", values.False: "bool", values.True: "bool", values.Binary: "binary", values.Float64: "float",
	values.Time: "timestamp"}

// A form is what the first byte of a value says about the value.
type form struct {
	kind  values.Kind
	size  uint8 // of the whole value, if the first byte tells it; otherwise 0
	width uint8 // how many bytes of length or count follow; 0 if the first byte tells that too
	n     uint8 // the length or count that the first byte tells
}

// forms holds the form of each first byte.
var forms = func() (t [256]form) {
	for i := range t {
		switch c := byte(i); {
		case c <= fixIntMax, c >= fixIntMin:
			t[c] = form{kind: values.Int, size: 1}
		case c < fixArray:
			t[c] = form{kind: values.Map, n: c - fixMap}
		case c < fixStr:
			t[c] = form{kind: values.List, n: c - fixArray}
		case c < codeNil:
			t[c] = form{kind: values.String, size: 1 + c - fixStr, n: c - fixStr}
		case c == codeNil:
			t[c] = form{kind: values.Nil, size: 1}
		case c == codeNever:
		case c == codeFalse:
			t[c] = form{kind: values.False, size: 1}
		case c == codeTrue:
			t[c] = form{kind: values.True, size: 1}
		case c <= codeBin32:
			t[c] = form{kind: values.Binary, width: 1 << (c - codeBin8)}
		case c <= codeExt32:
			t[c] = form{kind: values.Time, width: 1 << (c - codeExt8)}
		case c <= codeFloat64:
			t[c] = form{kind: values.Float64, size: 1 + 4<<(c-codeFloat32)}
		case c <= codeInt64:
			t[c] = form{kind: values.Int, size: 1 + 1<<(c&3)}
		case c <= codeFixExt16:
			t[c] = form{kind: values.Time, n: 1 << (c - codeFixExt1)}
		case c <= codeStr32:
			t[c] = form{kind: values.String, width: 1 << (c - codeStr8)}
		case c <= codeArray32:
			t[c] = form{kind: values.List, width: 2 << (c - codeArray16)}
		default:
			t[c] = form{kind: values.Map, width: 2 << (c - codeMap16)}
		}
	}
	return t
}()
