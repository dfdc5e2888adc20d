package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A bubble is two nodes that are connected, on a network in memory, in a synctest bubble: a calls b.
type bubble struct {
	*testing.T
	net  *memnet.Network
	a, b *peernet.Node
	log  logBuffer
}

func inBubble(t *testing.T, f func(t *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{T: t, net: memnet.New(1)}
		b.a, b.b = b.node("10.0.0.1", peernet.Limits{}), b.node("10.0.0.2", peernet.Limits{CallsPerPeer: 2})
		b.join(b.a, "Ann")
		f(b)
	})
}

// node starts a node that is shut down with the bubble.
func (b *bubble) node(address string, limits peernet.Limits) *peernet.Node {
	b.Helper()
	host := b.net.Host(netip.MustParseAddr(address))
	n, err := peernet.New(peernet.Config{Listen: address + ":4000", Limits: limits, Network: peernet.Network{
		Listen: host.Listen,
		Dial:   host.Dial,
		ListenPacket: func(ctx context.Context, network, address string) (net.PacketConn, error) {
			return host.ListenPacket(ctx, network, address)
		},
		Interfaces: func() (list []discovery.Interface, err error) {
			found, err := host.Interfaces()
			for _, i := range found {
				list = append(list, discovery.Interface(i))
			}
			return list, err
		},
	}})
	if err == nil {
		err = n.Start(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := n.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
		time.Sleep(time.Second) // the actor library's throttle of dead letters has a goroutine
	})
	return n
}

// join connects a node with b, which knows it by that label.
func (b *bubble) join(n *peernet.Node, label string) {
	b.Helper()
	if err := b.b.Pair(n.PublicKey(), label); err != nil {
		b.Fatal(err)
	}
	if err := n.Pair(b.b.PublicKey(), "Bob"); err != nil {
		b.Fatal(err)
	}
	if err := n.Connect(b.Context(), b.b.PublicKey(), b.b.Addrs()[0].String()); err != nil {
		b.Fatal(err)
	}
}

func (b *bubble) handle(name string, h peernet.Handler, m ...peernet.Middleware) {
	b.Helper()
	if err := b.b.Handle(name, h, peernet.Use(m...)); err != nil {
		b.Fatal(err)
	}
}

// call has a call b.
func (b *bubble) call(name string, args any, m ...peernet.OutgoingMiddleware) (peernet.Raw, error) {
	return b.a.Call(b.Context(), b.b.PublicKey(), name, args, peernet.UseOutgoing(m...))
}

// logger returns a logger whose lines are kept.
func (b *bubble) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(&b.log, nil)) }

// lines returns what was logged since the last time, without the time and the stack.
func (b *bubble) lines() (lines []map[string]any) {
	b.Helper()
	synctest.Wait()
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	for d := json.NewDecoder(&b.log.b); d.More(); {
		var line map[string]any
		if err := d.Decode(&line); err != nil {
			b.Fatal(err)
		}
		delete(line, "time")
		delete(line, "stack")
		lines = append(lines, line)
	}
	return lines
}

// A logBuffer is what several goroutines log.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func echo(_ context.Context, r *peernet.Request) (any, error) { return r.Args(), nil }

// A blocker is a handler that waits until the channel is closed, whatever its context says.
type blocker chan struct{}

func (g blocker) handle(context.Context, *peernet.Request) (any, error) {
	<-g
	return "through", nil
}
