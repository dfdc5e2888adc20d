package netns

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// attempts is how often Run runs what is late each time, until that fails: the machine may be busy once or twice.
const attempts = 3

// lateMark begins the line with which the copy tells Run of a test that was late.
const lateMark = "=== LATE  "

// What was late in this process, which is a copy that Run has started.
var (
	lateMu sync.Mutex // guards late
	late   []string   // names of tests, each once
)

// Late says that something in a test that Run runs took longer than it may, which does not fail the test. Instead Run
// runs it again, or the subtest of it to which t belongs, beside nothing but what was late as well; if it is late at
// each of three attempts it fails. Anything else that is wrong is for t.Error, at the first attempt. Safe for
// concurrent use.
func Late(t testing.TB, format string, args ...any) {
	t.Helper()
	t.Logf("late: "+format, args...)
	lateMu.Lock()
	defer lateMu.Unlock()
	if !slices.Contains(late, t.Name()) {
		late = append(late, t.Name())
	}
}

// tellLate tells Run which of the subtests of the test of that name were late, or that it was itself.
func tellLate(name string) {
	lateMu.Lock()
	defer lateMu.Unlock()
	for _, l := range late {
		if l == name || strings.HasPrefix(l, name+"/") {
			fmt.Println(lateMark + l)
		}
	}
}

// readLate returns which tests were late, by what the copy printed.
func readLate(output []byte) (names []string) {
	for line := range bytes.Lines(output) {
		if name, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte(lateMark)); ok {
			names = append(names, string(name))
		}
	}
	return names
}

// latePattern returns the argument of -test.run that fits, of the test or subtest of that name, the subtests to which
// those that were late belong; all of it if it was late itself.
func latePattern(name string, late []string) string {
	var parts []string
	for _, l := range late {
		rest, below := strings.CutPrefix(l, name+"/")
		if !below {
			return pattern(name, "")
		}
		first, _, _ := strings.Cut(rest, "/")
		if first = regexp.QuoteMeta(first); !slices.Contains(parts, first) {
			parts = append(parts, first)
		}
	}
	return pattern(name, "") + "/^(" + strings.Join(parts, "|") + ")$"
}
