package peertest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs f in a synctest bubble, with a network.
func bubble(t *testing.T, f func(t *testing.T, net *peertest.Network), options ...peertest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, peertest.NewNetwork(t, options...)) })
}

// echo answers with what it is given.
func echo(n *peernet.Node) error {
	return n.Handle("echo", func(_ context.Context, r *peernet.Request) (any, error) { return r.Args(), nil })
}

// calls checks that one node can call another, which has echo.
func calls(t *testing.T, from, to *peertest.Node) {
	t.Helper()
	if got, err := peernet.Call[string](t.Context(), from.Node, to.PublicKey(), "echo", "hello"); err != nil || got != "hello" {
		t.Errorf("%s calls %s: %q, %v", from, to, got, err)
	}
}

// couple returns two nodes with echo that are connected.
func couple(net *peertest.Network) (alice, bob *peertest.Node) {
	alice, bob = net.Node("alice", peertest.Setup(echo)), net.Node("bob", peertest.Setup(echo))
	net.Trust(alice, bob)
	net.Connect(alice, bob)
	return alice, bob
}

// A failing is a test that may fail, and what it said.
type failing struct {
	testing.TB
	output bytes.Buffer
	ending time.Duration // how long its cleanups took

	mu       sync.Mutex // guards the rest
	errors   []string
	helpers  map[string]bool // functions that have called Helper
	blamed   string          // the function of the kit to which the last failure was put down, if it was
	cleanups []func()
}

// fails runs f with a network in a bubble, as a test that may fail, and returns that when it has ended.
func fails(t *testing.T, f func(t *testing.T, net *peertest.Network)) *failing {
	t.Helper()
	r := &failing{}
	synctest.Test(t, func(t *testing.T) {
		r.TB = t
		r.do(func() { f(t, peertest.NewNetwork(r)) })
		start := time.Now()
		for _, c := range slices.Backward(r.cleanups) {
			r.do(c)
		}
		r.ending = time.Since(start)
	})
	return r
}

// do runs f until it returns or calls Fatalf.
func (r *failing) do(f func()) {
	var join sync.WaitGroup
	join.Go(f)
	join.Wait()
}

func (r *failing) Cleanup(f func())  { r.cleanups = append(r.cleanups, f) }
func (r *failing) Output() io.Writer { return &r.output }

func (r *failing) Helper() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.helpers == nil {
		r.helpers = make(map[string]bool)
	}
	for f := range callers() {
		r.helpers[f] = true
		return
	}
}

// callers yields the functions that led to the method that calls it, the innermost first.
func callers() iter.Seq[string] {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	return func(yield func(string) bool) {
		for {
			f, more := frames.Next()
			if !yield(f.Function) || !more {
				return
			}
		}
	}
}

func (r *failing) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *failing) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.mu.Lock()
	r.blamed = ""
	for f := range callers() {
		if !r.helpers[f] { // the first is told, as testing does
			if strings.Contains(f, "/peertest.") {
				r.blamed = f
			}
			break
		}
	}
	r.mu.Unlock()
	runtime.Goexit()
}

// says checks that the test failed once, in words that hold all of these.
func (r *failing) says(t *testing.T, words ...string) {
	t.Helper()
	if len(r.errors) != 1 {
		t.Errorf("failed %d times, want once: %q", len(r.errors), r.errors)
		return
	}
	for _, w := range words {
		if !strings.Contains(r.errors[0], w) {
			t.Errorf("failed without the words %q: %s", w, r.errors[0])
		}
	}
}
