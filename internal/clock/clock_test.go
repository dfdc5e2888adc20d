package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestSystemClockFollowsItsBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := System.Now()
		fired := make(chan time.Duration, 1)
		System.AfterFunc(time.Hour, func() { fired <- System.Now().Sub(start) })
		if got := <-fired; got != time.Hour {
			t.Errorf("fired after %v, want %v", got, time.Hour)
		}
	})
}

func TestStoppedFunctionNeverRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := System.AfterFunc(time.Minute, func() { t.Error("ran after stop") })
		if !stop() {
			t.Error("stop = false before the time was up")
		}
		time.Sleep(time.Hour)
		if stop() {
			t.Error("stop = true the second time")
		}
	})
}
