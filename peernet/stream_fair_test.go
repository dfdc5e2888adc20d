package peernet_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// TestStreamsOfOnePeerLeaveOthersAlone has a peer open a hundred streams, which are always full: half of them are read, the others never.
// Another peer's calls and streams go on, and what the node sets aside for the first stays within its limit.
func TestStreamsOfOnePeerLeaveOthersAlone(t *testing.T) {
	const limit = 4 << 20
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		serve := peertest.Setup(func(n *peernet.Node) error {
			return errors.Join(
				n.Handle("echo", func(_ context.Context, r *peernet.Request) (any, error) { return r.Args(), nil }),
				peernet.HandleDuplex(n, "take", func(ctx context.Context, _ peernet.Caller, reads bool, in *peernet.In[[]byte], _ *peernet.Out[int]) error {
					for reads {
						if _, err := in.Recv(ctx); err != nil {
							return err
						}
					}
					<-ctx.Done()
					return ctx.Err()
				}, peernet.HandleWindow(64<<10)),
			)
		})
		node := net.Node("node", serve, peertest.Configure(func(c *peernet.Config) { c.Limits.StreamBytesPerPeer = limit }))
		greedy, modest := net.Node("greedy"), net.Node("modest")
		net.Trust(node, greedy, modest)
		net.Connect(greedy, node)
		net.Connect(modest, node)
		net.Bandwidth(1_000_000) // so that time goes on
		ctx, cancel := context.WithCancel(t.Context())
		var pouring sync.WaitGroup
		var mu sync.Mutex
		refused := 0
		for i := range 100 {
			pouring.Go(func() {
				s, err := peernet.OpenStream[[]byte, int](ctx, greedy.Node, node.PublicKey(), "take", i%2 == 0)
				if err != nil {
					mu.Lock()
					defer mu.Unlock()
					if refused++; !errors.Is(err, peernet.ErrOverloaded) {
						t.Error(err)
					}
					return
				}
				for s.Send(ctx, make([]byte, 10_000)) == nil {
				}
			})
		}
		time.Sleep(5 * time.Second)
		for range 100 {
			began := time.Now()
			if got, err := peernet.Call[string](t.Context(), modest.Node, node.PublicKey(), "echo", "hello"); got != "hello" || err != nil {
				t.Fatalf("%q, %v", got, err)
			}
			if took := time.Since(began); took > 5*time.Millisecond {
				t.Fatalf("a call of another peer took %v", took)
			}
			if n := reservedFor(node, greedy); n < limit/2 || n > limit {
				t.Fatalf("%d bytes are set aside for streams, want at most %d", n, limit)
			}
			time.Sleep(10 * time.Millisecond)
		}
		s, err := peernet.OpenStream[[]byte, int](t.Context(), modest.Node, node.PublicKey(), "take", true)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for range 100 {
			if err := s.Send(t.Context(), make([]byte, 10_000)); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took > 1100*time.Millisecond {
			t.Errorf("1 MB of another peer's stream took %v at 1 MB/s", took)
		}
		s.Close()
		cancel()
		pouring.Wait()
		if refused == 0 || refused > 60 {
			t.Errorf("%d streams of 100 were refused", refused)
		}
	})
}

// reservedFor returns the bytes that a node has set aside for streams with another.
func reservedFor(node, other *peertest.Node) int {
	for _, p := range node.Stats().Peers {
		if p.Peer == other.PublicKey() {
			return p.StreamBytes
		}
	}
	return 0
}
