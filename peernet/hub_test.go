package peernet

import (
	"context"
	"slices"
	"testing"
	"time"
)

// moment is an event that tells its number by its time.
func moment(n int) Event { return Unpaired{At: At{time.Unix(int64(n), 0)}} }

// read returns the number of an event, or the numbers of those for which a Lagged stands.
func read(t *testing.T, e Event, expected int) (numbers []int) {
	t.Helper()
	lagged, ok := e.(Lagged)
	if !ok {
		return []int{int(e.Time().Unix())}
	}
	if next := int(e.Time().Unix()); next != expected+lagged.N {
		t.Errorf("%d events are missing before event %d, and %d was expected", lagged.N, next, expected)
	}
	for i := range lagged.N {
		numbers = append(numbers, expected+i)
	}
	return numbers
}

func TestSlowSubscribersMissTheOldestEventsAndLearnHowMany(t *testing.T) {
	h := newHub()
	h.publish(moment(0)) // before the subscription
	events := h.subscribe(t.Context())
	const missed = 44
	for n := range maxQueued + missed {
		h.publish(moment(1 + n))
	}
	h.close()
	var got []Event
	for e := range events {
		got = append(got, e)
	}
	want := []Event{Lagged{At{time.Unix(1+missed, 0)}, missed}}
	for n := range maxQueued {
		want = append(want, moment(1+missed+n))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d events, %v to %v", len(got), got[0], got[len(got)-1])
	}
	if lost := h.lost.Load(); lost != missed {
		t.Errorf("%d are counted as lost, want %d", lost, missed)
	}
}

func TestALoopOverEventsGoesOnWhereTheLastOneBrokeOff(t *testing.T) {
	h := newHub()
	events := h.subscribe(t.Context())
	for n := range maxQueued + 3 {
		h.publish(moment(n))
	}
	var got []int
	for range 4 {
		for e := range events {
			got = append(got, read(t, e, len(got))...)
			break
		}
	}
	if want := []int{0, 1, 2, 3, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEventsAreCompleteWhileTheyAreRead(t *testing.T) {
	h := newHub()
	events := h.subscribe(t.Context())
	const all = 20_000
	go func() {
		for n := range all {
			h.publish(moment(n))
		}
		h.close()
	}()
	next := 0
	for e := range events {
		for _, n := range read(t, e, next) {
			if n != next {
				t.Fatalf("event %d follows event %d", n, next-1)
			}
			next++
		}
	}
	if next != all {
		t.Errorf("%d events, want %d", next, all)
	}
}

func TestEventsEndWithTheirContextAndWithTheNode(t *testing.T) {
	h := newHub()
	ctx, cancel := context.WithCancel(t.Context())
	events := h.subscribe(ctx)
	h.publish(moment(1))
	cancel()
	for e := range events {
		t.Errorf("%v after the end of the context", e)
	}
	h.close()
	h.close()
	for e := range h.subscribe(t.Context()) {
		t.Errorf("%v after the end of the node", e)
	}
	h.publish(moment(2))
}
