package erlang_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A node is a Go node, and what has happened to it.
type node struct {
	*peernet.Node
	t *testing.T

	mu     sync.Mutex // guards what follows
	events []peernet.Event
	more   chan struct{}
}

// startNode starts a node on loopback that is shut down with the test, if the test does not do it. prepare is called before.
func startNode(t *testing.T, c peernet.Config, prepare ...func(*node)) *node {
	t.Helper()
	if os.Getenv("PEERNET_TEST_LOG") != "" {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	made, err := peernet.New(c)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Node: made, t: t, more: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	events := n.Events(ctx)
	for _, f := range prepare {
		f(n)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var listening sync.WaitGroup
	listening.Go(func() {
		for e := range events {
			n.mu.Lock()
			n.events = append(n.events, e)
			n.mu.Unlock()
			select {
			case n.more <- struct{}{}:
			default:
			}
		}
	})
	t.Cleanup(func() {
		n.stop()
		cancel()
		listening.Wait()
		if t.Failed() {
			n.mu.Lock()
			defer n.mu.Unlock()
			for _, e := range n.events {
				t.Logf("%v: %s %s %+v", n.PublicKey(), e.Time().Format("05.000"), e.Kind(), e)
			}
		}
	})
	return n
}

// stop shuts the node down. It may be called again.
func (n *node) stop() {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Shutdown(ctx); err != nil {
		n.t.Errorf("shutdown: %v", err)
	}
}

// port returns the port that it listens on.
func (n *node) port() int { return int(n.Addrs()[0].Port()) }

// connected waits until the peer is connected, or is so already.
func (n *node) connected(key identity.PublicKey) peernet.PeerInfo {
	n.t.Helper()
	for late := time.After(patience); ; {
		if p, _ := n.Peer(key); p.State == peernet.StateConnected {
			return p
		}
		select {
		case <-n.more:
		case <-time.After(20 * time.Millisecond): // another test may have taken the signal
		case <-late:
			why, _ := n.Explain(key)
			n.t.Fatalf("not connected to %v: %v", key, why)
		}
	}
}

// disconnected waits for the end of a session with the peer after the first skip ones, and returns it.
func (n *node) disconnected(key identity.PublicKey, skip int) peernet.Disconnected {
	n.t.Helper()
	for late := time.After(patience); ; {
		if all := eventsOf[peernet.Disconnected](n); len(all) > skip {
			return all[skip]
		}
		select {
		case <-n.more:
		case <-time.After(20 * time.Millisecond):
		case <-late:
			n.t.Fatalf("still connected to %v", key)
		}
	}
}

// eventsOf returns the events of one type until now.
func eventsOf[E peernet.Event](n *node) []E {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []E
	for _, e := range n.events {
		if e, ok := e.(E); ok {
			all = append(all, e)
		}
	}
	return all
}

// trust makes a node and a peer trust each other.
func trust(t *testing.T, n *node, b *beam) {
	t.Helper()
	if err := n.Pair(b.keys.PublicKey(), "beam"); err != nil {
		t.Fatal(err)
	}
	b.do("{trust,%s}", digits(n.PublicKey()))
	b.sync()
}

// roles are the two ways to connect: which end is the initiator.
var roles = []string{"go dials", "beam dials"}

// connect connects the two in one of the roles, and waits until both can call.
func connect(t *testing.T, n *node, b *beam, role string) {
	t.Helper()
	switch role {
	case "go dials":
		if err := n.Connect(patiently(t), b.keys.PublicKey(), b.addr()); err != nil {
			t.Fatal(err)
		}
		b.await("{connected," + digits(n.PublicKey()) + ",responder}")
	case "beam dials":
		b.do("{dial,%s,{127,0,0,1},%d}", digits(n.PublicKey()), n.port())
		b.await("{connected," + digits(n.PublicKey()) + ",initiator}")
	}
	if p := n.connected(b.keys.PublicKey()); p.Dialect != peernet.DialectBEAM {
		t.Errorf("the dialect is %q", p.Dialect)
	}
}

// pairOf returns a node and a peer that are connected.
func pairOf(t *testing.T, role string) (*node, *beam) {
	t.Helper()
	b := startBEAM(t)
	n := startNode(t, peernet.Config{})
	trust(t, n, b)
	connect(t, n, b, role)
	return n, b
}

func handle(t *testing.T, n *node, name string, h peernet.Handler, opts ...peernet.HandleOption) {
	t.Helper()
	if err := n.Handle(name, h, opts...); err != nil {
		t.Fatal(err)
	}
}

func echo(_ context.Context, r *peernet.Request) (any, error) { return r.Args(), nil }

func patiently(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// addr returns where the peer listens.
func (b *beam) addr() string { return fmt.Sprintf("127.0.0.1:%d", b.port) }

// call has the peer call a handler of the node, and returns the result. It calls again as often as the peer closes the session that
// it called over because there is a newer one.
func (b *beam) call(n *node, name, args string) string {
	b.t.Helper()
	for {
		b.syncs++
		b.do("{call,%d,%s,%s,%s}", b.syncs, digits(n.PublicKey()), name, args)
		prefix := fmt.Sprintf("{result,%d,", b.syncs)
		line := b.await(prefix)
		if result := line[len(prefix) : len(line)-1]; result != "{error,superseded}" {
			return result
		}
	}
}

// callPeer calls the handler echo of a peer, and does so again as often as the peer closes the session because there is a newer one.
func callPeer[T any](t *testing.T, n *node, key identity.PublicKey, args T) (T, error) {
	t.Helper()
	ctx := patiently(t)
	for {
		got, err := peernet.Call[T](ctx, n.Node, key, "echo", args, peernet.WaitForReady())
		if !errors.Is(err, peernet.ErrLinkLost) {
			return got, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// never fails the test if the peer has seen an event that begins so.
func (b *beam) never(prefixes ...string) {
	b.t.Helper()
	for _, p := range prefixes {
		if n := b.count(p); n > 0 {
			b.t.Errorf("%d events %s", n, p)
		}
	}
}
