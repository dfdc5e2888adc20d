package values

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// appendFloat appends the shortest JSON number that reads back as f, a float of bits bits, and that is not written like an
// integer. NaN and the infinities are null.
func appendFloat(out []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(out, "null"...)
	}
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.AppendFloat(out, f, 'e', -1, bits)
	}
	start := len(out)
	out = strconv.AppendFloat(out, f, 'f', -1, bits)
	if bytes.IndexByte(out[start:], '.') < 0 {
		out = append(out, ".0"...)
	}
	return out
}

// appendText appends s as a JSON string.
func appendText(out, s []byte) []byte {
	const escaped, letters = "\"\\\n\r\t", `"\nrt`
	out = append(out, '"')
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		letter := strings.IndexRune(escaped, r)
		switch {
		case letter >= 0:
			out = append(out, '\\', letters[letter])
		case r < ' ', r >= 0x7f && r <= 0x9f:
			out = fmt.Appendf(out, `\u%04x`, r)
		case r == utf8.RuneError && n == 1:
			out = append(out, "\uFFFD"...)
		default:
			out = append(out, s[:n]...)
		}
		s = s[n:]
	}
	return append(out, '"')
}
