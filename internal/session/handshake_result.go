package session

import (
	"errors"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

var (
	errLate    = errors.New("the handshake was not complete")
	errEvicted = errors.New("closed to make room for a newer connection")
)

// handshakeResult returns what became of a session that did not come up.
func (s *session) handshakeResult() counters.HandshakeResult {
	switch {
	case s.end.Reason == ReasonHandshake:
		return resultOfFailure(s.end.Err)
	case s.remote == (identity.PublicKey{}): // the actor was stopped
		return counters.Stopped
	}
	return resultOfEnd(s.end.Reason, s.end.ByPeer)
}

// failures are the results that the errors of a handshake stand for.
var failures = []struct {
	err    error
	result counters.HandshakeResult
}{
	{errLate, counters.TimedOut},
	{errEvicted, counters.Evicted},
	{errStopped, counters.Stopped},
	{ErrYielded, counters.Yielded},
	{ErrMode, counters.Mode},
	{ErrDialect, counters.Dialect},
	{ErrUnanswered, counters.Unanswered},
	{handshake.ErrUntrusted, counters.NotTrusted},
	{ErrBlocked, counters.NotTrusted},
	{handshake.ErrWrongKey, counters.WrongKey},
	{handshake.ErrOtherKnock, counters.WrongKey},
	{handshake.ErrSelf, counters.OwnKey},
	{handshake.ErrKnock, counters.NoKnock},
	{handshake.ErrSize, counters.BadMessage},
	{handshake.ErrEphemeral, counters.BadMessage},
	{handshake.ErrMessage2, counters.BadMessage},
	{handshake.ErrMessage3, counters.BadMessage},
	{handshake.ErrGuest, counters.BadMessage},
	{handshake.ErrKey, counters.BadMessage},
}

// resultOfFailure returns the result of a handshake that failed with err.
func resultOfFailure(err error) counters.HandshakeResult {
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f.result
		}
	}
	if _, ok := errors.AsType[*frame.SizeError](err); ok {
		return counters.BadMessage
	}
	return counters.Failed
}

// resultOfEnd returns the result of a session that ended after the handshake, before it came up.
func resultOfEnd(reason envelope.Reason, byPeer bool) counters.HandshakeResult {
	switch {
	case reason == envelope.ReasonRefused || reason == envelope.ReasonRevoked:
		if byPeer {
			return counters.Refused
		}
		return counters.NotTrusted
	case reason == envelope.ReasonBusy:
		return counters.Busy
	case reason == envelope.ReasonUnresponsive && !byPeer:
		return counters.TimedOut
	case reason == envelope.ReasonProtocol && !byPeer:
		return counters.BadMessage
	case reason == envelope.ReasonShutdown && !byPeer:
		return counters.Stopped
	}
	return counters.Failed
}
