package kit

import (
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

// A CountingClock knows how many of its timers have neither fired nor been stopped. It is safe for concurrent use.
type CountingClock struct {
	clock.Clock
	waiting atomic.Int64
}

// AfterFunc implements clock.Clock.
func (c *CountingClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.waiting.Add(1)
	stop := c.Clock.AfterFunc(d, func() {
		c.waiting.Add(-1)
		f()
	})
	return func() bool {
		stopped := stop()
		if stopped {
			c.waiting.Add(-1)
		}
		return stopped
	}
}

// Waiting returns how many timers wait.
func (c *CountingClock) Waiting() int { return int(c.waiting.Load()) }
