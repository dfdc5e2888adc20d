package limiter

import "time"

// A Window lets at most a number of events happen within any period, wherever that period begins. Its zero value has
// counted none. It keeps 24 bytes for each event within the period.
type Window struct {
	events []time.Time // oldest first
	idle   time.Time   // when the newest has left the period
}

// Wait returns how long until the next event may happen; 0: it may happen now. It takes nothing.
func (w *Window) Wait(now time.Time, most int, period time.Duration) time.Duration {
	if len(w.events) < most {
		return 0
	}
	return max(0, w.events[len(w.events)-most].Add(period).Sub(now))
}

// Take counts an event that happens now. It returns false, and counts nothing, if the event must not happen.
func (w *Window) Take(now time.Time, most int, period time.Duration) bool {
	if w.Wait(now, most, period) > 0 {
		return false
	}
	if len(w.events) >= most {
		w.events = append(w.events[:0], w.events[len(w.events)-most+1:]...)
	}
	w.events = append(w.events, now)
	w.idle = now.Add(period)
	return true
}

// IsIdle says whether no event is within the period, so that the window is the same as a new one.
func (w *Window) IsIdle(now time.Time) bool { return !w.idle.After(now) }
