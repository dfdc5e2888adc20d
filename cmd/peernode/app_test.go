package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestErrorsAreOneLine(t *testing.T) {
	var out, err strings.Builder
	a := newApp(nil, output.NewStream(t.Context(), &out, nil), output.NewStream(t.Context(), &err, nil))
	a.report(failure.About("pnet1self", "bob\x1b[31m", errors.Join(peernet.ErrNotConnected, errors.New("two\nlines"))))
	if n := strings.Count(err.String(), "\n"); n != 2 || strings.Contains(err.String(), "\x1b") {
		t.Errorf("got %q", err.String())
	}
	if out.Len() != 0 {
		t.Errorf("on standard output: %q", out.String())
	}
}
