package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Run in this process, so that what it leaves behind is noticed.
func TestDemoLeavesNothingBehind(t *testing.T) {
	temp := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP"} { // on Unix, on Windows
		t.Setenv(name, temp)
	}
	var out, err strings.Builder
	if code := run([]string{"demo"}, nil, &out, &err); code != exitDone || err.Len() > 0 {
		t.Errorf("exit code %d\n%s%s", code, out.String(), err.String())
	}
	left, readErr := os.ReadDir(temp)
	if readErr != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, readErr)
	}
}

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
	n := &narrator{app: &app{out: &output{w: &out}}, begun: time.Now()}
	n.step = "pair"
	n.tell(demoLine{}, "alice trusts %s", "bob")
	n.tell(demoLine{}, "bob trusts alice")
	n.step = "connect"
	n.failed(errors.New("it went wrong " + strings.Repeat("and ", 20) + "wrong"))
	want := `   0 ms  pair    alice trusts bob
   0 ms          bob trusts alice
   0 ms  connect failed: it went wrong and and and and and and and and and and
                 and and and and and and and and and and wrong
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
	out.Reset()
	n.json = true
	n.failed(errors.New("it went wrong"))
	if got := out.String(); !strings.HasPrefix(got, `{"step":"connect","ok":false,"at_ms":`) ||
		!strings.HasSuffix(got, `"text":"failed: it went wrong","error":"it went wrong"}`+"\n") {
		t.Errorf("got %s", got)
	}
}
