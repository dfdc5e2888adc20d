package session

import "time"

// FirstUnsent is how many bytes the system should hold of a new connection that it has not sent yet: LimitUnsent is not asked for
// as many.
const FirstUnsent = partBytes

// Bounds of what is given to the system at one time, in bytes of bulk (wire.md §6.6): what the system has cannot be overtaken.
const (
	rateTime       = time.Millisecond     // for which it should be enough
	leastAllowance = 4 << 10              // the least that a part may have
	firstAllowance = FirstUnsent          // until more is known
	mostAllowance  = 256 << 10            // one write of small envelopes
	rateSpan       = 8 * time.Millisecond // what the rate of a busy line is measured over
)

// A lineRate is how fast the connection takes what is written, measured over one stretch of time after the other. A stretch in
// which the writer paused shows only that the line is at least as fast. It is a pure structure.
type lineRate struct {
	rate float64 // bytes a second; 0: not known yet

	begun    time.Time // of the stretch that is being measured
	bytes    int       // written in it
	slack    int       // of these, what the system may have taken at once, as it was idle
	hasPause bool      // the writer had nothing to write for a part of it
}

// allowance returns how many bytes of bulk may be given to the system at one time.
func (r *lineRate) allowance() int {
	if r.rate == 0 {
		return firstAllowance
	}
	return int(min(max(r.rate*rateTime.Seconds(), leastAllowance), mostAllowance))
}

// begin says that the writer has had nothing to write until now. A pause that is short belongs to its stretch, so that the rate
// is found out also by calls that are made one at a time.
func (r *lineRate) begin(now time.Time) {
	if now.Sub(r.begun) < rateSpan {
		r.hasPause = true
	} else {
		r.start(now)
	}
}

// start starts a stretch in which the system is idle at first.
func (r *lineRate) start(now time.Time) {
	r.begun, r.bytes, r.slack, r.hasPause = now, 0, 2*r.allowance(), false
}

// wrote counts n bytes that have been written now. The allowance grows at most twofold with a write, because a system that has
// not much to send takes some of it faster than the line.
func (r *lineRate) wrote(n int, now time.Time) {
	r.bytes += n
	taken, elapsed := r.bytes-r.slack, now.Sub(r.begun)
	if elapsed < rateSpan {
		taken = r.bytes - 2*r.allowance() // a busy system asks for more in bursts
	}
	if taken <= 0 {
		return
	}
	most := 2 * float64(r.allowance()) / rateTime.Seconds()
	rate := most
	if elapsed > 0 {
		rate = min(float64(taken)/elapsed.Seconds(), most)
	}
	switch {
	case elapsed < rateSpan:
		r.rate = max(r.rate, rate)
	case r.hasPause:
		r.rate = max(r.rate, rate)
		r.start(now)
	default:
		r.rate = rate
		r.begun, r.bytes, r.slack = now, 0, 0
	}
}
