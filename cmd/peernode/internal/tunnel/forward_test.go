package tunnel

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// TestForwardWaitsForRoomAmongStreams: a connection for which the streams of the peer have no room is opened once they do, or told why not.
func TestForwardWaitsForRoomAmongStreams(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		if err := handle(w.bob.Node, "x", nil, func(s served) error { <-s.life.Done(); return nil }); err != nil {
			t.Fatal(err)
		}
		var open []*Stream
		for {
			s, err := Open(t.Context(), w.alice.Node, w.bob.PublicKey(), "x", time.Minute)
			if errors.Is(err, peernet.ErrOverloaded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, s)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		local, _ := newHalves()
		r := Report{Peer: w.bob.PublicKey(), Name: "x"}
		begun := time.Now()
		if _, err := openFor(ctx, w.alice.Node, local, r, cancel); !errors.Is(err, peernet.ErrOverloaded) || time.Since(begun) < ConnectTime/2 {
			t.Errorf("without room: %v, after %v", err, time.Since(begun))
		}
		time.AfterFunc(3*time.Second, open[0].Close)
		s, err := openFor(ctx, w.alice.Node, local, r, cancel)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(open, s) {
			s.Close()
		}
	})
}
