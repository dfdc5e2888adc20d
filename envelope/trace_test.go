package envelope

import (
	"regexp"
	"strings"
	"testing"
)

// aTrace is the example of W3C Trace Context §3.2.
const aTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestValidTrace(t *testing.T) {
	for name, test := range map[string]struct {
		trace string
		want  bool
	}{
		"as in the specification":     {aTrace, true},
		"not sampled":                 {aTrace[:53] + "00", true},
		"flags of the future":         {aTrace[:53] + "ff", true},
		"a later version":             {"01" + aTrace[2:], true},
		"a later version that grew":   {"cc" + aTrace[2:] + "-what the future holds", true},
		"nothing":                     {"", false},
		"version ff":                  {"ff" + aTrace[2:], false},
		"version 00 that grew":        {aTrace + "-00", false},
		"a later version run on":      {"cc" + aTrace[2:] + "0", false},
		"trace id of zeros":           {"00-" + strings.Repeat("0", 32) + aTrace[35:], false},
		"parent id of zeros":          {aTrace[:36] + strings.Repeat("0", 16) + aTrace[52:], false},
		"upper case":                  {strings.ToUpper(aTrace), false},
		"other separator":             {strings.ReplaceAll(aTrace, "-", "_"), false},
		"too long":                    {"cc" + aTrace[2:] + "-" + strings.Repeat("x", MaxTrace), false},
		"a control character far off": {"cc" + aTrace[2:] + "-\n", false},
	} {
		if got := ValidTrace(test.trace); got != test.want {
			t.Errorf("%s: %v for %q", name, got, test.trace)
		}
	}
	for n := range len(aTrace) {
		if ValidTrace(aTrace[:n]) {
			t.Errorf("the first %d bytes alone are valid", n)
		}
	}
	for i := range len(aTrace) {
		if ValidTrace(aTrace[:i] + "g" + aTrace[i+1:]) {
			t.Errorf("g in place %d is valid", i)
		}
	}
}

// traceForm describes the same form as a regular expression, without the rule for ids of zeros.
var traceForm = regexp.MustCompile(`^(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]*)?)$`)

func FuzzValidTrace(f *testing.F) {
	for _, seed := range []string{aTrace, "", "cc" + aTrace[2:] + "-x", "ff" + aTrace[2:], aTrace + "-", strings.Repeat("0", 55)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, trace string) {
		want := len(trace) <= MaxTrace && traceForm.MatchString(trace) && !strings.HasPrefix(trace, "ff") &&
			(!strings.HasPrefix(trace, "00") || len(trace) == len(aTrace)) &&
			trace[3:35] != strings.Repeat("0", 32) && trace[36:52] != strings.Repeat("0", 16)
		if got := ValidTrace(trace); got != want {
			t.Fatalf("%q: %v, want %v", trace, got, want)
		}
		if want {
			if _, err := Msgpack.AppendCall(nil, 1, "x", Options{Trace: trace}, nil); err != nil {
				t.Fatalf("a valid trace cannot be sent: %v", err)
			}
		}
	})
}
