package main

import (
	"fmt"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// newTraffic returns t as the control socket tells it.
func newTraffic(t peernet.Traffic) control.Traffic {
	return control.Traffic{
		CallsIn: newCalls(t.CallsIn), CallsOut: newCalls(t.CallsOut), Refused: t.Refused,
		SendsIn: t.SendsIn, SendsOut: t.SendsOut, Dropped: t.Dropped, Unhandled: t.Unhandled,
		BytesIn: t.BytesIn, BytesOut: t.BytesOut, FramesIn: t.FramesIn, FramesOut: t.FramesOut, QueuedIn: t.QueuedIn, QueuedOut: t.QueuedOut,
		Sessions: t.Sessions, SessionsMade: t.SessionsMade, SessionsEnded: t.SessionsEnded,
		Dials: t.Dials, DialsFailed: t.DialsFailed,
	}
}

func newCalls(c peernet.CallStats) control.Calls {
	return control.Calls{InFlight: c.InFlight, OK: c.OK, Failed: c.Failed(), Errors: c.Errors, Lost: c.Lost, Abandoned: c.Abandoned}
}

// traffic returns what passed between a node and its peers, as a person reads it: calls, then bytes.
func traffic(t control.Traffic) (calls, bytes string) {
	ended := func(c control.Calls, way string) string {
		text := fmt.Sprintf("%d %s", c.OK+c.Failed, way)
		if c.Failed > 0 {
			text += fmt.Sprintf(" (%d failed)", c.Failed)
		}
		return text
	}
	parts := []string{ended(t.CallsIn, "in"), ended(t.CallsOut, "out")}
	if t.Refused > 0 {
		parts = append(parts, fmt.Sprintf("%d refused", t.Refused))
	}
	if t.Dropped > 0 {
		parts = append(parts, count(int(t.Dropped), "send")+" dropped")
	}
	return strings.Join(parts, ", "), fmt.Sprintf("%s in, %s out", size(t.BytesIn), size(t.BytesOut))
}

// size returns n bytes as a person reads it.
func size(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n), "kMGTPE"
	i := -1
	for value >= 999.95 { // which would show as 1000.0
		value /= 1000
		i++
	}
	return fmt.Sprintf("%.1f %cB", value, units[i])
}
