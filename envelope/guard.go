package envelope

import (
	"encoding/binary"
	"errors"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// Limits of the guard, wire.md §6.1 and §9. Both ends know them, so a sender refuses a value that would cost it the
// session.
const (
	// MaxDepth is how deep arrays and maps may nest. The array of an envelope is the first level, so that its args or
	// result may nest 31. It bounds the stack of whatever decodes a value.
	MaxDepth = values.MaxDepth
	// MaxElements is how many values one frame may hold. Arrays and maps count as values themselves, and so do a map's
	// keys and the envelope's own values. It bounds the memory that small elements take when they are decoded: an empty
	// map is one byte on the wire and a hundred in memory.
	MaxElements = values.MaxElements
)

// Reasons of the guard to refuse bytes (wire.md §6.1).
var (
	// ErrTruncated reports bytes that end before a value, or inside a number or a length.
	ErrTruncated = errors.New("envelope: a value is cut short")
	// ErrTrailing reports bytes after the one value that is expected.
	ErrTrailing = errors.New("envelope: bytes follow the value")
	// ErrFormat reports the byte 0xc1, which begins no value.
	ErrFormat = errors.New("envelope: 0xc1 begins no value")
	// ErrLength reports a string, binary or timestamp longer than the bytes that are left.
	ErrLength = errors.New("envelope: a declared length exceeds the bytes that are left")
	// ErrCount reports an array or map that declares more values than bytes are left (a map has two per entry).
	ErrCount = errors.New("envelope: a declared count exceeds the bytes that are left")
	// ErrDepth reports arrays and maps nested deeper than MaxDepth.
	ErrDepth = values.ErrDepth
	// ErrElements reports more than MaxElements values.
	ErrElements = values.ErrElements
	// ErrExtension reports an extension of a type other than the timestamp's, -1.
	ErrExtension = values.ErrExtension
	// ErrTimestamp reports an extension of type -1 that has none of the three forms of a timestamp (fixext 4, fixext 8,
	// and ext 8 of 12 bytes), or that has a billion nanoseconds or more.
	ErrTimestamp = errors.New("envelope: no form of a timestamp")
)

// Guard returns the length of the one value that b begins with, or why no decoder may see it (wire.md §6.1). It does
// not look at the bytes after that value.
//
// It reads each byte at most once, skips the contents of strings and binaries, allocates nothing and does not recurse.
// A value that passes nests at most MaxDepth deep and holds at most MaxElements values. It declares no length or count
// that exceeds its bytes. Its only extensions are timestamps.
func Guard(b []byte) (n int, err error) {
	w := walker{elements: 1}
	return w.value(b, 0, 0)
}

// guardAll is Guard for bytes that must hold one value and nothing else.
func guardAll(b []byte) error {
	w := walker{elements: 1}
	return w.rest(b, 0, 0)
}

// rest guards b[start:], which must hold one value and nothing else. The value lies inside depth arrays and maps.
func (w *walker) rest(b []byte, start, depth int) error {
	end, err := w.value(b, start, depth)
	if err == nil && end != len(b) {
		err = ErrTrailing
	}
	return err
}

// A walker finds the end of values and counts what they hold.
type walker struct {
	// elements counts the values seen so far and those declared by the arrays and maps that hold them. The caller of value
	// has counted that value itself.
	elements int
	// partial says that the bytes are the beginning of something longer, so that a count may exceed what is left.
	partial bool
}

// value returns where the value that begins at b[p] ends. It lies inside depth arrays and maps.
func (w *walker) value(b []byte, p, depth int) (end int, err error) {
	// Most values are a number or a short string, and do not need the bookkeeping below.
	if p < len(b) {
		if size := int(forms[b[p]].size); size != 0 && size <= len(b)-p {
			return p + size, nil
		}
	}
	var (
		outer [MaxDepth]uint32 // by depth, the values that follow there after the inner one
		base  = depth
		todo  = 1 // values still to come at this depth
	)
	for {
		for todo > 0 {
			if p >= len(b) {
				return 0, ErrTruncated
			}
			// Short and common forms are measured without a table: the next value would have to wait for the look-up.
			var (
				c     = b[p]
				end   = p + 1
				count = int64(-1)
			)
			switch {
			case c <= fixIntMax:
			case c >= fixStr && c < codeNil:
				end += int(c - fixStr)
			case forms[c].size != 0:
				end = p + int(forms[c].size)
			case c < fixArray:
				count = 2 * int64(c-fixMap)
			case c < fixStr:
				count = int64(c - fixArray)
			default:
				if end, count, err = extent(b, p); err != nil {
					return 0, err
				}
			}
			if end > len(b) && forms[c].kind == values.String {
				return 0, ErrLength
			}
			if end > len(b) {
				return 0, ErrTruncated
			}
			p = end
			todo--
			if count < 0 {
				continue
			}
			if depth == MaxDepth {
				return 0, ErrDepth
			}
			if count > int64(len(b)-p) && !w.partial {
				return 0, ErrCount
			}
			if count > int64(MaxElements-w.elements) {
				return 0, ErrElements
			}
			w.elements += int(count)
			outer[depth] = uint32(todo)
			depth++
			todo = int(count)
		}
		if depth == base {
			return p, nil
		}
		depth--
		todo = int(outer[depth])
	}
}

// extent returns where the string, binary or timestamp that begins at b[p] ends, and a count below 0. Of an array or map
// it returns where its first value begins, and how many values follow. It is not for the forms with a size.
func extent(b []byte, p int) (end int, count int64, err error) {
	f := forms[b[p]].kind
	if f == values.Never {
		return 0, 0, ErrFormat
	}
	n, begin, ok := length(b, p)
	if !ok {
		return 0, 0, ErrTruncated
	}
	switch f {
	case values.List:
		return begin, int64(n), nil
	case values.Map:
		return begin, 2 * int64(n), nil
	case values.Time:
		if err := checkExtension(b, p, begin, n); err != nil {
			return 0, 0, err
		}
	}
	if uint64(n) > uint64(len(b)-begin) {
		return 0, 0, ErrLength
	}
	return begin + int(n), -1, nil
}

// length returns the length of the string, binary or extension, or the count of the array or map, that begins at b[p],
// and where its contents begin. ok is false if b ends before that.
func length(b []byte, p int) (n uint32, begin int, ok bool) {
	f := forms[b[p]]
	end := p + 1 + int(f.width)
	begin = end
	if f.kind == values.Time { // its type follows the length
		begin++
	}
	if begin > len(b) {
		return 0, begin, false
	}
	n = uint32(f.n)
	for _, digit := range b[p+1 : end] {
		n = n<<8 | uint32(digit)
	}
	return n, begin, true
}

// checkExtension returns why the extension that begins at b[p], of n bytes from b[begin] on, is refused. Only the three
// forms of a timestamp pass.
func checkExtension(b []byte, p, begin int, n uint32) error {
	c, data := b[p], b[begin:]
	switch {
	case b[begin-1] != extTimestamp:
		return ErrExtension
	case c != codeFixExt4 && c != codeFixExt8 && (c != codeExt8 || n != 12):
		return ErrTimestamp
	case len(data) < int(n):
		return ErrLength
	}
	if _, nsec := timestamp(data[:n]); nsec >= 1e9 {
		return ErrTimestamp
	}
	return nil
}

// timestamp returns the value of the 4, 8 or 12 bytes of a timestamp: seconds since 1970, and nanoseconds in addition.
func timestamp(data []byte) (sec int64, nsec uint32) {
	switch len(data) {
	case 4:
		return int64(binary.BigEndian.Uint32(data)), 0
	case 8:
		both := binary.BigEndian.Uint64(data)
		return int64(both & (1<<34 - 1)), uint32(both >> 34)
	default:
		return int64(binary.BigEndian.Uint64(data[4:])), binary.BigEndian.Uint32(data)
	}
}
