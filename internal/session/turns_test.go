package session

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
)

// TestFlowsTakeTurnsOfOnePart has flows with one envelope each, of very different sizes: a short one waits for one part of each
// other, and each write has no more bulk than the line takes.
func TestFlowsTakeTurnsOfOnePart(t *testing.T) {
	const part = 8 << 10
	o := turns{peer: PartLimits{Message: 64 << 20, Assemble: 64 << 20, Chains: 64}}
	var all []*flow
	for _, size := range []int{4 << 20, 1 << 20, 20_000, 2 << 20} {
		f := new(flow)
		o.addTo(f, numbered(1, size))
		all = append(all, f)
	}
	var order []*flow
	for range 12 {
		segments := o.next(nil, part)
		bulk := 0
		for i := range segments {
			order = append(order, segments[i].flow)
			bulk += segments[i].to - segments[i].from
		}
		if bulk > part {
			t.Fatalf("a write has %d bytes of bulk in %d turns", bulk, len(segments))
		}
		if len(order) == 5 {
			o.add(numbered(2, 100))
		}
	}
	for i, f := range []int{0, 1, 2, 3, 0} {
		if order[i] != all[f] {
			t.Errorf("turn %d is not that of flow %d", i, f)
		}
	}
	if order[5] != nil {
		t.Error("an urgent envelope was not the next")
	}
	if len(all[2].envelopes) != 0 || o.open != 3 {
		t.Errorf("the short envelope has not left after three rounds; %d chains are open", o.open)
	}
	o.clear()
	if !o.isEmpty() {
		t.Error("something is left")
	}
}

// TestDroppedFlowSendsNothingMore drops a flow while an envelope is being written in parts and another waits for room.
func TestDroppedFlowSendsNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(1 << 20)
		q.setPeer(PartLimits{Message: 1 << 20, Assemble: 1 << 20, Chains: 1})
		f := q.newFlow(100_000, limitName)
		if err := f.push(t.Context(), numbered(1, 90_000)); err != nil {
			t.Fatal(err)
		}
		waiting := &pushed{done: make(chan struct{})}
		go func() {
			defer close(waiting.done)
			waiting.err = f.push(t.Context(), numbered(2, 50_000))
		}()
		wantPushed(t, waiting, "waits")
		begun, _ := q.take(nil, 10_000)
		f.drop()
		wantPushed(t, waiting, errDropped.Error())
		if err := f.push(t.Context(), numbered(3, 50)); err != errDropped {
			t.Errorf("a push after the drop: %v", err)
		}
		f.force(numbered(4, 50))
		q.release(begun)
		last, _ := q.take(nil, 10_000)
		if len(last) != 1 || last[0].buffer != nil || !last[0].isLast || last[0].chain != 1 {
			t.Errorf("%+v left, want what abandons the chain", last)
		}
		q.release(last)
		wantEmpty(t, q)
		if n := f.room.bytes; n != 0 {
			t.Errorf("%d bytes are counted", n)
		}
	})
}

// TestAllowanceFollowsTheLine writes at several rates, and lets a line change.
func TestAllowanceFollowsTheLine(t *testing.T) {
	var r lineRate
	now := time.Unix(0, 0)
	if got := r.allowance(); got != FirstUnsent {
		t.Errorf("at first %d bytes", got)
	}
	for _, c := range []struct{ rate, want int }{
		{100 << 20, 100 << 10}, {slowLine, 6_250}, {1 << 30, mostAllowance}, {10_000, leastAllowance}, {slowLine, 6_250},
	} {
		r.begin(now)
		for range 200 {
			n := r.allowance()
			now = now.Add(time.Duration(n) * time.Second / time.Duration(c.rate))
			r.wrote(n, now)
		}
		if got := r.allowance(); got < c.want*9/10 || got > c.want*11/10 {
			t.Errorf("at %d bytes a second %d bytes, want about %d", c.rate, got, c.want)
		}
	}
	now = now.Add(rateSpan)
	r.begin(now) // a system that was idle takes some at once
	before := r.allowance()
	r.wrote(before, now)
	if got := r.allowance(); got != before {
		t.Errorf("%d bytes after one write that waited for nothing, want %d as before", got, before)
	}
}

// TestMostWholeIsNotCut has a value of MostWhole bytes on a stream with the longest id, and one with a byte more.
func TestMostWholeIsNotCut(t *testing.T) {
	for size, whole := range map[int]bool{MostWhole: true, MostWhole + 1: false} {
		o := turns{peer: PartLimits{Message: 64 << 20, Assemble: 64 << 20, Chains: 64}}
		f := new(flow)
		value := make([]byte, size)
		buf := newEnvelope(value)
		b, _, err := envelope.AppendData(buf.b, envelope.StreamID{Call: math.MaxUint64, Mine: true}, value)
		buf.b = must(b, err)
		o.addTo(f, buf)
		segments := o.next(nil, FirstUnsent)
		if got := segments[0].chain == 0; got != whole {
			t.Errorf("%d bytes leave whole: %v, want %v", size, got, whole)
		}
		o.clear()
	}
}

// TestWhatTheLineTakesSoonIsNotCut has envelopes around the longest that leaves whole, at several rates of the line.
func TestWhatTheLineTakesSoonIsNotCut(t *testing.T) {
	for _, c := range []struct{ bulk, longest int }{
		{leastAllowance, leastAllowance}, {partBytes, partBytes}, {50_000, 50_000}, {mostWhole, mostWhole}, {mostAllowance, mostWhole},
	} {
		for _, more := range []int{0, 1} {
			o := turns{peer: PartLimits{Message: 64 << 20, Assemble: 64 << 20, Chains: 64}}
			buf := newBuffer(c.longest + more + frame.HeaderSize)
			buf.b = append(buf.b, make([]byte, c.longest+more+frame.HeaderSize)...)
			o.addTo(new(flow), buf)
			segments := o.next(nil, c.bulk)
			if got := segments[0].chain == 0; len(buf.b) > copyBytes && got != (more == 0) {
				t.Errorf("%d bytes of an envelope leave whole while the system is given %d: %v", c.longest+more, c.bulk, got)
			}
			o.clear()
		}
	}
}
