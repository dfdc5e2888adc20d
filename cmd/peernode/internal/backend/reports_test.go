package backend

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
)

// TestReportsNeverWait adds more reports than a client that does not read has room for. It is told how many it missed.
func TestReportsNeverWait(t *testing.T) {
	r := newReports()
	for range maxReports + 3 {
		r.add(control.Event{Kind: "opened"})
	}
	enough := errors.New("enough")
	told := 0
	err := r.tell(t.Context(), func(l control.WatchLine) error {
		told++
		switch {
		case told == maxReports:
			r.add(control.Event{Kind: "closed"})
		case told == maxReports+1 && (l.Event.Kind != "lagged" || l.Event.Missed != 3):
			t.Errorf("got %+v", l.Event)
		case told == maxReports+2:
			if l.Event.Kind != "closed" {
				t.Errorf("got %+v", l.Event)
			}
			return enough
		}
		return nil
	})
	if err != enough {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.tell(ctx, nil); err != context.Canceled {
		t.Error(err)
	}
}
