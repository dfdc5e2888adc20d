package peers

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

// A spendingClock counts a dial to x when the peer reads it for the nth time, as if something else dialled at that moment.
type spendingClock struct {
	clock.Clock
	hints *hintLimiter
	left  int // readings until it spends
}

func (c *spendingClock) Now() time.Time {
	now := c.Clock.Now()
	if c.left--; c.left == 0 {
		c.hints.take(now, hintAt(x))
	}
	return now
}

// TestTheLastDialMayBeSpentMeanwhile spends it at each moment of the decision what to dial: the peer dials, or it waits.
func TestTheLastDialMayBeSpentMeanwhile(t *testing.T) {
	const readings = 12 // more than one decision takes
	for n := 1; n <= readings; n++ {
		t.Run(fmt.Sprintf("reading %d of the clock", n), func(t *testing.T) {
			onRig(t, alone[0], func(r *rig) {
				r.look(func(p *peer) {
					for range maxAtIP - 1 {
						p.hints.take(time.Now(), hintAt(x))
					}
					p.Clock = &spendingClock{p.Clock, &p.hints, n}
				})
				r.tell(sighted(x))
				if got := r.outcome(); got != "dialling dial x" && got != "backing off 10s" {
					t.Error(got)
				}
			})
		})
	}
}
