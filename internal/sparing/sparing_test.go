package sparing

import (
	"testing"
	"time"
)

func TestSparingLogTakesSoManyLinesAMinute(t *testing.T) {
	var l Log
	now := time.Unix(0, 0)
	logged, told := 0, uint64(0)
	for range 10 * 60 * 100 { // a hundred a second for ten minutes
		if ok, dropped := l.Allow(now); ok {
			logged++
			told += dropped
		}
		now = now.Add(10 * time.Millisecond)
	}
	if logged != 10*Lines {
		t.Errorf("%d lines in ten minutes, want %d", logged, 10*Lines)
	}
	now = now.Add(Period)
	ok, dropped := l.Allow(now)
	if told += dropped; !ok || told != 10*60*100-uint64(logged) {
		t.Errorf("%v; %d lines are said to have been dropped, want %d", ok, told, 10*60*100-logged)
	}
	if ok, dropped := l.Allow(now); !ok || dropped != 0 {
		t.Errorf("%v, %d: what was dropped is told once", ok, dropped)
	}
}
