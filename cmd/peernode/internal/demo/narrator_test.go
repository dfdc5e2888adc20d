package demo

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
)

func TestWrapBreaksBetweenWords(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"empty", "", []string{""}},
		{"fits", "1234567 90", []string{"1234567 90"}},
		{"one too many", "1234567 901", []string{"1234567", "901"}},
		{"long word", "12 12345678901 34", []string{"12", "12345678901", "34"}},
		{"characters, not bytes", "äöüäöüä öü", []string{"äöüäöüä öü"}},
		{"spaces", "  12\n34  ", []string{"12 34"}},
	} {
		if got := wrap(c.in, 10); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestStepsAsPrinted(t *testing.T) { synctest.Test(t, testStepsAsPrinted) }

func testStepsAsPrinted(t *testing.T) {
	var out strings.Builder
	n := &narrator{out: &output.Printer{Stream: output.NewStream(t.Context(), &out, nil)}, begun: time.Now()}
	n.step = "pair"
	n.tell(line{}, "alice trusts %s", "bob")
	n.tell(line{}, "bob trusts alice")
	n.step = "connect"
	n.fail(errors.New("it went wrong " + strings.Repeat("and ", 20) + "wrong"))
	want := `   0 ms  pair    alice trusts bob
   0 ms          bob trusts alice
   0 ms  connect failed: it went wrong and and and and and and and and and and
                 and and and and and and and and and and wrong
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
	out.Reset()
	n.out.JSON = true
	n.fail(errors.New("it went wrong"))
	if got := out.String(); !strings.HasPrefix(got, `{"step":"connect","ok":false,"at_ms":`) ||
		!strings.HasSuffix(got, `"text":"failed: it went wrong","error":"it went wrong"}`+"\n") {
		t.Errorf("got %s", got)
	}
}
