package envelope

import "strings"

// Where the parts of a traceparent are (W3C Trace Context §3.2): version, trace id, parent id and flags in hexadecimal, joined
// by "-".
const (
	traceID    = 2 + 1
	traceIDEnd = traceID + 32
	parentID   = traceIDEnd + 1
	parentEnd  = parentID + 16
	traceSize  = parentEnd + 1 + 2 // the whole, in version 00
)

// ValidTrace reports whether trace has the shape of a traceparent (W3C Trace Context §3.2): lower-case hexadecimal
// digits, neither id all zeros. A version after 00 may have more after another "-"; ff is not a version. Like any trace
// it has at most MaxTrace bytes of ASCII from ' ' to '~' (wire.md §6.3).
func ValidTrace(trace string) bool {
	if len(trace) < traceSize || checkTrace(trace) != nil {
		return false
	}
	for i := range traceSize {
		switch c := trace[i]; i {
		case traceID - 1, traceIDEnd, parentEnd:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	switch version := trace[:traceID-1]; {
	case version == "ff", isZeros(trace[traceID:traceIDEnd]), isZeros(trace[parentID:parentEnd]):
		return false
	case len(trace) > traceSize:
		return version != "00" && trace[traceSize] == '-'
	}
	return true
}

// isZeros reports whether s is all zeros.
func isZeros(s string) bool { return strings.Trim(s, "0") == "" }
