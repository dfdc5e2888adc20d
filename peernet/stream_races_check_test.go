package peernet_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// result names how a stream ended.
func (s *streaming) result() string {
	switch what := resultOf(s.err); {
	case s.broke && what == "given up":
		return "broken off"
	case s.runs == 0 && errors.Is(s.err, peernet.ErrOverloaded):
		return "answered overloaded" // or refused by this node
	case what == "done" && s.overRotation():
		return "done over a rotation"
	default:
		return what
	}
}

// overRotation says whether a stream lasted while its session was replaced by age, which is at most a quarter late.
func (s *streaming) overRotation() bool {
	t := s.from.h.temper
	started := s.begun.Add(-s.at) // of the history, shortly after the session's
	return t.faults == 0 && !t.both && t.rotate > 0 && s.begun.Before(started.Add(t.rotate)) && s.endedAt.After(started.Add(t.rotate*5/4))
}

// problem says what is wrong with how a stream ended, "" if nothing is.
func (s *streaming) problem(result string) string {
	h, t := s.from.h, s.from.h.temper
	sent, gone := peernet.Sent(s.err), result == "given up" || result == "late"
	done := s.err == nil
	switch {
	case s.ended != 1:
		return "a stream ends once"
	case s.runs > 1:
		return "it was handled twice"
	case s.running:
		return "its handler goes on"
	case s.ctx != nil && s.ctx.Err() == nil:
		return "its handler has returned, and the context not ended"
	case !sent && s.err != nil && s.runs > 0:
		return "its handler ran although nothing was sent"
	case s.taken > s.sent:
		return "a value arrived whose sender was told that it was not sent"
	case s.got > s.answered:
		return "a value arrived at its caller whose sender was told that it was not sent"
	case done && (s.runs != 1 || s.returned != nil):
		return "it succeeded, and its handler did not"
	case result == "answered failed" && !(s.fails && errors.Is(s.returned, errOfHandler)):
		return "its handler did not return that"
	case (done || result == "answered failed") && !s.broke && s.got != s.answered:
		return "its caller has not received all that was sent before the reply"
	case done && s.taken != s.want():
		return fmt.Sprintf("it succeeded, and its handler should have received %d values", s.want())
	case result == "unknown":
		return "no caller knows that error"
	case result == "not begun" && sent:
		return "it was not begun, and sent"
	case gone && s.patience > 0 && s.deadline && s.endedAt.Before(s.begun.Add(s.patience)):
		return "its context had not ended"
	case gone && s.patience < 0 && s.number%2 == 0:
		return "its context never ends"
	case t.faults == 0 && result == "not begun" && (s.wait || !t.both):
		return "nothing happened to the link"
	case result == "lost" && s.runs > 0 && !h.rough && !h.hasty && !t.heavy && s.endedAt.Before(h.stopAt.Add(t.linger)):
		return "no shutdown waited for it"
	case t.faults == 0 && !t.heavy && result == "lost":
		return "no link was closed over it"
	}
	return ""
}

// want is how many values the handler of a stream that succeeded has received.
func (s *streaming) want() int {
	if s.takes < 0 {
		return s.sends
	}
	return min(s.takes, s.sends)
}

// String tells a stream's plan and end.
func (s *streaming) String() string {
	return fmt.Sprintf("%d of %s, patience %v, window %d, takes %d and keeps %d of %d values of %d bytes, sent %d, taken %d, answered %d, received %d, ended %d times after %v: %v; handled %d times: %v",
		s.number, s.from.name, s.patience, s.window, s.takes, s.keeps, s.sends, s.size, s.sent, s.taken, s.answered, s.got, s.ended,
		s.endedAt.Sub(s.begun).Round(time.Microsecond), s.err, s.runs, s.returned)
}
