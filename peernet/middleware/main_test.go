package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A bubble is two nodes that are connected, on a network in memory, in a synctest bubble: a calls b.
type bubble struct {
	*testing.T
	net  *peertest.Network
	a, b *peertest.Node
	log  bytes.Buffer // read when no test writes
	out  slog.Handler // into log
}

func inBubble(t *testing.T, f func(t *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{T: t, net: peertest.NewNetwork(t)}
		b.out = slog.NewJSONHandler(&b.log, nil)
		b.a = b.net.Node("Ann")
		b.b = b.net.Node("Bob", peertest.Configure(func(c *peernet.Config) { c.Limits.CallsPerPeer = 2 }))
		b.join(b.a)
		f(b)
	})
}

// join connects a node with b.
func (b *bubble) join(n *peertest.Node) {
	b.Helper()
	b.net.Trust(n, b.b)
	b.net.Connect(n, b.b)
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
func (b *bubble) logger() *slog.Logger { return slog.New(b.out) }

// lines returns what was logged since the last time, without the time and the stack.
func (b *bubble) lines() (lines []map[string]any) {
	b.Helper()
	synctest.Wait()
	for d := json.NewDecoder(&b.log); d.More(); {
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

func echo(_ context.Context, r *peernet.Request) (any, error) { return r.Args(), nil }

// A blocker is a handler that waits until the channel is closed, whatever its context says.
type blocker chan struct{}

func (g blocker) handle(context.Context, *peernet.Request) (any, error) {
	<-g
	return "through", nil
}
