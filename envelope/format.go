package envelope

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

// A family is what the first byte of a value says about its type.
type family uint8

// The families of values. familyExtension is that of a timestamp in guarded bytes; familyNever begins no value.
const (
	familyNever family = iota
	familyInteger
	familyMap
	familyArray
	familyString
	familyNil
	familyBool
	familyBinary
	familyFloat
	familyExtension
)

var familyNames = [...]string{familyNever: "never", familyInteger: "integer", familyMap: "map", familyArray: "array",
	familyString: "string", familyNil: "nil", familyBool: "bool", familyBinary: "binary", familyFloat: "float",
	familyExtension: "timestamp"}

// String returns the name of the family for people.
func (f family) String() string { return familyNames[f] }

// families holds the family of each first byte.
var families = func() (t [256]family) {
	for i := range t {
		switch c := byte(i); {
		case c <= fixIntMax, c >= fixIntMin, c >= codeUint8 && c <= codeInt64:
			t[c] = familyInteger
		case c < fixArray, c == codeMap16, c == codeMap32:
			t[c] = familyMap
		case c < fixStr, c == codeArray16, c == codeArray32:
			t[c] = familyArray
		case c < codeNil, c >= codeStr8 && c <= codeStr32:
			t[c] = familyString
		case c == codeNil:
			t[c] = familyNil
		case c == codeFalse, c == codeTrue:
			t[c] = familyBool
		case c >= codeBin8 && c <= codeBin32:
			t[c] = familyBinary
		case c == codeFloat32, c == codeFloat64:
			t[c] = familyFloat
		case c != codeNever:
			t[c] = familyExtension
		}
	}
	return t
}()

// fixedSize holds, by first byte, the size of each form whose first byte alone tells it; 0 for the other forms.
var fixedSize = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c <= fixIntMax, c >= fixIntMin, c == codeNil, c == codeFalse, c == codeTrue:
			t[c] = 1
		case c >= fixStr && c < codeNil:
			t[c] = uint8(1 + c - fixStr)
		case c == codeFloat32:
			t[c] = 1 + 4
		case c == codeFloat64:
			t[c] = 1 + 8
		case c >= codeUint8 && c <= codeInt64:
			t[c] = 1 + 1<<(c&3)
		}
	}
	return t
}()
