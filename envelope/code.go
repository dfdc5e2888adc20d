package envelope

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxCode is the most bytes that the code of an error or of a bye may have. Codes go into metrics, logs and switches.
const MaxCode = 64

// MaxText is the most bytes of text that an error is sent with, that a bye is sent and read with, and that Error shows of
// a peer's text. So none of them floods a log, and a bye is never too large to send.
const MaxText = 1024

// ErrCode reports a code of 0 or more than MaxCode bytes, or with bytes other than ASCII from '!' to '~'.
var ErrCode = errors.New("envelope: a code has 1 to 64 bytes of ASCII without spaces")

// A Code says why a call failed (wire.md §10). Handlers may choose others than these. Append only.
type Code string

// The codes of replies that this package knows.
const (
	CodeNoHandler  Code = "no_handler" // there is no handler of that name, or none for this caller
	CodeForbidden  Code = "forbidden"  // the handler does not serve this caller
	CodeBadArgs    Code = "bad_args"   // the handler could not read its args
	CodeFailed     Code = "failed"     // the handler returned an error
	CodeInternal   Code = "internal"   // the node failed: a panic, or a result that cannot be encoded; the text has an incident id
	CodeOverloaded Code = "overloaded" // too many calls, or too much in them
	CodeCancelled  Code = "cancelled"  // the caller gave up
	CodeDeadline   Code = "deadline"   // the caller's time had run out
	CodeTooLarge   Code = "too_large"  // the result is longer than the caller takes
)

// Errors that stand for codes. A *RemoteError matches the one of its code in errors.Is. A handler that returns one of
// them, or an error that wraps it, answers with its code: see CodeOf.
var (
	ErrNoHandler  error = &codeError{CodeNoHandler, "no such handler"}
	ErrForbidden  error = &codeError{CodeForbidden, "not allowed"}
	ErrBadArgs    error = &codeError{CodeBadArgs, "the arguments cannot be read"}
	ErrFailed     error = &codeError{CodeFailed, "the handler failed"}
	ErrInternal   error = &codeError{CodeInternal, "the handler broke"}
	ErrOverloaded error = &codeError{CodeOverloaded, "too much to do"}
	ErrCancelled  error = &codeError{CodeCancelled, "the caller gave up"}
	ErrDeadline   error = &codeError{CodeDeadline, "the caller's deadline has passed"}
	ErrTooLarge   error = &codeError{CodeTooLarge, "too large for the peer"}
)

// A codeError is the Go error of one code.
type codeError struct {
	code Code
	text string
}

// Error implements error.
func (e *codeError) Error() string { return e.text }

// CodeOf returns the code with which a caller is told of err: that of a *RemoteError (if it is valid) or of
// ErrNoHandler and its like, CodeCancelled for context.Canceled, CodeDeadline for context.DeadlineExceeded, and
// CodeFailed for any other error. All of them may be wrapped. CodeOf(nil) is empty.
func CodeOf(err error) Code { return AnswerCode(err, true) }

// AnswerCode returns the code of the answer to a call whose handler returned err: as CodeOf, but the end of a context is a
// failure like any other unless the call's own context has ended (wire.md §10), since the caller has set no time for it.
func AnswerCode(err error, ended bool) Code {
	var (
		remote *RemoteError
		local  *codeError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &remote):
		if checkCode(string(remote.Code)) == nil {
			return remote.Code
		}
	case !ended && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
	case errors.As(err, &local):
		return local.code
	case errors.Is(err, context.Canceled):
		return CodeCancelled
	case errors.Is(err, context.DeadlineExceeded):
		return CodeDeadline
	}
	return CodeFailed
}

// A RemoteError is the error of a reply (wire.md §6.4): the peer's reason why a call failed. The peer chose Text and
// Data: do not trust them, and print Text quoted and cut, as Error does.
type RemoteError struct {
	Code Code
	Text string // for people. As received, valid UTF-8
	Data Raw    // for programs; zero if there is none. As received, it aliases the parsed body

	cause error // why this node cannot read the reply; nil if the peer has sent the error
}

// Undecodable returns the error of a call that was answered with a value that cannot be decoded, for the reason err. It
// has CodeFailed, since the handler has run, and wraps ErrDecode.
func Undecodable(err error) *RemoteError {
	err = fmt.Errorf("%w: %w", ErrDecode, err)
	return &RemoteError{Code: CodeFailed, Text: "the reply cannot be read: " + err.Error(), cause: err}
}

// Unwrap returns why this node could not read the reply, or nil if the peer has sent the error.
func (e *RemoteError) Unwrap() error { return e.cause }

// Error returns the code, and the first 1,024 bytes of the text, quoted.
func (e *RemoteError) Error() string {
	c := string(e.Code)
	if checkCode(c) != nil {
		c = quote(c)
	}
	if e.Text == "" {
		return "remote error: " + c
	}
	return fmt.Sprintf("remote error: %s: %s", c, quote(e.Text))
}

// Is reports whether target stands for e's code: ErrNoHandler and its like, or a *RemoteError with that code.
func (e *RemoteError) Is(target error) bool {
	switch t := target.(type) {
	case *codeError:
		return t.code == e.Code
	case *RemoteError:
		return t.Code == e.Code
	}
	return false
}

// CheckCode returns ErrCode if code cannot be that of an error or a bye: 1 to 64 bytes of ASCII from '!' to '~'.
func CheckCode(code string) error { return checkCode(code) }

// checkCode returns ErrCode if c cannot be the code of an error or a bye.
func checkCode[T string | []byte](c T) error {
	if len(c) == 0 || len(c) > MaxCode || !isASCII(c, '!') {
		return ErrCode
	}
	return nil
}

// isASCII reports whether s holds nothing but ASCII from the character from to '~'.
func isASCII[T string | []byte](s T, from byte) bool {
	for i := range len(s) {
		if s[i] < from || s[i] > '~' {
			return false
		}
	}
	return true
}

// validText returns s with bytes that are not UTF-8 replaced, so that decoders in other languages accept it.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// quote returns at most the first MaxText bytes of s, quoted for people.
func quote(s string) string {
	if len(s) <= MaxText {
		return strconv.Quote(s)
	}
	return strconv.Quote(cutText(s, MaxText)) + "…"
}

// ErrorText returns s as the text of an error or a bye travels: valid UTF-8, of at most MaxText bytes. It is cut twice:
// what replaces a bad byte is longer.
func ErrorText(s string) string { return cutText(validText(cutText(s, MaxText)), MaxText) }

// cutText returns s, cut to at most n bytes without splitting a character.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for end := n; end >= max(n-utf8.UTFMax+1, 0); end-- {
		if utf8.RuneStart(s[end]) {
			return s[:end]
		}
	}
	return s[:n]
}
