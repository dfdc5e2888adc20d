package main

import "time"

// after returns a channel that is closed once d has passed, at once if d is not more than 0. stop says that nobody waits
// for it any more.
func after(d time.Duration) (over <-chan struct{}, stop func() bool) {
	c := make(chan struct{})
	if d <= 0 {
		close(c)
		return c, func() bool { return false }
	}
	return c, time.AfterFunc(d, func() { close(c) }).Stop
}
