package node

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/peers"
)

// TestARelayThatGoesSilentDoesNotKeepThePeer has a relay without a key announce a node at addresses of its own, pass
// handshakes on, and swallow what follows from some moment on. However the session breaks, calls are answered again within
// 30 s of that (wire.md §12).
func TestARelayThatGoesSilentDoesNotKeepThePeer(t *testing.T) {
	const within = 30 * time.Second
	for name, test := range map[string]struct {
		relays int
		silent func(in, out net.Conn) // ends what a relay passes on
	}{
		"swallows":               {1, func(_, _ net.Conn) {}},
		"closes":                 {1, func(in, out net.Conn) { _, _ = in.Close(), out.Close() }},
		"swallows, at addresses": {3, func(_, _ net.Conn) {}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(6) {
				inBubble(t, func(t *testing.T, b *bubble) {
					w := b.world(seed)
					x, y := w.pair()
					if seed%2 == 1 {
						x, y = y, x
					}
					r := &relays{silent: test.silent, to: y.addr}
					for range test.relays {
						at := w.node("relay")
						r.serve(t, at)
						x.manual.Found(y.key, at.addr)
						defer at.host.Crash()
					}
					time.Sleep(time.Second)
					relayed, began := 0, time.Now()
					for time.Since(began) < 10*time.Minute {
						x.finds(y)
						if link := x.link(y); link != nil && link.Addr() != y.addr {
							relayed++
						}
						r.fallSilent()
						if took := calls(x, y); took > within {
							t.Errorf("seed %d: the first answer came %v after the silence", seed, took)
						}
						if l := x.link(y); test.relays == 1 && l != nil && l.Addr() != y.addr {
							t.Errorf("seed %d: connected through %v again, and the true address was not tried", seed, l.Addr())
						}
						x.manual.Lost(y.key, y.addr) // it moves, and only the relays are heard for a while
						y.stop(time.Second)
						y.addr = netip.AddrPortFrom(y.addr.Addr(), y.addr.Port()+1)
						r.leadTo(y.addr)
						y.start()
						time.Sleep(time.Minute)
					}
					if relayed < 3 {
						t.Errorf("seed %d: connected through a relay %d times", seed, relayed)
					}
					take[peers.Up](x)
					x.host.Crash()
					y.host.Crash()
				})
			}
		})
	}
}

// relays pass on all that they read, until they fall silent.
type relays struct {
	silent func(in, out net.Conn)

	mu    sync.Mutex // guards the rest
	to    netip.AddrPort
	conns []relayed
}

// leadTo changes where the relays lead.
func (r *relays) leadTo(to netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

// serve has one more relay.
func (r *relays) serve(t *testing.T, at *testNode) {
	t.Helper()
	l, err := at.host.Listen(t.Context(), "tcp", at.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			to := r.to
			r.mu.Unlock()
			out, err := at.host.Dial(t.Context(), "tcp", to.String())
			if err != nil {
				_ = in.Close()
				continue
			}
			r.pass(in, out)
		}
	}()
}

// A relayed is a connection that is passed on.
type relayed struct {
	in, out net.Conn
	off     *atomic.Bool
}

func (r *relays) pass(in, out net.Conn) {
	c := relayed{in, out, new(atomic.Bool)}
	r.mu.Lock()
	r.conns = append(r.conns, c)
	r.mu.Unlock()
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			defer in.Close()
			defer out.Close()
			buf := make([]byte, 4096)
			for {
				n, err := way[0].Read(buf)
				if err != nil {
					return
				}
				if !c.off.Load() {
					_, _ = way[1].Write(buf[:n])
				}
			}
		}()
	}
}

// fallSilent ends what is passed on now. Connections that come later are passed on again.
func (r *relays) fallSilent() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.off.Store(true)
		r.silent(c.in, c.out)
	}
	r.conns = nil
}

// calls calls again and again until the first answer, and returns how long that took.
func calls(from, to *testNode) time.Duration {
	began := time.Now()
	for {
		done := make(chan error, 1)
		go func() { done <- from.call(to, "echo") }()
		select {
		case err := <-done:
			if err == nil {
				return time.Since(began)
			}
		case <-time.After(2 * time.Second):
		}
		time.Sleep(time.Second)
	}
}
