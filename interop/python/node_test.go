package python_test

import (
	"context"
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
}

// startNode starts a node on loopback that is shut down with the test.
func startNode(t *testing.T, c peernet.Config) *node {
	t.Helper()
	made, err := peernet.New(c)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Node: made, t: t}
	ctx, cancel := context.WithCancel(context.Background())
	events := n.Events(ctx)
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var listening sync.WaitGroup
	listening.Go(func() {
		for e := range events {
			n.mu.Lock()
			n.events = append(n.events, e)
			n.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), patience)
		defer stop()
		if err := n.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		cancel()
		listening.Wait()
		if t.Failed() {
			for _, e := range n.events {
				t.Logf("%v: %s %s %+v", n.PublicKey(), e.Time().Format("05.000"), e.Kind(), e)
			}
		}
	})
	return n
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

// eventually waits until done is true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("never: %s", what)
		}
	}
}

// nth waits for the event of a type after the first skip ones, and returns it.
func nth[E peernet.Event](n *node, skip int) E {
	n.t.Helper()
	var e E
	eventually(n.t, e.Kind(), func() bool {
		all := eventsOf[E](n)
		if len(all) <= skip {
			return false
		}
		e = all[skip]
		return true
	})
	return e
}

// roles are the two ways to connect.
var roles = []string{"go dials", "python dials"}

// connect has one of the two dial, and waits until both can call.
func connect(t *testing.T, n *node, p *python, role string) {
	t.Helper()
	if role == "go dials" {
		if err := n.Connect(t.Context(), p.key, p.addr()); err != nil {
			t.Fatal(err)
		}
		p.event("connected")
		return
	}
	ups := len(eventsOf[peernet.Connected](n))
	dial(p, n)
	p.event("connected")
	nth[peernet.Connected](n, ups)
}

// dial has the peer dial the node.
func dial(p *python, n *node) {
	p.t.Helper()
	p.do("dial", fields{"host": "127.0.0.1", "port": n.Addrs()[0].Port(), "key": n.PublicKey().String()})
}

// pairOf returns a node and a peer that trust each other, and are connected unless role is "".
func pairOf(t *testing.T, role string, c peernet.Config, options ...string) (*node, *python) {
	t.Helper()
	require(t)
	n := startNode(t, c)
	p := startPython(t, []identity.PublicKey{n.PublicKey()}, options...)
	if err := n.Pair(p.key, "python"); err != nil {
		t.Fatal(err)
	}
	if role != "" {
		connect(t, n, p, role)
	}
	return n, p
}

// inBothRoles runs a test with either end as the initiator.
func inBothRoles(t *testing.T, f func(t *testing.T, role string)) {
	t.Helper()
	t.Parallel()
	for _, role := range roles {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			f(t, role)
		})
	}
}

// must ends the test if there is an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patiently returns a context that ends with the test, or when it takes too long.
func patiently(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
