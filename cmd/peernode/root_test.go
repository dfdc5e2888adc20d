package main

import (
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

// A closed is a stream that takes nothing.
type closed struct{}

var errClosed = errors.New("closed")

func (closed) Write([]byte) (int, error) { return 0, errClosed }

func TestResultThatCannotBeWrittenIsAFailure(t *testing.T) {
	if got := run([]string{"--version"}, nil, closed{}, closed{}); got != failure.ExitFailed {
		t.Errorf("got exit code %d", got)
	}
}
