package udp

import "time"

// Times of wire.md §8.1.
const (
	period       = 5 * time.Second        // between announces
	periodJitter = 500 * time.Millisecond // the period is shorter by a random part of this, so that nodes fall out of step
	announceTTL  = 3 * period             // how long an announce holds

	offerEvery = time.Second    // between announces of an open offer of a pairing: a person waits for it
	offerTTL   = 5 * offerEvery // how long such an announce holds

	answerWithin = 100 * time.Millisecond // a key heard for the first time is answered at random within this
	answerEvery  = time.Second            // least time between answers on one interface
)

// burst are the pauses after the first announces: a datagram may be lost, and an interface that has just come up may lose
// more.
var burst = [...]time.Duration{250 * time.Millisecond, 750 * time.Millisecond}

// A schedule says when to announce. The zero value is that of a start.
type schedule struct{ sent int }

// next returns how long after an announce the one after it is due. jitter is random in [0, 1).
func (s *schedule) next(jitter float64) time.Duration {
	if s.sent < len(burst) {
		s.sent++
		return burst[s.sent-1]
	}
	return period - time.Duration(jitter*float64(periodJitter))
}
