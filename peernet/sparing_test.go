package peernet

import (
	"testing"
	"time"
)

func TestSparingLogTakesSoManyLinesAMinute(t *testing.T) {
	var s sparing
	now := time.Unix(0, 0)
	logged, told := 0, uint64(0)
	for range 10 * 60 * 100 { // a hundred a second for ten minutes
		if ok, dropped := s.allow(now); ok {
			logged++
			told += dropped
		}
		now = now.Add(10 * time.Millisecond)
	}
	if logged != 10*sparingLines {
		t.Errorf("%d lines in ten minutes, want %d", logged, 10*sparingLines)
	}
	now = now.Add(sparingPeriod)
	ok, dropped := s.allow(now)
	if told += dropped; !ok || told != 10*60*100-uint64(logged) {
		t.Errorf("%v; %d lines are said to have been dropped, want %d", ok, told, 10*60*100-logged)
	}
	if ok, dropped := s.allow(now); !ok || dropped != 0 {
		t.Errorf("%v, %d: what was dropped is told once", ok, dropped)
	}
}
