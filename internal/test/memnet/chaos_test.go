package memnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// chaosBytes are what every stream of the chaos test begins with: a lost, doubled or moved byte shows.
var chaosBytes = func() []byte {
	b := make([]byte, 100_000)
	for i := range b {
		b[i] = byte(i*31 + i>>8)
	}
	return b
}()

// TestFaultsNeverReorderOrInventBytes changes everything at random while connections come and go: what is read of a
// stream is always the beginning of what was written, every error is one that TCP gives, and nothing is left at the end.
func TestFaultsNeverReorderOrInventBytes(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, n *Network, a, b *Host) {
				c := n.Host(addr("10.0.0.3"), addr("fd00::3"))
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				for i, h := range []*Host{a, b, c} {
					wg.Go(func() { serveChaos(ctx, t, h) })
					wg.Go(func() { dialChaos(ctx, t, h, rand.New(rand.NewPCG(seed, uint64(i)))) })
				}
				r := rand.New(rand.NewPCG(seed, 99))
				for range 200 {
					disturb(n, r, []*Host{a, b, c})
					pass(time.Duration(r.IntN(200)) * time.Millisecond)
				}
				n.HealAll()
				cancel()
				wg.Wait()
				if n.Stats().Bytes == 0 {
					t.Error("nothing was ever written")
				}
			})
		})
	}
}

// disturb does one random thing to the network.
func disturb(n *Network, r *rand.Rand, hosts []*Host) {
	x, y := hosts[r.IntN(3)], hosts[r.IntN(3)]
	switch r.IntN(17) {
	case 0, 1:
		n.SetDelay(time.Duration(r.IntN(50))*time.Millisecond, time.Duration(r.IntN(50))*time.Millisecond)
	case 2:
		n.SetDelay(0, 0)
	case 3:
		n.SetTrickle(r.IntN(2000), time.Duration(r.IntN(10))*time.Millisecond)
	case 4:
		n.SetTrickle(0, 0)
	case 5:
		n.Cut(x, y)
	case 6:
		n.CutOneWay(x, y)
	case 7:
		n.Partition([]*Host{x}, []*Host{y})
	case 8, 9:
		n.HealAll()
	case 10:
		n.Reset(x, y)
	case 11:
		x.Crash()
		x.Restart()
	case 12:
		addrs := x.addrs
		x.SetAddrs()
		x.SetAddrs(addrs...)
	case 13:
		n.SetTamper(noTamper)
	case 14:
		n.SetDelayBetween(x, y, time.Duration(r.IntN(50))*time.Millisecond, time.Duration(r.IntN(50))*time.Millisecond)
	case 15:
		n.SetRate(1 << (10 + r.IntN(15)))
	case 16:
		n.SetRate(0)
	}
}

// serveChaos reads every stream to its end or failure, and checks it.
func serveChaos(ctx context.Context, t *testing.T, h *Host) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for ctx.Err() == nil {
		l, err := h.Listen(ctx, "tcp", ":7100")
		if err != nil {
			continue // the host is down for an instant
		}
		stop := context.AfterFunc(ctx, func() { _ = l.Close() })
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				buf := make([]byte, 3000)
				for offset := 0; ; {
					_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
					k, err := conn.Read(buf)
					if !bytes.Equal(buf[:k], chaosBytes[offset:][:k]) {
						t.Errorf("bytes from %d to %d differ", offset, offset+k)
						return
					}
					offset += k
					if err != nil {
						checkChaosError(t, err)
						return
					}
				}
			})
		}
		stop()
		_ = l.Close()
	}
}

// dialChaos makes one connection after the other and writes to it.
func dialChaos(ctx context.Context, t *testing.T, h *Host, r *rand.Rand) {
	targets := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "127.0.0.1", "fd00::3"}
	for ctx.Err() == nil {
		short, cancel := context.WithTimeout(ctx, time.Second)
		conn, err := h.Dial(short, "tcp", net.JoinHostPort(targets[r.IntN(len(targets))], "7100"))
		cancel()
		rest(ctx, time.Duration(1+r.IntN(200))*time.Millisecond)
		if err != nil {
			checkChaosError(t, err)
			continue
		}
		for unsent := chaosBytes; len(unsent) > 0 && err == nil; {
			_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
			var k int
			k, err = conn.Write(unsent[:min(len(unsent), 1+r.IntN(30_000))])
			unsent = unsent[k:]
		}
		checkChaosError(t, err)
		_ = conn.Close()
	}
}

// rest waits for d or for the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func checkChaosError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, known := range []error{
		io.EOF, net.ErrClosed, os.ErrDeadlineExceeded, context.DeadlineExceeded, context.Canceled, syscall.ECONNREFUSED,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ENETDOWN, syscall.ENETUNREACH,
	} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Errorf("unexpected error %v", err)
}
