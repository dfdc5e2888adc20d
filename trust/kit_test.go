package trust

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func checkFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if string(got) != want || err != nil {
		t.Errorf("%s holds\n%q, %v, want\n%q", path, got, err, want)
	}
}

func mustOpen(t *testing.T, path string, settings ...Setting) *Set {
	t.Helper()
	s, err := Open(path, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkLabels fails the test unless the set's peers have the labels.
func checkLabels(t *testing.T, s *Set, want ...string) {
	t.Helper()
	if got := labels(s); !slices.Equal(got, want) {
		t.Errorf("the set is %q, want %q", got, want)
	}
}

// text returns a peers file with a peer for each label, whose keys are those of the positions in the alphabet.
func text(labels ...string) string {
	var b strings.Builder
	for _, label := range labels {
		fmt.Fprintln(&b, testKey(int(label[0])), label)
	}
	return b.String()
}

func keyOf(label string) identity.PublicKey {
	return testKey(int(label[0]))
}

func removeAll(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func mustMkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func mustLink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Skip(err)
	}
}
