package peernet_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

func TestWhoIsRefusedHasKnocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		a, b := net.Node("alice"), net.Node("bob")
		if err := b.Pair(a.PublicKey(), "alice"); err != nil {
			t.Fatal(err)
		}
		if list, err := a.Knocks(); err != nil || len(list) != 0 {
			t.Errorf("before: %v, %v", list, err)
		}
		for range 2 {
			if err := b.Connect(t.Context(), a.PublicKey(), a.Addr().String()); !errors.Is(err, peernet.ErrRefused) {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		list, err := a.Knocks()
		if err != nil || len(list) != 1 || list[0].Number != 1 || list[0].Key != b.PublicKey() || list[0].Count < 2 || list[0].Addr.Addr() != b.Addr().Addr() || !list[0].Last.After(list[0].First) {
			t.Fatalf("knocks %+v, %v", list, err)
		}
		if err := a.Pair(list[0].Key, "bob"); err != nil {
			t.Fatal(err)
		}
		if list, _ := a.Knocks(); len(list) != 0 {
			t.Errorf("a key that is let in still knocks: %+v", list)
		}
		if err := b.Connect(t.Context(), a.PublicKey(), a.Addr().String()); err != nil {
			t.Error(err)
		}
	})
}

// TestABlockedPeerIsDropped at once, gets no word, is not dialled, and comes back when the time is over or it is unblocked.
func TestABlockedPeerIsDropped(t *testing.T) {
	for name, ends := range map[string]func(a, b *peertest.Node) error{
		"in time":   func(_, _ *peertest.Node) error { time.Sleep(time.Hour); return nil },
		"unblocked": func(a, b *peertest.Node) error { _, err := a.Unblock(b.PublicKey()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := peertest.NewNetwork(t)
				nodes := net.Mesh(3)
				a, b, c := nodes[0], nodes[1], nodes[2]
				if err := a.Block(b.PublicKey(), time.Hour); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if info, _ := a.Peer(b.PublicKey()); info.State == peernet.StateConnected {
					t.Error("still connected")
				}
				if _, err := a.Call(t.Context(), b.PublicKey(), "x", nil); !errors.Is(err, peernet.ErrBlocked) || !errors.Is(err, peernet.ErrNotTrusted) {
					t.Errorf("call: %v", err)
				}
				if err := b.Connect(t.Context(), a.PublicKey(), a.Addr().String()); err == nil || errors.Is(err, peernet.ErrRefused) {
					t.Errorf("the blocked one connects: %v", err)
				}
				time.Sleep(30 * time.Minute)
				if info, _ := b.Peer(a.PublicKey()); info.State == peernet.StateConnected {
					t.Error("connected before the end")
				}
				if list, _ := a.Knocks(); len(list) != 0 {
					t.Errorf("a blocked key has knocked: %+v", list)
				}
				if list := a.Blocked(); len(list) != 1 || list[0].Key != b.PublicKey() {
					t.Errorf("blocked: %v", list)
				}
				if info, _ := a.Peer(c.PublicKey()); info.State != peernet.StateConnected {
					t.Error("another peer was dropped")
				}
				until := a.Blocked()[0].Until
				if info, _ := a.Peer(b.PublicKey()); !info.Blocked.Equal(until) || info.Reason == "" {
					t.Errorf("the peer is %+v, blocked until %v", info, until)
				}
				if e, err := a.Explain(b.PublicKey()); err != nil || !strings.Contains(e.String(), "blocked by this node until "+until.Local().Format(time.DateTime)) || e.Advice == "" {
					t.Errorf("explained as %v, %v", e, err)
				}
				if err := ends(a, b); err != nil {
					t.Fatal(err)
				}
				ended := time.Now()
				a.Finds(b)
				b.Finds(a)
				net.AwaitConnected(a, b)
				if list := a.Blocked(); len(list) != 0 {
					t.Errorf("still blocked: %v", list)
				}
				if info, _ := a.Peer(b.PublicKey()); !info.Blocked.IsZero() {
					t.Errorf("the peer is %+v", info)
				}
				if e := peertest.AwaitEvent[peernet.Blocked](a); e.Peer != b.PublicKey() || !e.Until.Equal(until) {
					t.Errorf("the event was %+v", e)
				}
				if e := peertest.AwaitEvent[peernet.Unblocked](a); e.Peer != b.PublicKey() || e.Time().After(ended) || name == "in time" && !e.Time().Equal(until) {
					t.Errorf("the event was %+v, the block ended until %v", e, until)
				}
			})
		})
	}
}

// TestTheEndOfABlockIsToldByTheNextNode: a key that nobody trusts, and whose block began before the node did.
func TestTheEndOfABlockIsToldByTheNextNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a := peertest.NewNetwork(t).Node("alice", peertest.Configure(func(c *peernet.Config) { c.DataDir = dir }))
		stranger := peertest.KeyPair("stranger").PublicKey()
		until := time.Now().Add(time.Hour)
		if err := a.Block(stranger, time.Hour); err != nil {
			t.Fatal(err)
		}
		a.Restart()
		time.Sleep(2 * time.Hour)
		if e := peertest.AwaitEvent[peernet.Unblocked](a); e.Peer != stranger || !e.Time().Equal(until) {
			t.Errorf("the event was %+v", e)
		}
	})
}

// TestABlockedKeyIsNoGuest: it cannot come in by the other door.
func TestABlockedKeyIsNoGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		a, b := net.Node("alice"), net.Node("bob")
		if err := a.Handle("hello", func(context.Context, *peernet.Request) (any, error) { return "hello", nil }, peernet.Guests()); err != nil {
			t.Fatal(err)
		}
		call := func() error {
			_, _, err := b.CallAsGuest(t.Context(), a.Addr().String(), a.PublicKey(), "hello", nil)
			return err
		}
		if err := call(); err != nil {
			t.Fatal(err)
		}
		if err := a.Block(b.PublicKey(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := call(); err == nil {
			t.Error("a blocked key is served as a guest")
		}
		if _, err := a.Unblock(b.PublicKey()); err != nil {
			t.Fatal(err)
		}
		if err := call(); err != nil {
			t.Errorf("after the block: %v", err)
		}
	})
}

// TestABlockOutlivesTheNode: it is there before anybody can connect.
func TestABlockOutlivesTheNode(t *testing.T) {
	dir := t.TempDir()
	key := identity.PublicKey{31: 9}
	n, err := peernet.New(peernet.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Block(key, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := n.Block(key, 0); err == nil {
		t.Error("blocked for no time")
	}
	if err := n.Block(n.PublicKey(), time.Hour); !errors.Is(err, peernet.ErrSelf) {
		t.Errorf("blocked itself: %v", err)
	}
	first := n.Blocked()
	if err := n.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := startNode(t, peernet.Config{DataDir: dir})
	if got := again.Blocked(); !slices.Equal(got, first) {
		t.Errorf("blocked %v, want %v", got, first)
	}
	if was, err := again.Unblock(key); !was || err != nil {
		t.Errorf("unblock: %v, %v", was, err)
	}
	if was, err := again.Unblock(key); was || err != nil {
		t.Errorf("unblock twice: %v, %v", was, err)
	}
}
