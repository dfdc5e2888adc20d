package netwatch

import (
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

func TestSleepIsSeenOnEitherClock(t *testing.T) {
	const s, h = time.Second, time.Hour
	for _, test := range []struct {
		name            string
		wall, mono, due time.Duration
		want            time.Duration
	}{
		{"in time", 2 * s, 2 * s, 2 * s, 0},
		{"early", s, s, 2 * s, 0},
		{"late, as a busy machine is", 7 * s, 7 * s, 2 * s, 0},
		{"later than that: the monotonic clock runs on in sleep, or the process stood still", 8 * s, 8 * s, 2 * s, 6 * s},
		{"the monotonic clock stands still in sleep", h + 2*s, 2 * s, 2 * s, h},
		{"and the look is early", h + s, s, 2 * s, h},
		{"and looks are rare", 7*s + h, h, h, 7 * s},
		{"a nap of MinSleep", 7 * s, 2 * s, 2 * s, 0},
		{"a little longer", 7*s + 1, 2 * s, 2 * s, 5*s + 1},
		{"the wall clock is set back", 2*s - h, 2 * s, 2 * s, 0},
		{"a little forward", 4 * s, 2 * s, 2 * s, 0},
		{"set back in sleep, on a monotonic clock that runs on", 2 * s, h, 2 * s, h - 2*s},
		{"no monotonic clock, and the wall clock is set back", -h, -h, 2 * s, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := slept(test.wall, test.mono, test.due); got != test.want {
				t.Errorf("slept %v, want %v", got, test.want)
			}
		})
	}
}

// TestSleepIsReportedOnce has a monotonic clock that stands still in sleep.
func TestSleepIsReportedOnce(t *testing.T) {
	home := []discovery.Interface{card(3, "wlan0", up, "192.168.1.7/24")}
	away := []discovery.Interface{card(3, "wlan0", up, "172.16.0.9/24")}
	var w Watcher
	var wall, mono time.Duration // of the look before
	for i, l := range []struct {
		wall, mono time.Duration
		found      []discovery.Interface
		err        error
		slept      time.Duration
		changed    bool
		next       time.Duration
	}{
		{0, 0, home, nil, 0, false, Interval},
		{time.Second, time.Second, home, nil, 0, false, Interval},
		{time.Hour, 3 * time.Second, nil, nil, time.Hour - 3*time.Second, false, StableFor}, // woken, with no address yet
		{time.Hour + 500*time.Millisecond, 3500 * time.Millisecond, away, nil, 0, false, StableFor},
		{time.Hour + time.Second, 4 * time.Second, away, nil, 0, true, Interval},
		{2 * time.Hour, 6 * time.Second, nil, errProbe, time.Hour - 3*time.Second, false, Interval}, // an error hides no sleep
		{2*time.Hour + 2*time.Second, 8 * time.Second, away, nil, 0, false, Interval},
	} {
		c := w.look(l.wall-wall, l.mono-mono, l.found, l.err)
		wall, mono = l.wall, l.mono
		if c.Slept != l.slept || (len(c.Gone) == 1 && len(c.New) == 1) != l.changed || c.Matters() != (l.changed || l.slept > 0) || c.Next != l.next {
			t.Errorf("look %d: %+v, want slept %v, changed %v, next %v", i, c, l.slept, l.changed, l.next)
		}
	}
}

func TestTheFirstLookHasNotSlept(t *testing.T) {
	var w Watcher
	now := time.Now()
	if c := w.Look(now, nil, nil); c.Slept != 0 {
		t.Errorf("%+v", c)
	}
	if c := w.Look(now.Add(Interval), nil, nil); c.Slept != 0 {
		t.Errorf("in time: %+v", c)
	}
	if c := w.Look(now.Add(2*Interval+time.Minute), nil, nil); c.Slept != time.Minute {
		t.Errorf("a minute late: %+v", c)
	}
}

func TestElapsedOnBothClocks(t *testing.T) {
	now := time.Now()
	if wall, mono := elapsed(now, now.Add(time.Minute)); wall != time.Minute || mono != time.Minute {
		t.Errorf("wall %v, monotonic %v", wall, mono)
	}
	if wall, mono := elapsed(now.Round(0), now.Add(time.Minute)); wall != time.Minute || mono != time.Minute {
		t.Errorf("from a moment without a monotonic reading: wall %v, monotonic %v", wall, mono)
	}
}
