package session

import "time"

// FirstUnsent is how many bytes the system should hold of a new connection that it has not sent yet: LimitUnsent is not asked for
// as many.
const FirstUnsent = 32 << 10

// Bounds of what is given to the system at one time, in bytes of bulk (wire.md §6.6): what the system has cannot be overtaken.
const (
	drainTime  = 2 * time.Millisecond // for which it should be enough
	leastDrain = 4 << 10              // the least that a part may have
	firstDrain = FirstUnsent          // until more is known
	mostDrain  = 256 << 10            // one write of small envelopes
	drainSpan  = 8 * time.Millisecond // what the rate of a busy line is measured over
)

// A drain is how fast the connection takes what is written, measured while the writer always has something to write. It is a
// pure structure.
type drain struct {
	rate float64 // bytes a second; 0: not known yet

	begun time.Time // of the stretch that is being measured
	bytes int       // written in it
	slack int       // of these, what the system may have taken at once, as it was idle
}

// allowance returns how many bytes of bulk may be given to the system at one time.
func (d *drain) allowance() int {
	if d.rate == 0 {
		return firstDrain
	}
	return int(min(max(d.rate*drainTime.Seconds(), leastDrain), mostDrain))
}

// begin starts a new stretch: the writer has had nothing to write until now.
func (d *drain) begin(now time.Time) {
	d.begun, d.bytes, d.slack = now, 0, 2*d.allowance()
}

// wrote counts n bytes that have been written now. The allowance grows at most twofold with a write, because a system that has
// not much to send takes some of it faster than the line.
func (d *drain) wrote(n int, now time.Time) {
	d.bytes += n
	taken, elapsed := d.bytes-d.slack, now.Sub(d.begun)
	if taken <= 0 {
		return
	}
	most := 2 * float64(d.allowance()) / drainTime.Seconds()
	rate := most
	if elapsed > 0 {
		rate = min(float64(taken)/elapsed.Seconds(), most)
	}
	if elapsed >= drainSpan {
		d.rate = rate
		d.begun, d.bytes, d.slack = now, 0, 0
	} else {
		d.rate = max(d.rate, rate)
	}
}
