package peernet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A tellingError is an error of middleware that says whether a request was sent.
type tellingError bool

func (e tellingError) Error() string     { return fmt.Sprintf("sent: %v", bool(e)) }
func (e tellingError) RequestSent() bool { return bool(e) }

const never = -1 // of trying again

func TestErrorsSayWhetherTheRequestWasSentAndWhetherToTryAgain(t *testing.T) {
	remote := func(c Code) error { return &RemoteError{Code: c, Text: "x"} }
	link := func(r envelope.Reason, sent bool) error { return &session.LinkError{Reason: r, Sent: sent} }
	_, unencodable := envelope.RawOf(envelope.Msgpack, make(chan int))
	for name, test := range map[string]struct {
		err  error
		sent bool
		wait time.Duration // never: do not try again
	}{
		"nil":   {nil, false, never},
		"other": {io.EOF, false, never},

		"not trusted":    {ErrNotTrusted, false, never},
		"self":           {ErrSelf, false, never},
		"not connected":  {ErrNotConnected, false, retryLater},
		"no address":     {ErrNoAddress, false, retryLater},
		"unreachable":    {ErrUnreachable, false, retryLater},
		"dial":           {&peers.DialError{Addr: netip.AddrPort{}, Err: context.DeadlineExceeded}, false, retryLater},
		"wrong key":      {ErrWrongKey, false, never},
		"dial wrong key": {&peers.DialError{Err: handshake.ErrWrongKey}, false, never},
		"unanswered":     {&peers.DialError{Err: session.ErrUnanswered}, false, retryLater},
		"refused":        {&peers.RefusedError{Reason: envelope.ReasonRefused, RetryAfter: time.Minute}, false, never},
		"busy":           {&peers.RefusedError{Reason: envelope.ReasonBusy, RetryAfter: time.Minute}, false, time.Minute},
		"busy for long":  {&peers.RefusedError{Reason: envelope.ReasonBusy}, false, retryLater},
		"full":           {ErrFull, false, retryLater},
		"not started":    {ErrNotStarted, false, never},
		"closed":         {ErrClosed, false, never},
		"taken":          {ErrTaken, false, never},
		"not discreet":   {ErrNotDiscreet, false, never},
		"link lost":      {ErrLinkLost, false, never}, // alone it does not say whether the request was sent

		"arguments too large":      {fmt.Errorf("encode: %w", &session.SizeError{Size: 2, Limit: 1}), false, never},
		"arguments without a form": {unencodable, false, never},
		"name":                     {envelope.ErrNameReserved, false, never},

		"own context before":   {context.Canceled, false, never},
		"own deadline before":  {fmt.Errorf("waiting: %w", context.DeadlineExceeded), false, never},
		"given up in time":     {&session.AbandonedError{Err: context.Canceled}, false, never},
		"given up":             {&session.AbandonedError{Err: context.Canceled, Sent: true}, true, never},
		"deadline passed":      {&session.AbandonedError{Err: context.DeadlineExceeded, Sent: true}, true, never},
		"lost, sent":           {link(session.ReasonLost, true), true, never},
		"lost, unsent":         {link(session.ReasonLost, false), false, 0},
		"rotated, unsent":      {link(envelope.ReasonRotated, false), false, 0},
		"duplicate, unsent":    {link(envelope.ReasonDuplicate, false), false, 0},
		"idle, unsent":         {link(envelope.ReasonIdle, false), false, 0},
		"shutdown, unsent":     {link(envelope.ReasonShutdown, false), false, retryLater},
		"shutdown, sent":       {link(envelope.ReasonShutdown, true), true, never},
		"busy, unsent":         {link(envelope.ReasonBusy, false), false, retryLater},
		"unresponsive, unsent": {link(envelope.ReasonUnresponsive, false), false, retryLater},
		"protocol, unsent":     {link(envelope.ReasonProtocol, false), false, retryLater},
		"revoked, unsent":      {link(envelope.ReasonRevoked, false), false, never},
		"refused, unsent":      {link(envelope.ReasonRefused, false), false, never},
		"conflict, unsent":     {link(envelope.ReasonConflict, false), false, never},
		"unknown, unsent":      {link("of the future", false), false, retryLater},

		"no handler":               {remote(CodeNoHandler), true, never},
		"forbidden":                {remote(CodeForbidden), true, never},
		"bad args":                 {remote(CodeBadArgs), true, never},
		"failed":                   {remote(CodeFailed), true, never},
		"internal":                 {remote(CodeInternal), true, never},
		"overloaded":               {remote(CodeOverloaded), true, retryLater},
		"overloaded for a while":   {Overloaded("x", 1500*time.Microsecond), true, 2 * time.Millisecond},
		"overloaded for ever":      {Overloaded("x", 1000*time.Hour), true, envelope.MaxRetryAfter},
		"overloaded, no matter":    {Overloaded("x", -1), true, retryLater},
		"overloaded, other data":   {NewError(CodeOverloaded, "x", "soon"), true, retryLater},
		"overloaded, negative":     {NewError(CodeOverloaded, "x", map[string]any{"retry_after_ms": -7}), true, retryLater},
		"overloaded, more data":    {NewError(CodeOverloaded, "x", map[string]any{"retry_after_ms": 7, "queue": "long"}), true, 7 * time.Millisecond},
		"overloaded, absurd":       {NewError(CodeOverloaded, "x", map[string]any{"retry_after_ms": int64(1) << 62}), true, envelope.MaxRetryAfter},
		"overloaded, more absurd":  {NewError(CodeOverloaded, "x", map[string]any{"retry_after_ms": uint64(1) << 63}), true, envelope.MaxRetryAfter},
		"overloaded, no integer":   {NewError(CodeOverloaded, "x", map[string]any{"retry_after_ms": "7"}), true, retryLater},
		"cancelled":                {remote(CodeCancelled), true, never},
		"deadline":                 {remote(CodeDeadline), true, never},
		"too large":                {remote(CodeTooLarge), true, never},
		"a handler's own":          {remote("sold_out"), true, never},
		"an answer of other type":  {&resultError{io.EOF}, true, never},
		"overloaded, of our own":   {ErrOverloaded, false, retryLater},
		"wrapped":                  {fmt.Errorf("x: %w", link(session.ReasonLost, true)), true, never},
		"wrapped twice":            {fmt.Errorf("x: %w", fmt.Errorf("y: %w", remote(CodeFailed))), true, never},
		"joined, one sent":         {errors.Join(ErrNotConnected, link(session.ReasonLost, true)), true, never},
		"joined, one overloaded":   {errors.Join(ErrNotConnected, remote(CodeOverloaded)), true, retryLater},
		"joined, none sent":        {errors.Join(ErrNotConnected, io.EOF), false, retryLater},
		"middleware after sending": {tellingError(true), true, never},
		"middleware, not sent":     {fmt.Errorf("x: %w", tellingError(false)), false, never},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Sent(test.err); got != test.sent {
				t.Errorf("Sent(%v) is %v", test.err, got)
			}
			wait, ok := RetryAfter(test.err)
			if !ok {
				wait = never
			}
			if wait != test.wait || Retryable(test.err) != ok {
				t.Errorf("RetryAfter(%v) is %v, not %v; Retryable %v", test.err, wait, test.wait, Retryable(test.err))
			}
		})
	}
}

func TestNewErrorKeepsWhatItCan(t *testing.T) {
	type stock struct {
		Left int `msgpack:"left"`
	}
	err := fmt.Errorf("sell: %w", NewError("sold_out", "none left", stock{3}))
	if CodeOf(err) != "sold_out" {
		t.Errorf("code %s", CodeOf(err))
	}
	if got, ok := ErrorData[stock](err); !ok || got.Left != 3 {
		t.Errorf("data %v, %v", got, ok)
	}
	if got, ok := ErrorData[string](err); ok || got != "" {
		t.Errorf("data of another type: %v, %v", got, ok)
	}
	for name, err := range map[string]error{
		"nil": nil, "other": io.EOF, "without data": NewError("x", "y", nil), "nil pointer": (*RemoteError)(nil), "sentinel": ErrForbidden,
	} {
		if got, ok := ErrorData[any](err); ok {
			t.Errorf("%s has data %v", name, got)
		}
	}
	bad := NewError("x", strings.Repeat("y", envelope.MaxText+1), make(chan int))
	if _, ok := ErrorData[any](bad); ok || CodeOf(bad) != "x" {
		t.Errorf("data that cannot be encoded: %v", bad)
	}
}
