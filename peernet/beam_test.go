package peernet_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// TestABEAMNodeIsDialled: at first natively, which it closes, then in BEAM; a node that has learnt that dials it in BEAM
// at once. Bob shows his supervisor no more than one closed connection.
func TestABEAMNodeIsDialled(t *testing.T) {
	inBEAMWorld(t, peernet.Config{DataDir: t.TempDir()}, func(w *beamWorld) {
		if d := w.state().Dialect; d != "" {
			w.Errorf("alice believes that bob speaks %q", d)
		}
		start := time.Now()
		w.connect()
		if took := time.Since(start); took > time.Second {
			w.Errorf("connected after %v", took)
		}
		if i := w.state(); i.Dialect != peernet.DialectBEAM || i.Role != "initiator" {
			w.Errorf("alice says %+v", i)
		}
		w.talks()
		if n, ends := w.bob.Began(), len(w.bob.Ends()); n != 2 || ends != 1 {
			w.Errorf("bob saw %d connections, %d ended; want a native one that ended, and one in BEAM", n, ends)
		}
		w.stop()
		synctest.Wait()
		time.Sleep(time.Minute)
		w.start()
		if i := w.state(); i.Dialect != peernet.DialectBEAM || i.State == peernet.StateConnected {
			w.Errorf("alice, started again, says %+v", i)
		}
		w.connect()
		w.talks()
		if n := w.bob.Began(); n != 3 {
			w.Errorf("bob saw %d connections, want one more", n)
		}
	})
}

// TestABEAMNodeThatRestartsIsBack: alice dials it again by herself, in BEAM, however often it has gone and come.
func TestABEAMNodeThatRestartsIsBack(t *testing.T) {
	inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
		w.connect()
		for i := range 20 {
			w.bob.Stop()
			time.Sleep(time.Duration(i) * 500 * time.Millisecond)
			w.listenBob()
			before := w.bob.Began()
			time.Sleep(40 * time.Second) // the longest backoff, and more
			if s := w.state().State; s != peernet.StateConnected {
				w.Fatalf("away for %v: %s", time.Duration(i)*500*time.Millisecond, s)
			}
			if n := w.bob.Began() - before; n != 1 {
				w.Errorf("bob saw %d connections", n)
			}
			w.talks()
		}
	})
}

// TestABEAMNodeDials: the length of its first frame tells that it is one, and it is pinged before it says a word.
func TestABEAMNodeDials(t *testing.T) {
	inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
		w.dialled()
		if i := w.state(); i.State != peernet.StateConnected || i.Dialect != peernet.DialectBEAM || i.Role != "responder" {
			w.Errorf("alice says %+v", i)
		}
		w.talks()
	})
}

// TestANodeThatClosesANativeDialMayDialItself: alice, who has only heard of bob, gives him a second before she dials him in
// BEAM. If he dials meanwhile he has one connection that ended and no more.
func TestANodeThatClosesANativeDialMayDialItself(t *testing.T) {
	for _, c := range []struct {
		name  string
		dials bool
		role  string
	}{
		{"he does", true, "responder"},
		{"he does not", false, "initiator"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
				w.found.Found(bobKey, farAddr)
				time.Sleep(900 * time.Millisecond)
				if n, ends := w.bob.Began(), len(w.bob.Ends()); n != 1 || ends != 1 {
					w.Errorf("bob saw %d connections, %d ended; want the native one", n, ends)
				}
				if c.dials {
					w.dialled()
				}
				time.Sleep(2 * time.Second)
				if i := w.state(); i.State != peernet.StateConnected || i.Role != c.role {
					w.Errorf("alice says %+v", i)
				}
				if n, ends := w.bob.Began(), len(w.bob.Ends()); n != 2 || ends != 1 {
					w.Errorf("bob saw %d connections, %d ended; want two and one", n, ends)
				}
				w.talks()
			})
		})
	}
}

// TestWhenBothDialBobKeepsOneSession: he closes the other one, and alice was connected once, and all the time.
func TestWhenBothDialBobKeepsOneSession(t *testing.T) {
	for range 20 {
		inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
			w.connect() // so that she dials in BEAM next
			w.bob.CloseAll()
			time.Sleep(20 * time.Second)
			w.bob.CloseAll()
			time.Sleep(time.Millisecond)
			ups, downs := w.connected()
			done := make(chan error, 1)
			go func() { done <- w.alice.Connect(w.Context(), bobKey, farAddr.String()) }()
			w.dialled()
			if err := <-done; err != nil {
				w.Fatal(err)
			}
			time.Sleep(20 * time.Second)
			if u, d := w.connected(); u != ups+1 || d != downs || u != d+1 {
				w.Errorf("connected %d times, disconnected %d times; before %d and %d", u, d, ups, downs)
			}
			if n := w.bob.Sessions(); n != 1 {
				w.Errorf("bob has %d connections", n)
			}
			w.talks()
		})
	}
}

// TestAnUnexposedNameClosesTheSession: the error says so, and alice is back only after a while.
func TestAnUnexposedNameClosesTheSession(t *testing.T) {
	inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
		w.bob.Handlers["known"] = nil
		w.connect()
		if _, err := w.alice.Call(w.Context(), bobKey, "known", nil); !errors.Is(err, peernet.ErrNoHandler) {
			w.Errorf("a name that bob has an atom for: %v", err)
		}
		if ups, downs := w.connected(); ups != 1 || downs != 0 {
			w.Errorf("%d ups, %d downs", ups, downs)
		}
		start := time.Now()
		_, err := w.alice.Call(w.Context(), bobKey, "unknown", nil)
		if !errors.Is(err, peernet.ErrMaybeNoHandler) || !errors.Is(err, peernet.ErrLinkLost) || !peernet.Sent(err) {
			w.Errorf("a name that he has none for: %v", err)
		}
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		time.Sleep(500 * time.Millisecond)
		w.dialled() // as he does half a second after each close
		if _, err := w.alice.Call(ctx, bobKey, "unknown", nil); !errors.Is(err, peernet.ErrMaybeNoHandler) || !peernet.Sent(err) {
			w.Errorf("a second time: %v", err) // the first session may have made room for a newer one
		}
		time.Sleep(500 * time.Millisecond)
		w.dialled()
		for range 20 {
			if _, err := w.alice.Call(ctx, bobKey, "unknown", nil, peernet.WaitForReady()); !errors.Is(err, peernet.ErrMaybeNoHandler) || peernet.Sent(err) {
				w.Errorf("the same again: %v", err)
			}
		}
		if _, downs := w.connected(); downs != 2 {
			w.Errorf("%d sessions ended", downs)
		}
		w.bob.CloseAll()
		synctest.Wait()
		if _, err := w.alice.Call(ctx, bobKey, "known", nil, peernet.WaitForReady()); !errors.Is(err, peernet.ErrNoHandler) {
			w.Errorf("after that: %v", err)
		}
		if took := time.Since(start); took < 5*time.Second || took > 15*time.Second {
			w.Errorf("alice was back after %v", took)
		}
	})
}

// TestANameIsNotHeldBackForOneSession, however many calls by it were in flight as that session ended.
func TestANameIsNotHeldBackForOneSession(t *testing.T) {
	for _, c := range []struct {
		name string
		ends int // sessions, of which each has two calls in flight
		end  func(w *beamWorld)
		isOK bool
	}{
		{"it was replaced", 1, (*beamWorld).dialled, true},
		{"several were replaced", 3, (*beamWorld).dialled, true},
		{"it was closed", 1, func(w *beamWorld) { w.bob.CloseAll(); synctest.Wait(); time.Sleep(time.Second); w.dialled() }, true},
		{"two were closed", 2, func(w *beamWorld) { w.bob.CloseAll(); synctest.Wait(); time.Sleep(time.Second); w.dialled() }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
				block := make(chan struct{})
				w.bob.Handlers["slow"] = func(args peernet.Raw) (any, error) {
					<-block
					return args, nil
				}
				w.connect()
				for range c.ends {
					var calls sync.WaitGroup
					for range 2 {
						calls.Go(func() {
							_, err := peernet.Call[string](w.Context(), w.alice, bobKey, "slow", "x")
							if !errors.Is(err, peernet.ErrLinkLost) {
								t.Errorf("a call as the session ends: %v", err)
							}
						})
					}
					synctest.Wait()
					c.end(w)
					calls.Wait()
				}
				close(block)
				ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
				defer cancel()
				if _, err := peernet.Call[string](ctx, w.alice, bobKey, "slow", "x", peernet.WaitForReady()); (err == nil) != c.isOK {
					t.Errorf("the next call: %v", err)
				}
			})
		})
	}
}

// TestABusyBEAMNodeIsNotDead: its handlers hold up its pongs. One that is silent for no such reason is given up.
func TestABusyBEAMNodeIsNotDead(t *testing.T) {
	inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
		sleep := 10 * time.Minute
		w.bob.Handlers["slow"] = func(peernet.Raw) (any, error) {
			time.Sleep(sleep)
			return "done", nil
		}
		w.connect()
		ctx, cancel := context.WithTimeout(w.Context(), sleep+time.Minute)
		defer cancel()
		if got, err := peernet.Call[string](ctx, w.alice, bobKey, "slow", nil); got != "done" || err != nil {
			w.Errorf("a slow handler: %q, %v", got, err)
		}
		time.Sleep(time.Minute)
		if ups, downs := w.connected(); ups != 1 || downs != 0 {
			w.Errorf("%d ups, %d downs", ups, downs)
		}
		ctx, cancel = context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		if _, err := w.alice.Call(ctx, bobKey, "slow", nil); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("a slow handler, called by one in haste: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, downs := w.connected(); downs != 1 {
			w.Errorf("alice gave a node up %d times that was silent", downs)
		}
		time.Sleep(sleep)
		w.talks()
	})
}

// TestASessionWithABEAMNodeIsLeftAlone: it is neither idle nor old, and a change of the network does not end it.
func TestASessionWithABEAMNodeIsLeftAlone(t *testing.T) {
	inBEAMWorld(t, peernet.Config{Timing: peernet.Timing{Idle: time.Minute, Rotate: time.Minute}}, func(w *beamWorld) {
		w.connect()
		for range 10 {
			time.Sleep(time.Minute)
			w.near.SetAddrs(nearAddr, netip.MustParseAddr("10.0.0.9"))
			time.Sleep(time.Minute)
			w.near.SetAddrs(nearAddr)
		}
		if ups, downs := w.connected(); ups != 1 || downs != 0 || w.bob.Began() != 2 {
			w.Errorf("%d ups, %d downs, bob saw %d connections", ups, downs, w.bob.Began())
		}
		w.talks()
	})
}

// TestArgumentsPassFromOneDialectToTheOther: what a BEAM node sends can be passed on to a native one, and back.
func TestArgumentsPassFromOneDialectToTheOther(t *testing.T) {
	inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
		host := w.network.Host(netip.MustParseAddr("10.0.0.4"))
		carol, err := peernet.New(peernet.Config{Identity: kit.KeyPair(0x41), Listen: "10.0.0.4:7100",
			Network: peernet.Network{Listen: host.Listen, Dial: host.Dial, ListenPacket: host.ListenPacket, Interfaces: w.interfaces}})
		if err != nil {
			w.Fatal(err)
		}
		if err := carol.Start(w.Context()); err != nil {
			w.Fatal(err)
		}
		defer carol.Shutdown(w.Context())
		pair(w, w.alice, carol)
		handle(w, carol, "echo", echo)
		handle(w, w.alice, "forward", func(ctx context.Context, r *peernet.Request) (any, error) {
			return w.alice.Call(ctx, carol.PublicKey(), "echo", r.Args())
		})
		if err := w.alice.Connect(w.Context(), carol.PublicKey(), "10.0.0.4:7100"); err != nil {
			w.Fatal(err)
		}
		w.dialled()
		raw, err := w.bob.Call(w.Context(), w.alice.PublicKey(), "forward", map[string]any{"a": []any{1, "two", nil, true}})
		if err != nil {
			w.Fatal(err)
		}
		var got map[string][]any
		if err := raw.Decode(&got); err != nil || len(got["a"]) != 4 || got["a"][0] != int64(1) || got["a"][1] != "two" || got["a"][3] != true {
			w.Errorf("%v, %v", got, err)
		}
		raw, err = carol.Call(w.Context(), w.alice.PublicKey(), "echo", 1)
		if err != nil {
			w.Fatal(err)
		}
		w.bob.Handlers["echo"] = func(args peernet.Raw) (any, error) { return args, nil }
		if n, err := peernet.Call[int](w.Context(), w.alice, bobKey, "echo", raw); n != 1 || err != nil {
			w.Errorf("%d, %v", n, err)
		}
	})
}
