package memnet

import (
	"sync"
	"time"
)

// A deadline ends waiting at a time. Its fields are guarded by the lock of the condition that it wakes.
//
// Its timer is made at first use and moved only when it must fire earlier: a deadline that is pushed back before each
// read costs two assignments. The timer's own goroutine runs fire and ends; stop ends the timer.
type deadline struct {
	wakes *sync.Cond
	at    time.Time // zero: none
	timer *time.Timer
	armed time.Time // when the timer fires; zero: it does not
}

// set replaces the deadline, as net.Conn has it: a past one expires at once, a zero one never.
func (d *deadline) set(t time.Time) {
	d.at = t
	switch rest := time.Until(t); {
	case t.IsZero():
		d.stop()
	case rest <= 0:
		d.wakes.Broadcast()
	case d.armed.IsZero() || t.Before(d.armed):
		d.arm(rest)
	}
}

// past reports whether the deadline has come.
func (d *deadline) past() bool { return !d.at.IsZero() && time.Until(d.at) <= 0 }

// stop takes the deadline back and ends the timer.
func (d *deadline) stop() {
	d.at, d.armed = time.Time{}, time.Time{}
	if d.timer != nil {
		d.timer.Stop()
	}
}

// arm makes the timer fire when the deadline comes, after rest.
func (d *deadline) arm(rest time.Duration) {
	d.armed = d.at
	if d.timer == nil {
		d.timer = time.AfterFunc(rest, d.fire)
		return
	}
	d.timer.Reset(rest)
}

// fire wakes those who wait if the deadline has come, and goes on waiting if it was moved.
func (d *deadline) fire() {
	d.wakes.L.Lock()
	defer d.wakes.L.Unlock()
	d.armed = time.Time{}
	switch {
	case d.at.IsZero():
	case d.past():
		d.wakes.Broadcast()
	default:
		d.arm(time.Until(d.at))
	}
}
