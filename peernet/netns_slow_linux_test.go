package peernet

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// slowBits is the rate of a slow line each way, in bits a second.
const slowBits = 50_000_000

// TestSmallCallsBesideBulkOnASlowLine prints how long small calls and pings take over a line of 50 Mbit/s of the system's own, alone,
// beside four callers of 1 MB that never pause, and beside four streams that are always full. No time is judged: the machine may be
// busy. TestLargeCallsDoNotHoldUpSmallOnes of internal/session judges them in virtual time.
func TestSmallCallsBesideBulkOnASlowLine(t *testing.T) {
	netns.Run(t, func(t *testing.T) {
		hosts, links := netns.NewLAN(t, 2)
		a, b := onHost(t, hosts[0], 1), onHost(t, hosts[1], 2)
		for _, l := range links {
			l.SetRate(slowBits)
		}
		if err := a.Pair(b.PublicKey(), "b"); err != nil {
			t.Fatal(err)
		}
		if err := b.Pair(a.PublicKey(), "a"); err != nil {
			t.Fatal(err)
		}
		if err := a.Connect(t.Context(), b.PublicKey(), b.Addrs()[0].String()); err != nil {
			t.Fatal(err)
		}
		if err := Handle(b, "take", func(_ context.Context, _ Caller, args []byte) (any, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
		if err := Handle(b, "echo", func(_ context.Context, _ Caller, args []byte) ([]byte, error) { return args, nil }); err != nil {
			t.Fatal(err)
		}
		bytes, err := b.Listen("bytes")
		if err != nil {
			t.Fatal(err)
		}
		defer bytes.Close()
		go func() {
			for {
				c, err := bytes.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					_, _ = io.Copy(io.Discard, c)
				}()
			}
		}()
		call := func(name string) func(context.Context, *atomic.Int64) error {
			args := make([]byte, 1_000_000)
			return func(ctx context.Context, moved *atomic.Int64) error {
				_, err := a.Call(ctx, b.PublicKey(), name, args)
				moved.Add(int64(len(args)))
				return err
			}
		}
		for _, beside := range []struct {
			name  string
			bulk  func(context.Context, *atomic.Int64) error // again and again
			takes int
		}{
			{"alone", nil, 0},
			{"beside four callers of 1 MB", call("take"), 4},
			{"beside four callers of 1 MB that get as much", call("echo"), 4},
			{"beside four streams", func(ctx context.Context, moved *atomic.Int64) error {
				c, err := a.Dial(ctx, b.PublicKey(), "bytes")
				if err != nil {
					return err
				}
				defer context.AfterFunc(ctx, func() { _ = c.Close() })()
				for b := make([]byte, 64<<10); ; {
					n, err := c.Write(b)
					if moved.Add(int64(n)); err != nil {
						return err
					}
				}
			}, 4},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			var moved atomic.Int64
			var running sync.WaitGroup
			for range beside.takes {
				running.Go(func() {
					for ctx.Err() == nil {
						if err := beside.bulk(ctx, &moved); err != nil && ctx.Err() == nil {
							t.Error(err)
							return
						}
					}
				})
			}
			time.Sleep(500 * time.Millisecond)
			began, before := time.Now(), moved.Load()
			var calls, pings []time.Duration
			for i := range 150 {
				start := time.Now()
				if _, err := Call[[]byte](t.Context(), a, b.PublicKey(), "echo", []byte("small")); err != nil {
					t.Fatal(err)
				}
				calls = append(calls, time.Since(start))
				rtt, err := a.Ping(t.Context(), b.PublicKey())
				if err != nil {
					t.Fatal(err)
				}
				pings = append(pings, rtt)
				time.Sleep(time.Duration(i%13) * time.Millisecond)
			}
			used := float64(moved.Load()-before) * 8 / slowBits / time.Since(began).Seconds()
			cancel()
			running.Wait()
			t.Logf("%s: %s; %s; bulk has %.2f of the line", beside.name, percentiles("a small call", calls), percentiles("a ping", pings), used)
		}
	})
}

// percentiles says how long things took.
func percentiles(what string, times []time.Duration) string {
	slices.Sort(times)
	p := func(n int) time.Duration { return times[len(times)*n/100].Round(10 * time.Microsecond) }
	return fmt.Sprintf("%s p50 %v, p99 %v", what, p(50), p(99))
}

// onHost starts a node whose sockets are those of a host, until the test ends.
func onHost(t *testing.T, h *netns.Host, number int) *Node {
	t.Helper()
	c := Config{Listen: netns.IPv4(number).String() + ":7100"}
	c.Network.fill(10 * time.Second)
	system := c.Network
	c.Network.Listen = func(ctx context.Context, network, address string) (l net.Listener, err error) {
		h.Do(func() { l, err = system.Listen(ctx, network, address) })
		return l, err
	}
	c.Network.Dial = func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		h.Do(func() { conn, err = system.Dial(ctx, network, address) })
		return conn, err
	}
	c.Network.Interfaces = func() (list []discovery.Interface, err error) {
		h.Do(func() { list, err = system.Interfaces() })
		return list, err
	}
	n, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := n.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return n
}
