package python_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A key that one end does not trust gets no session, whichever end dials.
func TestTrust(t *testing.T) {
	t.Parallel()
	n, p := pairOf(t, "go dials", peernet.Config{})

	must(t, n.Unpair(p.key))
	if e := p.event("disconnected"); e.Reason != "revoked" || !e.ByPeer {
		t.Errorf("the peer is told %+v", e)
	}
	dialing := fields{"host": "127.0.0.1", "port": n.Addrs()[0].Port(), "key": n.PublicKey().String()}
	if a := p.try("dial", dialing); a.Error != "refused" {
		t.Errorf("the peer dials and gets %+v", a)
	}

	must(t, n.Pair(p.key, ""))
	other := dialing
	other["key"] = p.key.String()
	if a := p.try("dial", other); a.Error != "local" || !strings.Contains(a.Text, "HandshakeFailed") {
		t.Errorf("it dials another key and gets %+v", a)
	}
	connect(t, n, p, "python dials")
	p.do("untrust", fields{"key": n.PublicKey().String()})
	if e := nth[peernet.Disconnected](n, 1); e.Reason != "revoked" {
		t.Errorf("the node is told %+v", e)
	}
	if err := n.Connect(patiently(t), p.key, p.addr()); !errors.Is(err, peernet.ErrRefused) {
		t.Errorf("the node dials and gets %v", err)
	}
	wrong := startNode(t, peernet.Config{}).PublicKey()
	must(t, n.Pair(wrong, ""))
	if err := n.Connect(patiently(t), wrong, p.addr()); !errors.Is(err, peernet.ErrWrongKey) {
		t.Errorf("the node dials another key and gets %v", err)
	}
}

// Nodes of different namespaces do not meet.
func TestNamespace(t *testing.T) {
	t.Parallel()
	n, p := pairOf(t, "", peernet.Config{Namespace: "example.org/chat"}, "--namespace", "example.org/chat")
	connect(t, n, p, "go dials")
	other := startNode(t, peernet.Config{})
	must(t, other.Pair(p.key, ""))
	if err := other.Connect(patiently(t), p.key, p.addr()); err == nil {
		t.Error("a node of another namespace is connected")
	}
}

// A half-close waits for the calls that are in flight, in both directions.
func TestHalfClose(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role string) {
		n, p := pairOf(t, role, peernet.Config{})
		began, end := make(chan struct{}), make(chan struct{})
		must(t, n.Handle("slow", func(context.Context, *peernet.Request) (any, error) { close(began); <-end; return "done", nil }))
		call := p.start("call", fields{"name": "slow"})
		<-began
		waited := make(chan error, 1)
		go func() {
			_, err := n.Call(patiently(t), p.key, "wait", 0.3)
			waited <- err
		}()
		eventually(t, "the peer's handler runs", func() bool { return p.do("running", nil) == "1" })
		p.do("bye", fields{"code": "idle"}) // so that the node does not dial at once
		must(t, <-waited)
		close(end)
		if a := p.answer(call); string(a.Result) != `"done"` {
			t.Errorf("the peer gets %+v", a)
		}
		if e := p.event("disconnected"); e.Reason != "idle" {
			t.Errorf("the peer's session ends with %+v", e)
		}
		if e := nth[peernet.Disconnected](n, 0); e.Reason != "idle" {
			t.Errorf("the node's session ends with %+v", e)
		}
	})
}

// A node that stops says so, and answers what it was asked.
func TestShutdown(t *testing.T) {
	t.Parallel()
	n, p := pairOf(t, "python dials", peernet.Config{})
	began, end := make(chan struct{}), make(chan struct{})
	must(t, n.Handle("slow", func(context.Context, *peernet.Request) (any, error) { close(began); <-end; return "done", nil }))
	call := p.start("call", fields{"name": "slow"})
	<-began
	time.AfterFunc(50*time.Millisecond, func() { close(end) })
	must(t, n.Shutdown(patiently(t)))
	if a := p.answer(call); string(a.Result) != `"done"` {
		t.Errorf("the peer gets %+v", a)
	}
	if e := p.event("disconnected"); e.Reason != "shutdown" {
		t.Errorf("the peer is told %+v", e)
	}
}

// A stream outlives the rotation of its session, by either end; calls use the new one.
func TestRotation(t *testing.T) {
	t.Parallel()
	t.Run("go rotates", func(t *testing.T) {
		t.Parallel()
		n, p := pairOf(t, "go dials", peernet.Config{Timing: peernet.Timing{Rotate: 300 * time.Millisecond}})
		rotate(t, n, p)
	})
	t.Run("python rotates", func(t *testing.T) {
		t.Parallel()
		n, p := pairOf(t, "python dials", peernet.Config{})
		rotate(t, n, p, func() {
			dial(p, n)
			p.do("bye", fields{"code": "rotated", "oldest": true})
		})
	})
}

// rotate has a stream in each direction go on over a rotation.
func rotate(t *testing.T, n *node, p *python, begin ...func()) {
	t.Helper()
	serveStreams(t, n)
	p.do("open", fields{"stream": "s", "name": "repeat", "args": "last"})
	s, err := peernet.OpenStream[any, any](patiently(t), n.Node, p.key, "repeat", "last")
	must(t, err)
	use := func() {
		t.Helper()
		p.do("put", fields{"stream": "s", "value": 1})
		if got := p.do("take", fields{"stream": "s"}); got != "[1]" {
			t.Errorf("the peer gets %s", got)
		}
		must(t, s.Send(patiently(t), "x"))
		if got, err := s.Recv(patiently(t)); err != nil || got != "x" {
			t.Errorf("the node gets %v, %v", got, err)
		}
	}
	use()
	for _, f := range begin {
		f()
	}
	p.event("connected") // the second session
	use()
	if _, err := peernet.Call[int](patiently(t), n.Node, p.key, "echo", 1); err != nil {
		t.Error(err)
	}
	p.do("call", fields{"name": "echo"})
	use()
	p.do("end", fields{"stream": "s"})
	must(t, s.CloseSend(patiently(t)))
	p.do("reply", fields{"stream": "s"})
	must(t, s.Wait(patiently(t)))
	if e := p.event("disconnected"); e.Reason != "rotated" && e.Reason != "duplicate" {
		t.Errorf("the older session ends with %+v", e)
	}
	if ends := eventsOf[peernet.Disconnected](n); len(ends) > 0 {
		t.Errorf("the node is disconnected: %+v", ends)
	}
}

// Both dial at once: one session stays, whichever end is the arbiter.
func TestBothDial(t *testing.T) {
	t.Parallel()
	for _, arbiter := range []string{"go", "python"} {
		t.Run(arbiter+" decides", func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "identity.pem")
			key := keyOf(t, file)
			n := startNode(t, peernet.Config{Identity: keysBeside(t, key, arbiter == "go")})
			must(t, n.Handle("echo", echo))
			p := startPython(t, []identity.PublicKey{n.PublicKey()}, "--identity", file)
			must(t, n.Pair(p.key, ""))
			for range 5 {
				var both sync.WaitGroup
				both.Go(func() { _ = n.ConnectOnce(patiently(t), p.key, p.addr()) })
				_ = p.try("dial", fields{"host": "127.0.0.1", "port": n.Addrs()[0].Port(), "key": n.PublicKey().String()})
				both.Wait()
				eventually(t, "one session stays", func() bool { return p.do("sessions", nil) == "1" })
				if _, err := peernet.Call[int](patiently(t), n.Node, p.key, "echo", 1, peernet.WaitForReady()); err != nil {
					t.Error(err)
				}
				p.do("call", fields{"name": "echo"})
				eventually(t, "no session is left", func() bool { // the dial that was slower may come up only now
					if p.do("sessions", nil) == "0" {
						return true
					}
					p.try("bye", fields{"code": "idle"}) // so that the node does not dial by itself
					return false
				})
			}
		})
	}
}

// keyOf makes the peer's key, and returns it.
func keyOf(t *testing.T, file string) identity.PublicKey {
	t.Helper()
	output, err := run(t.Context(), t, "peer.py", "id", "--identity", file).Output()
	must(t, err)
	key, err := identity.ParsePublicKey(strings.TrimSpace(string(output)))
	must(t, err)
	return key
}

// keysBeside returns a key pair whose public key is smaller than that of the peer, or larger.
func keysBeside(t *testing.T, key identity.PublicKey, smaller bool) identity.KeyPair {
	t.Helper()
	for {
		keys, err := identity.GenerateKeyPair(rand.Reader)
		must(t, err)
		if public := keys.PublicKey(); (bytes.Compare(public[:], key[:]) < 0) == smaller {
			return keys
		}
	}
}

// Two processes with one key: a node that meets both tells the newer one, and the older one stays.
func TestConflict(t *testing.T) {
	t.Parallel()
	t.Run("go tells", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "identity.pem")
		key := keyOf(t, file)
		n := startNode(t, peernet.Config{})
		must(t, n.Pair(key, ""))
		older := startPython(t, []identity.PublicKey{n.PublicKey()}, "--identity", file)
		newer := startPython(t, []identity.PublicKey{n.PublicKey()}, "--identity", file)
		dial(older, n)
		_ = newer.try("dial", fields{"host": "127.0.0.1", "port": n.Addrs()[0].Port(), "key": n.PublicKey().String()}) // it may know by now
		if e := newer.event("disconnected"); e.Reason != "conflict" || !e.ByPeer {
			t.Errorf("the newer is told %+v", e)
		}
		nth[peernet.IdentityConflict](n, 0)
		older.do("ping", nil)
	})
	t.Run("python tells", func(t *testing.T) {
		t.Parallel()
		keys, err := identity.GenerateKeyPair(rand.Reader)
		must(t, err)
		p := startPython(t, []identity.PublicKey{keys.PublicKey()})
		older, newer := startNode(t, peernet.Config{Identity: keys}), startNode(t, peernet.Config{Identity: keys})
		for _, n := range []*node{older, newer} {
			must(t, n.Pair(p.key, ""))
		}
		must(t, older.Connect(patiently(t), p.key, p.addr()))
		_ = newer.Connect(patiently(t), p.key, p.addr()) // it may know by now
		if e := nth[peernet.Disconnected](newer, 0); e.Reason != "conflict" {
			t.Errorf("the newer is told %+v", e)
		}
		if _, err := older.Ping(patiently(t), p.key); err != nil {
			t.Error(err)
		}
	})
}
