package peernet

import (
	"errors"
	"strconv"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// A callError is why a call, send or ping of this node's failed.
type callError struct {
	what string // as "call"
	name string // the handler's; empty: none
	err  error
}

func (e *callError) Error() string {
	if e.name == "" {
		return e.what + ": " + e.err.Error()
	}
	return e.what + " " + strconv.Quote(e.name) + ": " + e.err.Error()
}

func (e *callError) Unwrap() error { return e.err }

// own is what the error of a handler is to its caller. If it is that of a call which the handler has made, its code and its
// data say how a third node answered, and nothing of what this handler has done: so it is `failed`, as any other.
func own(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*callError](err); !ok {
		return err
	}
	return &RemoteError{Code: envelope.CodeFailed, Text: envelope.ErrorText(err.Error())}
}
