package peertest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// TestDownloadOverABadLine is how a program is tested for lines that are slow and lose datagrams: two nodes find each other by
// announces, a third of which is lost, and one downloads 1 MB at 100 kB a second while it calls the other. It takes seconds of the
// bubble's time, and none of ours.
func TestDownloadOverABadLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		net.Lose(0.3)
		announces := peertest.Configure(func(c *peernet.Config) { c.Discovery = []discovery.Provider{udp.New(udp.Options{})} })
		alice := net.Node("alice", announces)
		bob := net.Node("bob", announces, peertest.Setup(func(n *peernet.Node) error {
			return peernet.HandleStream(n, "download", func(ctx context.Context, _ peernet.Caller, blocks int, out *peernet.Out[[]byte]) error {
				for range blocks {
					if err := out.Send(ctx, make([]byte, 10_000)); err != nil {
						return err
					}
				}
				return nil
			})
		}))
		net.Trust(alice, bob)
		net.AwaitConnected(alice, bob)
		net.Bandwidth(100_000, alice, bob)

		start, blocks := time.Now(), 0
		for _, err := range peernet.CallStream[[]byte](t.Context(), alice.Node, bob.PublicKey(), "download", 100) {
			if err != nil {
				t.Fatal(err)
			}
			if blocks++; blocks == 50 {
				if rtt, err := alice.Ping(t.Context(), bob.PublicKey()); err != nil || rtt > time.Second {
					t.Errorf("beside the download a ping took %v, %v", rtt, err)
				}
			}
		}
		if took := time.Since(start); blocks != 100 || took < 10*time.Second || took > 11*time.Second {
			t.Errorf("%d blocks came within %v, want 100 within 10 s and a little", blocks, took)
		}
	})
}
