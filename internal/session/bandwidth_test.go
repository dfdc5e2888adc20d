package session

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
)

// TestBulkDelaysPongsAndSmallRepliesByOneFrame has a line of 10 MB/s full of large replies. A pong, and a small reply to the
// same peer, wait for what is being written, which is one frame or what one write takes, and for what the connection holds;
// not for the replies that wait (wire.md §6.6).
func TestBulkDelaysPongsAndSmallRepliesByOneFrame(t *testing.T) {
	const (
		bytesPerMS = 10_000
		window     = 64 << 10 // of memnet
		largest    = frame.DefaultLimit - channel.Overhead - 20
	)
	for _, size := range []int{20_000, 100_000, 300_000, largest} {
		t.Run(fmt.Sprintf("replies of %d bytes", size), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				a, b := w.both()
				bulk := make([]byte, size)
				b.served.serve(func(s *stub, m envelope.Envelope) {
					if string(m.Name) == "bulk" {
						s.reply(m.ID, bulk, nil)
						return
					}
					echo(s, m)
				})
				w.network.SetTrickle(bytesPerMS, time.Millisecond)
				calls := make([]*calling, 12*frame.DefaultLimit/size)
				for i := range calls {
					calls[i] = a.goCall(t.Context(), "bulk", nil)
				}
				most := max(size+1000, flushBytes) + window
				limit := time.Duration(most/bytesPerMS+3) * time.Millisecond // one way there, and the fractions
				var pong, reply time.Duration
				looks := 0
				for ; slices.ContainsFunc(calls, (*calling).waits); looks++ {
					start := time.Now()
					if _, err := a.link.Ping(t.Context()); err != nil {
						t.Fatal(err)
					}
					pong = max(pong, time.Since(start))
					start = time.Now()
					if _, err := a.link.Call(t.Context(), "small", "", "answer"); err != nil {
						t.Fatal(err)
					}
					reply = max(reply, time.Since(start))
					time.Sleep(7 * time.Millisecond)
				}
				if looks < 5 {
					t.Errorf("looked %d times: the test shows nothing", looks)
				}
				t.Logf("at most %v for a pong, %v for a small reply; %v are allowed", pong, reply, limit)
				if pong > limit || reply > limit {
					t.Errorf("a pong took %v, a small reply %v, want at most %v", pong, reply, limit)
				}
				for _, c := range calls {
					if err := c.wait(t); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}
