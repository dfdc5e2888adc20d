package session

import (
	"errors"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/tally"
)

var (
	errLate    = errors.New("no handshake")
	errEvicted = errors.New("a newer connection needs the room")
)

// result says what became of a session that has not come up.
func (s *session) result() tally.Result {
	switch {
	case s.end.Reason == ReasonHandshake:
		return failure(s.end.Err)
	case s.remote == (identity.PublicKey{}): // the actor was stopped
		return tally.Stopped
	}
	return parting(s.end.Reason, s.end.ByPeer)
}

// failures say what the errors of a handshake mean.
var failures = []struct {
	err    error
	result tally.Result
}{
	{errLate, tally.TimedOut},
	{errEvicted, tally.Evicted},
	{errStopped, tally.Stopped},
	{ErrYielded, tally.Yielded},
	{ErrMode, tally.Mode},
	{ErrUnanswered, tally.Unanswered},
	{handshake.ErrUntrusted, tally.NotTrusted},
	{handshake.ErrWrongKey, tally.WrongKey},
	{handshake.ErrOtherKnock, tally.WrongKey},
	{handshake.ErrSelf, tally.OwnKey},
	{handshake.ErrKnock, tally.NoKnock},
	{handshake.ErrSize, tally.BadMessage},
	{handshake.ErrEphemeral, tally.BadMessage},
	{handshake.ErrMessage2, tally.BadMessage},
	{handshake.ErrMessage3, tally.BadMessage},
	{handshake.ErrKey, tally.BadMessage},
}

// failure says why a handshake failed.
func failure(err error) tally.Result {
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f.result
		}
	}
	if _, ok := errors.AsType[*frame.SizeError](err); ok {
		return tally.BadMessage
	}
	return tally.Failed
}

// parting says why two ends did not accept each other that had both proved their keys.
func parting(reason envelope.Reason, byPeer bool) tally.Result {
	switch {
	case reason == envelope.ReasonRefused || reason == envelope.ReasonRevoked:
		if byPeer {
			return tally.Refused
		}
		return tally.NotTrusted
	case reason == envelope.ReasonBusy:
		return tally.Busy
	case reason == envelope.ReasonUnresponsive && !byPeer:
		return tally.TimedOut
	case reason == envelope.ReasonProtocol && !byPeer:
		return tally.BadMessage
	case reason == envelope.ReasonShutdown && !byPeer:
		return tally.Stopped
	}
	return tally.Failed
}
