// Package limiter bounds how often something happens. Bucket and Window are two bounds, Keys has one of them for each
// of many keys, and Lines is the bound on the lines of a log that others can cause.
//
// The time is passed in and counted in whole nanoseconds, so that a bound is exact however long it has been in use.
// Only Lines is safe for concurrent use.
package limiter

import "time"

// A Rate lets Burst events happen at once, and one more each time that Every has passed.
type Rate struct {
	Burst int
	Every time.Duration
}

// A Bucket bounds events by a Rate. Its zero value is full.
type Bucket struct {
	full time.Time // when Burst events may happen at once again
}

// Wait returns how long until the next event may happen; 0: it may happen now. It takes nothing.
func (b *Bucket) Wait(now time.Time, r Rate) time.Duration {
	missing := max(0, b.full.Sub(now)) // the zero time is further back than a Duration reaches
	return max(0, missing-time.Duration(r.Burst-1)*r.Every)
}

// Take counts an event that happens now. It returns false, and counts nothing, if the event must not happen.
func (b *Bucket) Take(now time.Time, r Rate) bool {
	if b.Wait(now, r) > 0 {
		return false
	}
	b.Reserve(now, 1, r)
	return true
}

// Reserve counts n events, also if that is more than may happen, and returns how long until they may; 0: now. What is reserved or
// taken later comes after them: those who wait take turns.
func (b *Bucket) Reserve(now time.Time, n int, r Rate) time.Duration {
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(time.Duration(n) * r.Every)
	return max(0, b.full.Sub(now)-time.Duration(r.Burst)*r.Every)
}

// IsIdle says whether the bucket is full, and so the same as a new one.
func (b *Bucket) IsIdle(now time.Time) bool { return !b.full.After(now) }
