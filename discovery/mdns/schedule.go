package mdns

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// Times of asking. Where a time is random, it is so that nodes which have heard the same do not ask at the same moment.
const (
	// askLeast is the least time between two questions: RFC 6762 §5.2.
	askLeast = time.Second

	// hurryAfter to hurryAfter+hurryRange is how soon to ask for what an answer lacked, or what is in doubt.
	hurryAfter = 20 * time.Millisecond
	hurryRange = 100 * time.Millisecond

	// offerTTL is how long a pairing that was offered holds: its record is sent once, and a node that looks for it asks at once.
	offerTTL = 30 * time.Second

	// maxHurries bounds the questions out of turn between two in turn, so that an attacker cannot make us ask all the time.
	maxHurries = 4
)

// burst are the pauses after the first questions on newly opened interfaces, as long as no node has answered: a packet may
// be lost, and an interface that has just come up may lose more. Up to a half is added at random.
var burst = [...]time.Duration{time.Second, 2 * time.Second}

// A schedule says when to ask who is there. All nodes hear each answer, so one node asks for all: a node waits while the
// questions of others refresh what it knows. Time is passed in. It is not safe for concurrent use.
type schedule struct {
	period time.Duration
	random func() float64 // in [0, 1)

	asked   time.Time // last; zero: never
	askAt   time.Time // next, in turn
	repeats int       // pauses of burst that are over
	hurryAt time.Time // when to ask out of turn; zero: not
	hurries int       // since the last turn
}

// opened makes the first question due: the interfaces are new.
func (s *schedule) opened(now time.Time) { s.askAt, s.repeats = now, 0 }

// want makes a question due soon: an answer was not complete, or is in doubt.
func (s *schedule) want(now time.Time) {
	if !s.hurryAt.IsZero() || s.hurries >= maxHurries {
		return
	}
	s.hurryAt = now.Add(hurryAfter + s.part(hurryRange))
	if least := s.asked.Add(askLeast); s.hurryAt.Before(least) {
		s.hurryAt = least.Add(s.part(hurryRange))
	}
}

// next returns the earliest time at which due can return true.
func (s *schedule) next() time.Time { return lan.Earliest(s.hurryAt, s.askAt) }

// due reports whether to ask now: everybody who is there, or out of turn what is lacking. It takes that as asked. stalest is
// the time of the oldest last sighting among complete instances; zero: there are none. wanting says whether it is still worth
// to ask out of turn.
func (s *schedule) due(now, stalest time.Time, wanting bool) (ask, outOfTurn bool) {
	if !s.hurryAt.IsZero() && !now.Before(s.hurryAt) {
		s.hurryAt = time.Time{}
		if wanting {
			s.hurries++
			s.asked = now
			return true, true
		}
	}
	if now.Before(s.askAt) || s.waits(now, stalest) {
		return false, false
	}
	s.asked, s.hurries = now, 0
	if s.repeats < len(burst) {
		s.askAt = now.Add(burst[s.repeats] + s.part(burst[s.repeats]/2))
		s.repeats++
	} else {
		s.askAt = now.Add(s.period*3/4 + s.part(s.period/2))
	}
	return true, false
}

// waits puts off a turn that is not needed, because all known instances were heard lately. No turn is put off beyond two
// periods after the last question.
func (s *schedule) waits(now, stalest time.Time) bool {
	if stalest.IsZero() || s.repeats == 0 {
		return false
	}
	s.repeats = len(burst)
	if now.Sub(s.asked) < askLeast {
		s.askAt = s.asked.Add(askLeast)
		return true
	}
	latest := s.asked.Add(2 * s.period)
	if now.Sub(stalest) >= s.period*6/10 || !now.Before(latest) {
		return false
	}
	s.askAt = lan.Earliest(latest, stalest.Add(s.period*6/10+s.part(s.period*4/10)))
	return s.askAt.After(now)
}

// part returns a random part of d.
func (s *schedule) part(d time.Duration) time.Duration { return time.Duration(s.random() * float64(d)) }
