package session

import (
	"testing"
	"time"
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

// TestAllowanceFollowsTheLine writes at several rates, and lets a line change.
func TestAllowanceFollowsTheLine(t *testing.T) {
	var d drain
	now := time.Unix(0, 0)
	if got := d.allowance(); got != FirstUnsent {
		t.Errorf("at first %d bytes", got)
	}
	for _, c := range []struct{ rate, want int }{
		{100 << 20, 200 << 10}, {slowLine, 12_500}, {1 << 30, mostDrain}, {10_000, leastDrain}, {slowLine, 12_500},
	} {
		d.begin(now)
		for range 200 {
			n := d.allowance()
			now = now.Add(time.Duration(n) * time.Second / time.Duration(c.rate))
			d.wrote(n, now)
		}
		if got := d.allowance(); got < c.want*9/10 || got > c.want*11/10 {
			t.Errorf("at %d bytes a second %d bytes, want about %d", c.rate, got, c.want)
		}
	}
	d.begin(now) // a system that was idle takes some at once
	before := d.allowance()
	d.wrote(before, now)
	if got := d.allowance(); got != before {
		t.Errorf("%d bytes after one write that waited for nothing, want %d as before", got, before)
	}
}
