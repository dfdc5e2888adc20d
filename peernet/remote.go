package peernet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// A Code says to programs why a call failed: 1 to 64 bytes of ASCII without spaces. Handlers may choose others than these
// (wire.md §10).
type Code = envelope.Code

// The codes that nodes themselves answer with. Each has its Go error: see ErrNoHandler and its like.
const (
	CodeNoHandler  = envelope.CodeNoHandler
	CodeForbidden  = envelope.CodeForbidden
	CodeBadArgs    = envelope.CodeBadArgs
	CodeFailed     = envelope.CodeFailed
	CodeInternal   = envelope.CodeInternal
	CodeOverloaded = envelope.CodeOverloaded
	CodeCancelled  = envelope.CodeCancelled
	CodeDeadline   = envelope.CodeDeadline
	CodeTooLarge   = envelope.CodeTooLarge
)

// CodeOf returns the code with which a handler that returns err answers: that of a *RemoteError, of ErrNoHandler and its
// like, `cancelled` or `deadline` for a context's error, and `failed` for every other; "" for nil.
func CodeOf(err error) Code { return envelope.CodeOf(err) }

// AnswerCode returns the code of the answer to a call whose handler returned err, for middleware that tells of it. ctx is the
// call's context: if it has ended, that is the answer to a call whose handler returned nil; if not, the end of a context of
// the handler's own is `failed`. It is "" for a call that succeeded.
func AnswerCode(ctx context.Context, err error) Code {
	ended := ctx.Err()
	if err == nil {
		err = ended
	}
	return envelope.AnswerCode(err, ended != nil)
}

// A RemoteError is what a peer answered instead of a result. Its text and data are the peer's: Error cuts the text and
// quotes it, ErrorData decodes the data.
type RemoteError = envelope.RemoteError

// NewError returns an error for handlers to return: the caller gets its code, its text for people, of which 1,024 bytes
// travel, and data for programs, which may be anything that MessagePack can hold, or nil. An invalid code is answered
// as `failed`. Data that cannot be encoded is left out, and the text says so; data too large for the caller is left out
// when the answer is sent, and the node logs it.
func NewError(code Code, text string, data any) error {
	e := &RemoteError{Code: code, Text: text}
	if data == nil {
		return e
	}
	var err error
	if e.Data, err = envelope.RawOf(envelope.Msgpack, data); err != nil {
		e.Text = fmt.Sprintf("%s (%T as data cannot be sent)", envelope.ErrorText(text), data)
	}
	return e
}

// ErrorData returns the data that the peer's handler attached to the error of a call. ok is false if err is no answer of a
// peer, or has no data that decodes into a T.
func ErrorData[T any](err error) (data T, ok bool) {
	e, ok := errors.AsType[*RemoteError](err)
	if !ok || e == nil || e.Data.IsZero() {
		return data, false
	}
	var got T
	if e.Data.Decode(&got) != nil {
		return data, false
	}
	return got, true
}

// retryAdvice is the data of an `overloaded` that says when to try again (wire.md §10).
type retryAdvice struct {
	RetryAfterMS uint64 `msgpack:"retry_after_ms"`
}

// Overloaded returns an error that answers `overloaded`, with the advice to wait for retryAfter, rounded up to
// milliseconds: RetryAfter tells the caller. It is for handlers that have done nothing yet: callers will ask again.
func Overloaded(text string, retryAfter time.Duration) error {
	ms := max(retryAfter, 0).Milliseconds()
	if retryAfter > time.Duration(ms)*time.Millisecond {
		ms++
	}
	return NewError(CodeOverloaded, text, retryAdvice{uint64(ms)})
}

// advisedWait returns the wait that an `overloaded` advises, at most envelope.MaxRetryAfter; 0: it advises none.
func advisedWait(err error) time.Duration {
	a, _ := ErrorData[retryAdvice](err)
	return time.Duration(min(a.RetryAfterMS, uint64(envelope.MaxRetryAfter.Milliseconds()))) * time.Millisecond
}
