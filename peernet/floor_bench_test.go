package peernet_test

import (
	"fmt"
	"testing"
	"time"
)

// floorTime is how long a benchmark of the floor measures in each of its iterations. The last is reported, in units of its own in place of
// ns/op: `go test -run '^$' -bench Floor -benchtime 1x`.
const floorTime = time.Second

// BenchmarkFloor is the bare encrypted session that a node's calls are compared with.
func BenchmarkFloor(b *testing.B) {
	for _, procs := range []int{1, 2} {
		for _, c := range []struct{ callers, size int }{{1, 64}, {64, 64}, {1, 1_000_000}, {64, 1_000_000}} {
			b.Run(fmt.Sprintf("procs=%d/callers=%d/size=%d", procs, c.callers, c.size), func(b *testing.B) {
				onProcs(b, procs)
				s := floorSubject(b)
				defer s.close()
				var f figures
				for b.Loop() {
					f = measure(b, s, c.callers, c.size, floorTime)
				}
				reportColumns(b, figureColumns, f)
			})
		}
	}
}

// BenchmarkFloorSessions is what bare encrypted sessions cost: to set up and close, and to keep.
func BenchmarkFloorSessions(b *testing.B) {
	for _, workers := range []int{1, 4} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			o := floorOpener(b)
			defer o.close()
			var c sessionCost
			for b.Loop() {
				c = measureSessions(b, o, workers, 500)
			}
			reportColumns(b, costColumns, c)
		})
	}
}

// reportColumns reports values in place of ns/op.
func reportColumns[F any](b *testing.B, columns []column[F], values F) {
	b.ReportMetric(0, "ns/op")
	for _, column := range columns {
		b.ReportMetric(*column.of(&values), column.unit)
	}
}
