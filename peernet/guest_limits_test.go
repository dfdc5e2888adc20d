package peernet_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// inSalon runs f with a host that serves "open" and "wait" to guests and "closed" to peers, and a node that is none of its peers.
func inSalon(t *testing.T, change func(*peernet.Config), f func(t *testing.T, n *peertest.Network, host, guest *peertest.Node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := peertest.NewNetwork(t)
		host := n.Node("host", peertest.Setup(func(n *peernet.Node) error {
			return errors.Join(
				n.Handle("open", echo, peernet.Guests()),
				n.Handle("wait", func(ctx context.Context, _ *peernet.Request) (any, error) { <-ctx.Done(); return nil, ctx.Err() }, peernet.Guests()),
				n.Handle("closed", echo))
		}), peertest.Configure(func(c *peernet.Config) {
			if change != nil {
				change(c)
			}
		}))
		f(t, n, host, n.Node("guest"))
	})
}

func comeAsGuest(t *testing.T, host, guest *peertest.Node, name string) error {
	t.Helper()
	_, _, err := guest.CallAsGuest(t.Context(), host.Addr().String(), identity.PublicKey{}, name, "x")
	return err
}

// TestGuestComesAndGoes: events of its own, and nothing of a peer's, whether the key is trusted or not.
func TestGuestComesAndGoes(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		inSalon(t, nil, func(t *testing.T, n *peertest.Network, host, guest *peertest.Node) {
			if trusted {
				if err := host.Pair(guest.PublicKey(), "guest"); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			events := host.Events(ctx)
			if err := comeAsGuest(t, host, guest, "open"); err != nil {
				t.Fatal(err)
			}
			came := await[peernet.GuestConnected](t, events)
			gone := await[peernet.GuestDisconnected](t, events)
			if came.Peer != guest.PublicKey() || gone.Peer != guest.PublicKey() || gone.Reason != "idle" || came.Addr != gone.Addr {
				t.Errorf("told %+v and %+v", came, gone)
			}
			for _, name := range []string{"closed", "missing"} {
				if err := comeAsGuest(t, host, guest, name); !errors.Is(err, peernet.ErrNoHandler) {
					t.Errorf("%s, trusted %v: %v", name, trusted, err)
				}
			}
			time.Sleep(time.Second)
			s := host.Stats()
			if s.Guests.SessionsMade != 3 || s.Guests.Sessions != 0 || s.Guests.CallsIn.OK != 1 || s.Total.SessionsMade != 0 || len(host.Connected()) != 0 {
				t.Errorf("guests %+v\ntotal %+v", s.Guests, s.Total)
			}
			if trusted != (len(s.Peers) == 1) {
				t.Errorf("%d peers", len(s.Peers))
			}
		})
	}
}

// TestGuestThatIsIdleIsSentAway, and one that is busy for too long.
func TestGuestThatStaysIsSentAway(t *testing.T) {
	var dial func(context.Context, string, string) (net.Conn, error)
	keepDial := func(c *peernet.Config) { dial = c.Network.Dial }
	for name, c := range map[string]struct {
		call   bool
		within time.Duration
		reason string
	}{
		"idle": {false, 13 * time.Second, "idle"},
		"busy": {true, 5*time.Minute + 31*time.Second, "shutdown"},
	} {
		t.Run(name, func(t *testing.T) {
			inSalon(t, keepDial, func(t *testing.T, n *peertest.Network, host, guest *peertest.Node) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				events := host.Events(ctx)
				var join sync.WaitGroup
				if c.call {
					join.Go(func() { _ = comeAsGuest(t, host, guest, "wait") })
				} else {
					conn, err := dial(t.Context(), "tcp", host.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					stay(t, host, conn)
				}
				began := time.Now()
				gone := await[peernet.GuestDisconnected](t, events)
				if took := time.Since(began); gone.Reason != c.reason || took > c.within || took < c.within/2 {
					t.Errorf("gone with %q after %v", gone.Reason, took)
				}
				join.Wait()
			})
		})
	}
}

// stay has a guest that comes, and says nothing more until it is told goodbye.
func stay(t *testing.T, host *peertest.Node, conn net.Conn) {
	t.Helper()
	p := kit.NewRawPeer(t, conn, handshake.Initiator, kit.KeyPair(1), host.PublicKey())
	p.BeginAsGuest(kit.KeyPair(1))
	p.Handshake()
	p.Write(p.Frames(envelope.AppendHello(nil, envelope.Hello{Version: 1})))
	go func() {
		defer conn.Close()
		for {
			plain, err := p.Read()
			if err != nil {
				return
			}
			if bytes.Contains(plain, []byte(envelope.NameBye)) {
				p.Write(p.Frames(envelope.AppendBye(nil, envelope.Bye{Code: envelope.ReasonIdle})))
			}
		}
	}()
}

// TestCallsOfGuestsHaveBoundsOfTheirOwn: of one guest, and of all of them together.
func TestCallsOfGuestsHaveBoundsOfTheirOwn(t *testing.T) {
	inSalon(t, func(c *peernet.Config) { c.Limits.GuestBytes = 128 << 10 }, func(t *testing.T, n *peertest.Network, host, guest *peertest.Node) {
		ctx, cancel := context.WithCancel(t.Context())
		var join sync.WaitGroup
		join.Go(func() {
			_, _, _ = guest.CallAsGuest(ctx, host.Addr().String(), identity.PublicKey{}, "wait", nil)
		})
		synctest.Wait()
		big := make([]byte, 60<<10) // with 64 KiB for each reply there is no room for it beside the call that waits
		_, _, err := guest.CallAsGuest(t.Context(), host.Addr().String(), identity.PublicKey{}, "open", big)
		if !errors.Is(err, peernet.ErrOverloaded) {
			t.Errorf("beyond the bytes of all guests: %v", err)
		}
		cancel()
		join.Wait()
		synctest.Wait()
		if _, _, err := guest.CallAsGuest(t.Context(), host.Addr().String(), identity.PublicKey{}, "open", big); err != nil {
			t.Errorf("with room again: %v", err)
		}
	})
}

// TestGuestsBeyondTheLimitAreBusy holds Limits.Guests.
func TestGuestsBeyondTheLimitAreBusy(t *testing.T) {
	inSalon(t, func(c *peernet.Config) { c.Limits.Guests = 1 }, func(t *testing.T, n *peertest.Network, host, guest *peertest.Node) {
		ctx, cancel := context.WithCancel(t.Context())
		var join sync.WaitGroup
		join.Go(func() {
			_, _, _ = guest.CallAsGuest(ctx, host.Addr().String(), identity.PublicKey{}, "wait", nil)
		})
		synctest.Wait()
		err := comeAsGuest(t, host, guest, "open")
		if wait, ok := peernet.RetryAfter(err); !errors.Is(err, peernet.ErrBusy) || !ok || wait < 30*time.Second {
			t.Errorf("%v, again after %v", err, wait)
		}
		cancel()
		join.Wait()
		time.Sleep(time.Second)
		if err := comeAsGuest(t, host, guest, "open"); err != nil {
			t.Errorf("in the place that is free again: %v", err)
		}
	})
}

// TestHandlerForGuestsIsTakenAway while a guest is there: what runs goes on, and nobody new comes in.
func TestHandlerForGuestsIsTakenAway(t *testing.T) {
	inSalon(t, nil, func(t *testing.T, n *peertest.Network, host, guest *peertest.Node) {
		release := make(chan struct{})
		if err := host.Handle("slow", func(context.Context, *peernet.Request) (any, error) { <-release; return nil, nil }, peernet.Guests()); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- comeAsGuest(t, host, guest, "slow") }()
		synctest.Wait()
		for _, name := range []string{"slow", "open", "wait"} {
			host.Unhandle(name)
		}
		if err := comeAsGuest(t, host, guest, "open"); !errors.Is(err, peernet.ErrNoGuests) {
			t.Errorf("a newcomer: %v", err)
		}
		close(release)
		if err := <-ended; err != nil {
			t.Errorf("the call that ran: %v", err)
		}
	})
}

// TestShutdownLetsGuestsFinish: they are told, and what runs for them may end.
func TestShutdownLetsGuestsFinish(t *testing.T) {
	inSalon(t, nil, func(t *testing.T, n *peertest.Network, host, guest *peertest.Node) {
		if err := host.Handle("slow", func(context.Context, *peernet.Request) (any, error) { time.Sleep(time.Second); return nil, nil }, peernet.Guests()); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- comeAsGuest(t, host, guest, "slow") }()
		synctest.Wait()
		host.Stop()
		if err := <-ended; err != nil {
			t.Errorf("the call that ran: %v", err)
		}
		if err := comeAsGuest(t, host, guest, "open"); !errors.Is(err, peernet.ErrUnreachable) {
			t.Errorf("after the shutdown: %v", err)
		}
	})
}

func TestGuestsAreRefusedWhereTheyCannotBe(t *testing.T) {
	n := startNode(t, peernet.Config{Private: true})
	if err := n.Handle("open", echo, peernet.Guests()); err == nil {
		t.Error("a private node serves guests")
	}
	n = startNode(t, peernet.Config{})
	err := peernet.HandleStream(n, "stream", func(context.Context, peernet.Caller, string, *peernet.Out[string]) error { return nil }, peernet.Guests())
	if err == nil {
		t.Error("guests have streams")
	}
	if _, err := n.Listen("tcp", peernet.Guests()); err == nil {
		t.Error("guests have connections")
	}
	if len(n.Handlers()) > 0 {
		t.Errorf("handlers %q", n.Handlers())
	}
}

func TestCallAsGuestFailsAtTheRightStep(t *testing.T) {
	inSalon(t, nil, func(t *testing.T, n *peertest.Network, host, guest *peertest.Node) {
		var none identity.PublicKey
		at := host.Addr().String()
		for name, c := range map[string]struct {
			addr string
			key  identity.PublicKey
			want error
		}{
			"own key":     {at, guest.PublicKey(), peernet.ErrSelf},
			"own address": {guest.Addr().String(), none, peernet.ErrSelf},
			"another key": {at, peertest.KeyPair("nobody").PublicKey(), peernet.ErrWrongKey},
			"nobody":      {"10.0.0.77:7100", none, peernet.ErrUnreachable},
		} {
			if _, _, err := guest.CallAsGuest(t.Context(), c.addr, c.key, "open", nil); !errors.Is(err, c.want) || peernet.Sent(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, _, err := guest.CallAsGuest(t.Context(), "no port", none, "open", nil); err == nil {
			t.Error("an address without a port works")
		}
		if _, key, err := guest.CallAsGuest(t.Context(), net.JoinHostPort("host", "7100"), host.PublicKey(), "open", nil); err != nil || key != host.PublicKey() {
			t.Errorf("by its name: %v, %v", key, err)
		}
		for name, option := range map[string]peernet.CallOption{"WaitForReady": peernet.WaitForReady(), "AtOnce": peernet.AtOnce(3), "Window": peernet.Window(1 << 20)} {
			_, _, err := guest.CallAsGuest(t.Context(), at, none, "open", nil, option)
			if err == nil || !strings.Contains(err.Error(), "leave WaitForReady, AtOnce and Window out") || peernet.Sent(err) || peernet.Retryable(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := guest.CallAsGuest(ctx, at, none, "wait", nil); !errors.Is(err, context.DeadlineExceeded) || !peernet.Sent(err) {
			t.Errorf("after its deadline: %v", err)
		}
	})
}
