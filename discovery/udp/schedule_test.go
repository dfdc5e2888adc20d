package udp

import (
	"testing"
	"time"
)

func TestAnnouncesAreThreeInASecondThenEveryFiveOrALittleLess(t *testing.T) {
	const ms = time.Millisecond
	var s schedule
	for i, c := range []struct {
		jitter float64
		want   time.Duration
	}{{0.9, 250 * ms}, {0.9, 750 * ms}, {0, 5000 * ms}, {0.5, 4750 * ms}, {0.999, 4500*ms + 500*time.Microsecond}} {
		if got := s.next(c.jitter); got != c.want {
			t.Errorf("after announce %d: %v, want %v", i+1, got, c.want)
		}
	}
	if late := 2*period + time.Second; announceTTL <= late {
		t.Errorf("an announce holds for %v, two that are lost take %v", announceTTL, late)
	}
}
