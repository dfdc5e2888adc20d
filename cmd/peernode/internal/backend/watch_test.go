package backend

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for on real sockets; nothing takes so long.
const patience = time.Minute

const (
	bobKey   = "pnet1s5s0qzvfxzn4gayt0hwtg0hhtgxm7wsdycup4a8t5j5ca25mfe4qwgsew4"
	carolKey = "pnet1m60dkltm0hqmf56mv8pweep4xulcxs7gtduxwnddl3lpgmug9d8s2sumpy"
)

// testKey parses a key.
func testKey(t *testing.T, text string) identity.PublicKey {
	t.Helper()
	key, err := identity.ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newBackend returns a backend on a node in memory that trusts bob, and is shut down when the test ends.
func newBackend(t *testing.T) Backend {
	t.Helper()
	node, err := peernet.New(peernet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Shutdown(context.Background()) })
	if err := node.Pair(testKey(t, bobKey), "bob"); err != nil {
		t.Fatal(err)
	}
	return New(node, new(Run))
}

func TestWaitEndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		begin := time.Now()
		_, err := b.Wait(ctx, control.Request{Peer: "bob"})
		if took := time.Since(begin); !errors.Is(err, failure.ErrNotInTime) || took != patience {
			t.Errorf("got %v after %v", err, took)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	b := newBackend(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Wait(ctx, control.Request{Peer: "bob"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWaitEndsWhen(t *testing.T) {
	for _, c := range []struct {
		name   string
		happen func(Backend) error
		want   error
	}{
		{"the node stops", func(b Backend) error { return b.node.Shutdown(t.Context()) }, peernet.ErrClosed},
		{"trust is taken away", func(b Backend) error { return b.node.Unpair(testKey(t, bobKey)) }, peernet.ErrNotTrusted},
	} {
		b := newBackend(t)
		if err := b.node.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		waited := make(chan error, 1)
		go func() {
			_, err := b.Wait(t.Context(), control.Request{Peer: bobKey})
			waited <- err
		}()
		if err := c.happen(b); err != nil {
			t.Fatal(err)
		}
		if err := <-waited; !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// TestSlowWatcherGetsThePeersAgain has a slow watcher get lagged, and then the present list of peers.
func TestSlowWatcherGetsThePeersAgain(t *testing.T) {
	b := newBackend(t)
	if err := b.node.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	bob := testKey(t, bobKey)
	var told []control.WatchLine
	enough := errors.New("enough")
	err := b.Watch(t.Context(), struct{}{}, func(c control.WatchLine) error {
		told = append(told, c)
		switch len(told) {
		case 1: // more events than the node keeps for a slow subscriber
			for range 150 {
				if err := errors.Join(b.node.Unpair(bob), b.node.Pair(bob, "Robert")); err != nil {
					return err
				}
			}
		case 3:
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	if before := told[0].Peers; len(before) != 1 || before[0].Label != "bob" {
		t.Errorf("first %+v", told[0])
	}
	if gap := told[1].Event; gap == nil || gap.Kind != "lagged" || gap.Missed != 300-256 {
		t.Errorf("then %+v", told[1])
	}
	if after := told[2].Peers; len(after) != 1 || after[0].Label != "Robert" {
		t.Errorf("then %+v", told[2])
	}
}

func TestWatchEndsWithItsContextAndWithTheNode(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(b Backend, cancel func()) error
		want error
	}{
		{"interrupted", func(_ Backend, cancel func()) error { cancel(); return nil }, context.Canceled},
		{"node stopped", func(b Backend, _ func()) error { return b.node.Shutdown(t.Context()) }, peernet.ErrClosed},
	} {
		b := newBackend(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := b.Watch(ctx, struct{}{}, func(control.WatchLine) error { return c.end(b, cancel) })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestWatchLeavesOutKeysThatAreNotTrusted(t *testing.T) {
	b := newBackend(t)
	bob, carol := testKey(t, bobKey), testKey(t, carolKey)
	for _, c := range []struct {
		event peernet.Event
		want  bool
	}{
		{peernet.Found{Peer: bob}, true},
		{peernet.Lost{Peer: bob}, true},
		{peernet.Updated{Peer: bob}, true},
		{peernet.Found{Peer: carol}, false},
		{peernet.Updated{Peer: carol}, false},
		{peernet.Lost{Peer: carol}, false},
		{peernet.Refused{Peer: carol}, false},
		{peernet.Connected{Peer: bob}, true},
		{peernet.Disconnected{Peer: bob}, true},
		{peernet.Paired{Peer: bob}, true},
		{peernet.Unpaired{Peer: carol}, true}, // it was a peer
		{peernet.Blocked{Peer: bob}, true},
		{peernet.Unblocked{Peer: bob}, true},
		{peernet.Blocked{Peer: carol}, false},
		{peernet.Unblocked{Peer: carol}, false},
		{peernet.IdentityConflict{Peer: bob}, true},
		{peernet.Lagged{N: 1}, true},
	} {
		if got := b.isAboutPeer(c.event); got != c.want {
			t.Errorf("%s %+v: got %v", c.event.Kind(), c.event, got)
		}
	}
}
