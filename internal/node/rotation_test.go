package node

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// chatter has two nodes call each other every now and then, until the function that it returns is called. That fails the
// test if a call failed, and returns how many there were.
func chatter(a, b *testNode, every time.Duration) (stop func() (calls int)) {
	var join sync.WaitGroup
	done := make(chan struct{})
	var mu sync.Mutex // guards calls
	calls := 0
	for _, way := range [][2]*testNode{{a, b}, {b, a}} {
		join.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := way[0].calls(way[1], "echo"); err != nil {
					a.w.Errorf("seed %d: a call of %s: %v", a.w.seed, way[0].name, err)
					return
				}
				mu.Lock()
				calls++
				mu.Unlock()
				time.Sleep(every)
			}
		})
	}
	return func() int {
		close(done)
		join.Wait()
		return calls
	}
}

// calls calls a handler of another node as an application does: if the session takes nothing new, over the next one.
func (n *testNode) calls(o *testNode, name string) error {
	var link *session.Link
	for {
		next, err := n.directory.Await(context.Background(), o.key, link)
		if err != nil {
			return err
		}
		if link = next; link == nil {
			return context.Canceled // not connected
		}
		if _, err = link.Call(context.Background(), name, "", "args"); !session.Unsent(err) {
			return err
		}
	}
}

// TestOldSessionIsRotated: make before break, whichever node is the arbiter (wire.md §7.4).
func TestOldSessionIsRotated(t *testing.T) {
	for _, dialler := range []string{"arbiter", "other"} {
		t.Run(dialler, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				for seed := range uint64(3) {
					w := b.world(seed)
					x, y := w.pair(func(c *Config) { c.Peers.RotateAfter = time.Hour })
					w.net.SetDelay(5*time.Millisecond, 5*time.Millisecond)
					if dialler == "other" {
						x, y = y, x
					}
					x.dials(y)
					first, theirs, began := x.link(y), y.link(x), time.Now()
					stop := chatter(x, y, 2*time.Second)
					long := make(chan error, 2) // answered long after the old session takes nothing new
					time.Sleep(time.Hour - time.Second)
					go func() { long <- x.call(y, "wait") }()
					go func() { long <- y.call(x, "wait") }()
					for x.link(y) == first || y.link(x) == theirs {
						if time.Since(began) > 75*time.Minute+time.Second {
							t.Fatalf("seed %d: not rotated after %v", seed, time.Since(began))
						}
						time.Sleep(100 * time.Millisecond)
					}
					if took := time.Since(began); took < time.Hour {
						t.Errorf("seed %d: rotated after %v", seed, took)
					}
					if l := x.link(y); l.Role() != first.Role() {
						t.Errorf("seed %d: now the %v, was the %v", seed, l.Role(), first.Role())
					}
					time.Sleep(10 * time.Second)
					if s := w.net.Stats(); s.Conns != 4 {
						t.Errorf("seed %d: %d ends of connections are open while calls wait on the old one, want 4", seed, s.Conns)
					}
					x.release()
					y.release()
					for range 2 {
						if err := answer(w, long); err != nil {
							t.Errorf("seed %d: a call that was in flight: %v", seed, err)
						}
					}
					time.Sleep(time.Second)
					if n := stop(); n < 3000 {
						t.Errorf("seed %d: %d calls", seed, n)
					}
					one(x, y)
					w.end()
				}
			})
		})
	}
}

func TestBusySessionIsRotated(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair(func(c *Config) { c.Peers.Session.MaxMessages = 1000 })
		x.dials(y)
		seen := map[*session.Link]bool{}
		for range 5000 {
			if err := x.calls(y, "echo"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond) // until nothing more happens: how goroutines take turns shall not matter
			seen[x.link(y)] = true
		}
		if len(seen) < 4 || len(seen) > 6 {
			t.Errorf("5000 calls over %d sessions", len(seen))
		}
		time.Sleep(time.Second)
		one(x, y)
		w.end()
	})
}

// TestRotationThatFails: the session stays, and the rotation is tried again.
func TestRotationThatFails(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		var dead atomic.Bool
		x, y := w.pair(func(c *Config) {
			c.Peers.RotateAfter = time.Hour
			dial := c.Peers.Dial
			c.Peers.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
				if dead.Load() {
					return nil, syscall.ECONNREFUSED
				}
				return dial(ctx, to)
			}
		})
		x.dials(y)
		dead.Store(true)
		first := x.link(y)
		stop := chatter(x, y, 5*time.Second)
		time.Sleep(3 * time.Hour)
		if x.link(y) != first || x.state(y) != peers.Connected {
			t.Error("the session was given up because it could not be rotated")
		}
		dead.Store(false)
		time.Sleep(2 * time.Minute)
		if x.link(y) == first {
			t.Error("the rotation was not tried again")
		}
		stop()
		one(x, y)
		w.end()
	})
}

// TestRotationGivesWayToAnotherSession: one that comes up while a rotation is on its way.
func TestRotationGivesWayToAnotherSession(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for seed := range uint64(20) {
			w := b.world(seed)
			x, y := w.pair(func(c *Config) { c.Peers.RotateAfter, c.Peers.Jitter = 20*time.Second, func() float64 { return 0 } })
			w.net.SetDelay(20*time.Millisecond, 20*time.Millisecond)
			x.dials(y)
			stop := chatter(x, y, 20*time.Millisecond)
			time.Sleep(20*time.Second - 200*time.Millisecond + time.Duration(seed)*15*time.Millisecond)
			y.dialsAgain(x)
			time.Sleep(10 * time.Second)
			stop()
			synctest.Wait()
			one(x, y)
			w.end()
		}
	})
}
