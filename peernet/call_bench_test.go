package peernet_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// BenchmarkCall makes typed calls of 64 bytes over one session, with both ends in this process. It is for profiles; the module
// bench compares.
func BenchmarkCall(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			from, to := startNode(b, peernet.Config{}), startNode(b, peernet.Config{})
			pair(b, from, to)
			err := peernet.Handle(to, "echo", func(_ context.Context, _ peernet.Caller, v []byte) ([]byte, error) { return v, nil })
			if err != nil {
				b.Fatal(err)
			}
			connect(b, from, to)
			key := to.PublicKey()
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			var running sync.WaitGroup
			for range callers {
				running.Go(func() {
					payload := make([]byte, 64)
					for left.Add(-1) >= 0 {
						if _, err := peernet.Call[[]byte](context.Background(), from, key, "echo", payload); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			running.Wait()
		})
	}
}
