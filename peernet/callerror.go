package peernet

import (
	"errors"
	"strconv"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// A callError says why a call, send or ping of this node failed.
type callError struct {
	what string // as "call"
	name string // of the handler; empty: none
	err  error
}

func (e *callError) Error() string {
	if e.name == "" {
		return e.what + ": " + e.err.Error()
	}
	return e.what + " " + strconv.Quote(e.name) + ": " + e.err.Error()
}

func (e *callError) Unwrap() error { return e.err }

// errorForCaller returns the error of a handler for its caller. The error of a call which the handler has made becomes
// `failed`: its code and its data say how a third node answered, not what this handler has done.
func errorForCaller(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*callError](err); !ok {
		return err
	}
	return &RemoteError{Code: envelope.CodeFailed, Text: envelope.ErrorText(err.Error())}
}
