package envelope

import "strings"

// ValidTrace reports whether trace has the shape of a traceparent (W3C Trace Context §3.2): version, trace id, parent id
// and flags in lower-case hexadecimal digits, joined by "-", neither id all zeros. A version after 00 may have more
// after another "-"; ff is not a version. Like any trace it has at most MaxTrace bytes of ASCII from ' ' to '~' (wire.md
// §6.3).
func ValidTrace(trace string) bool {
	version, rest, _ := strings.Cut(trace, "-")
	id, rest, _ := strings.Cut(rest, "-")
	parent, rest, _ := strings.Cut(rest, "-")
	flags, _, more := strings.Cut(rest, "-")
	return checkTrace(trace) == nil && isHex(version, 2) && isHex(id, 32) && isHex(parent, 16) && isHex(flags, 2) &&
		version != "ff" && !isZeros(id) && !isZeros(parent) && (!more || version != "00")
}

// isHex reports whether s is n lower-case hexadecimal digits.
func isHex(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789abcdef") == "" }

// isZeros reports whether s is all zeros.
func isZeros(s string) bool { return strings.Trim(s, "0") == "" }
