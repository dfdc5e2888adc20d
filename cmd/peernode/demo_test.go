package main

import (
	"os"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

// TestDemoLeavesNothingBehind runs the demo in this process, so that goleak finds the goroutines that it leaves.
func TestDemoLeavesNothingBehind(t *testing.T) {
	temp := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP"} { // on Unix, on Windows
		t.Setenv(name, temp)
	}
	var out, err strings.Builder
	if code := run([]string{"demo"}, nil, &out, &err); code != failure.ExitDone || err.Len() > 0 {
		t.Errorf("exit code %d\n%s%s", code, out.String(), err.String())
	}
	left, readErr := os.ReadDir(temp)
	if readErr != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, readErr)
	}
}
