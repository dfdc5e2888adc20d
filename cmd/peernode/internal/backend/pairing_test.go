package backend

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// TestAnOfferThatNobodyWaitsForEnds, so that a command that was interrupted is in nobody's way.
func TestAnOfferThatNobodyWaitsForEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.NewNetwork(t).Node("node")
		b := New(n.Node, new(Run))
		offer := func() {
			t.Helper()
			if _, err := b.OfferPairing(t.Context(), control.Request{}); err != nil {
				t.Fatal(err)
			}
		}
		offer()
		time.Sleep(abandonTime + 1)
		synctest.Wait()

		offer() // and a client that waits, asks again, and goes between two waits
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := b.AwaitPairing(ctx, control.Request{})
			ended <- err
		}()
		time.Sleep(time.Minute)
		if _, err := b.OfferPairing(t.Context(), control.Request{}); !errors.Is(err, peernet.ErrOffering) {
			t.Errorf("while a client waits: %v", err)
		}
		o := b.offer.Load()
		o.enter()
		o.leave()
		time.Sleep(2 * abandonTime)
		if _, err := b.OfferPairing(t.Context(), control.Request{}); !errors.Is(err, peernet.ErrOffering) {
			t.Errorf("while one of two clients waits: %v", err)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		offer()
		o = b.offer.Load()
		o.enter()
		o.leave()
		time.Sleep(abandonTime + 1)
		synctest.Wait()
		offer()
		b.offer.Load().Close()
	})
}
