package node

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

func TestTwoNodesFindEachOtherAndTalk(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		if s := x.state(y); s != peers.Unknown {
			t.Errorf("state before anything is known: %q", s)
		}
		x.finds(y)
		one(x, y)
		if s := x.state(y); s != peers.Connected {
			t.Errorf("state: %q", s)
		}
		if f := only[finder.Change](x); f.Kind != finder.Found || f.Key != y.key || f.Addr != y.addr {
			t.Errorf("told %+v", f)
		}
		info, _ := x.directory.Info(y.key)
		if len(info.Addresses) != 1 || info.Addresses[0].Addr != y.addr || info.Addresses[0].Source != "manual" || info.Addresses[0].LastResult != "connected" {
			t.Errorf("addresses: %+v", info.Addresses)
		}
		if h := x.link(y).Hello(); h.Name != y.name {
			t.Errorf("hello: %+v", h)
		}
		x.manual.Lost(y.key, y.addr)
		one2 := x.link(y)
		time.Sleep(time.Hour)
		if x.link(y) != one2 {
			t.Error("what discovery loses must not end a session")
		}
		w.end()
	})
}

func TestConnectIsAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		stranger := w.node("c")
		for _, test := range []struct {
			name  string
			to    *testNode
			addrs []netip.AddrPort
			want  error
		}{
			{"no address", y, nil, peers.ErrNoAddress},
			{"no node listens there", y, []netip.AddrPort{stranger.addr}, peers.ErrUnreachable},
			{"the address is kept", y, nil, peers.ErrUnreachable},
			{"not trusted", stranger, []netip.AddrPort{stranger.addr}, peers.ErrNotTrusted},
			{"one of several", y, []netip.AddrPort{stranger.addr, y.addr}, nil},
			{"when it is up", y, nil, nil},
		} {
			if err := answer(w, x.connect(test.to, test.addrs...)); !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", test.name, err, test.want)
			}
		}
		one(x, y)
		w.end()
	})
}

func TestConnectDuringARoundIsDialledAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		nowhere := netip.MustParseAddrPort("10.0.0.99:1")
		began := time.Now()
		first := x.connect(y, nowhere)
		time.Sleep(time.Second)
		second := x.connect(y, y.addr)
		for _, done := range []<-chan error{first, second} {
			if err := answer(w, done); err != nil {
				t.Errorf("connect: %v", err)
			}
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
		one(x, y)
		w.end()
	})
}

// TestConnectThatIsAnsweredCanCall: the answer comes when calls can be made, not a moment before.
func TestConnectThatIsAnsweredCanCall(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for seed := range uint64(50) {
			w := b.world(seed)
			x, y := w.pair()
			if err := answer(w, x.connect(y, y.addr)); err != nil {
				t.Fatal(err)
			}
			if err := x.call(y, "echo"); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			w.end()
		}
	})
}

// dialsIn counts the connections that a node accepts in some time.
func dialsIn(d time.Duration, n *testNode) uint64 {
	before := n.counters.Connections.Load()
	time.Sleep(d)
	synctest.Wait()
	return n.counters.Connections.Load() - before
}

func TestWhoIsNotTrustedIsToldAndStaysAway(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.node("x"), w.node("y")
		x.trusts(y)
		x.start()
		y.start()
		err := answer(w, x.connect(y, y.addr))
		if r := (*peers.RefusedError)(nil); !errors.Is(err, peers.ErrRefused) || !errors.As(err, &r) || r.Reason != envelope.ReasonRefused {
			t.Errorf("connect: %v, want a refusal", err)
		}
		if r := only[session.Refused](y); r.Key != x.key {
			t.Errorf("refused %v", r.Key)
		}
		x.finds(y)
		if s := x.state(y); s != peers.BackingOff {
			t.Errorf("state: %q", s)
		}
		// 1, 2, 4, 8 and then 10 minutes, each after the one before.
		if n := dialsIn(time.Hour, y); n != 8 {
			t.Errorf("%d dials in an hour, want 8", n)
		}
		if got, want := y.counters.Results(handshake.Responder), map[string]uint64{"not_trusted": 9}; !maps.Equal(got, want) {
			t.Errorf("handshakes of the one that is dialled: %v, want %v", got, want)
		}
		if got, want := x.counters.Results(handshake.Initiator), map[string]uint64{"refused": 9}; !maps.Equal(got, want) {
			t.Errorf("handshakes of the one that dials: %v, want %v", got, want)
		}
		y.trusts(x)
		if x.link(y) != nil {
			t.Fatal("connected")
		}
		y.finds(x) // trust given is dialled at once
		one(x, y)
		w.end()
	})
}

func TestWhoDoesNotTrustDoesNotDial(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.node("x"), w.node("y")
		x.start()
		y.start()
		x.finds(y)
		if n := dialsIn(time.Hour, y); n != 0 {
			t.Errorf("%d dials", n)
		}
		before := y.counters.Connections.Load()
		x.trusts(y)
		time.Sleep(time.Second)
		synctest.Wait()
		if n := y.counters.Connections.Load() - before; n != 1 { // the finder remembers where it is
			t.Errorf("%d dials once it is trusted, want 1", n)
		}
		w.end()
	})
}

func TestAnotherKeyAtTheAddress(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y, z := w.node("x"), w.node("y"), w.node("z")
		x.trusts(y, z)
		z.trusts(x)
		x.start()
		z.start()
		err := answer(w, x.connect(y, z.addr))
		if wrong := (*handshake.WrongKeyError)(nil); !errors.Is(err, handshake.ErrWrongKey) || !errors.As(err, &wrong) || wrong.Got != z.key || wrong.Want != y.key {
			t.Errorf("connect: %v, want the wrong key", err)
		}
		if errors.Is(err, peers.ErrUnreachable) {
			t.Error("another node answers: that is not unreachable")
		}
		if r := take[session.Refused](z); len(r) != 0 {
			t.Errorf("it was told who calls: %+v", r)
		}
		x.manual.Found(y.key, z.addr)
		if n := dialsIn(time.Hour, z); n < 60 || n > 400 { // 15 s on average
			t.Errorf("%d dials in an hour", n)
		}
		if len(take[peers.Up](x)) != 0 {
			t.Error("connected")
		}
		w.end()
	})
}

func TestAnotherNamespace(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.node("x"), w.node("y")
		x.prologue = "elsewhere"
		x.trusts(y)
		y.trusts(x)
		x.start()
		y.start()
		if err := answer(w, x.connect(y, y.addr)); !errors.Is(err, handshake.ErrMessage2) || !errors.Is(err, peers.ErrUnreachable) {
			t.Errorf("connect: %v, want ErrMessage2", err)
		}
		w.end()
	})
}

func TestTrustTakenAwayEndsACallThatRuns(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for _, byCallee := range []bool{true, false} {
			w := b.world(1)
			x, y := w.pair()
			x.dials(y)
			one(x, y)
			result := make(chan error, 1)
			go func() { result <- x.call(y, "wait") }()
			synctest.Wait()
			taker, other := x, y
			if byCallee {
				taker, other = y, x
			}
			taker.distrusts(other)
			err := answer(w, result)
			if l := (*session.LinkError)(nil); !errors.As(err, &l) || l.Reason != envelope.ReasonRevoked || l.ByPeer != byCallee || !l.Sent {
				t.Errorf("the call: %+v", err)
			}
			if d := only[peers.Down](taker); d.Reason != envelope.ReasonRevoked || d.ByPeer {
				t.Errorf("who took it away: %+v", d)
			}
			if d := only[peers.Down](other); d.Reason != envelope.ReasonRevoked || !d.ByPeer {
				t.Errorf("the other: %+v", d)
			}
			time.Sleep(2 * time.Second)
			if s := w.net.Stats(); s.Conns != 0 {
				t.Errorf("%d ends of connections are open", s.Conns)
			}
			if taker.link(other) != nil || other.link(taker) != nil {
				t.Error("there is still a link")
			}
			// And given again, while its former sessions are hardly over.
			taker.trusts(other)
			taker.dials(other)
			one(x, y)
			w.end()
		}
	})
}

// TestTrustTakenAwayDuringTheHandshake: whenever that is, no session stays.
func TestTrustTakenAwayDuringTheHandshake(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		const delay = 10 * time.Millisecond
		for step := range uint64(24) {
			for _, byInitiator := range []bool{true, false} {
				w := b.world(step)
				x, y := w.pair()
				w.net.SetDelay(delay, 0)
				done := x.connect(y, y.addr)
				time.Sleep(time.Duration(step) * delay / 2)
				taker, other := y, x
				if byInitiator {
					taker, other = x, y
				}
				taker.distrusts(other)
				time.Sleep(5 * time.Second)
				synctest.Wait()
				select {
				case <-done:
				default:
					t.Errorf("step %d: Connect is not answered", step)
				}
				if s := w.net.Stats(); s.Conns != 0 || x.link(y) != nil || y.link(x) != nil {
					t.Errorf("step %d: %d ends of connections are open", step, s.Conns)
				}
				w.end()
			}
		}
	})
}

// TestTrustThatComesAndGoes: Up and Down alternate while sessions end; told checks that.
func TestTrustThatComesAndGoes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for seed := range uint64(8) {
			w := b.world(seed)
			x, y := w.pair()
			w.net.SetDelay(time.Millisecond, 5*time.Millisecond)
			y.finds(x)
			for range 30 {
				x.distrusts(y)
				time.Sleep(time.Duration(w.rand.IntN(30)) * time.Millisecond)
				x.trusts(y)
				x.connect(y, y.addr)
				time.Sleep(time.Duration(w.rand.IntN(60)) * time.Millisecond)
			}
			time.Sleep(time.Minute)
			if x.link(y) == nil || y.link(x) == nil {
				t.Errorf("seed %d: not connected", seed)
			}
			works(x, y)
			w.end()
		}
	})
}

func TestAddressesOfThePeersFileAreDialled(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.node("x"), w.node("y")
		y.trusts(x)
		x.start()
		y.start()
		add := func(addrs ...string) {
			t.Helper()
			options := []trust.Option{}
			for _, a := range addrs {
				options = append(options, trust.Option{Name: trust.OptionAddr, Value: a})
			}
			if err := x.trust.Add(trust.Peer{Key: y.key, Options: options}); err != nil {
				t.Fatal(err)
			}
		}
		add("10.0.0.9:1", y.addr.String()) // no node is at the first
		time.Sleep(time.Second)
		one(x, y)
		add("10.0.0.9:2")
		synctest.Wait()
		info, _ := x.directory.Info(y.key)
		var known []string
		for _, a := range info.Addresses {
			known = append(known, a.Addr.String())
		}
		if want := fmt.Sprint([]string{y.addr.String(), "10.0.0.9:2"}); fmt.Sprint(known) != want {
			t.Errorf("addresses %v, want %v", known, want)
		}
		w.end()
	})
}

// TestSessionThatEndsBeforeItIsAdmittedIsForgotten: the peer's actor is busy until the session has ended by itself.
func TestSessionThatEndsBeforeItIsAdmittedIsForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		slow := func() { time.Sleep(15 * time.Second) } // longer than a handshake may take
		x.asked.Store(&slow)
		if err := answer(w, y.connect(x, x.addr)); err == nil {
			t.Error("connected")
		}
		time.Sleep(time.Minute)
		x.asked.Store(nil)
		time.Sleep(time.Minute)
		y.dials(x)
		works(x, y)
		began := time.Now()
		if err := x.stop(time.Minute); err != nil || time.Since(began) > time.Second {
			t.Errorf("Stop: %v after %v: it waits for a session that is gone", err, time.Since(began))
		}
		w.end()
	})
}

// TestFormerActorHasNoSay: the end of sessions from before trust was taken away and given again is no news.
func TestFormerActorHasNoSay(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		x.dials(y)
		one(x, y)
		moved := w.node("y elsewhere")
		moved.keys, moved.key = y.keys, y.key
		moved.trusts(x)
		moved.start()
		w.net.Cut(x.host, y.host)
		x.distrusts(y) // its bye does not arrive, and so the session lasts for another second
		if d := only[peers.Down](x); d.Reason != envelope.ReasonRevoked || d.Key != y.key {
			t.Errorf("told %+v", d)
		}
		x.trusts(y)
		moved.dials(x)
		only[peers.Up](x)
		time.Sleep(10 * time.Second)
		if d := take[peers.Down](x); len(d) != 0 || x.link(y) == nil {
			t.Errorf("told %+v of a session of before", d)
		}
		w.end()
	})
}

// TestAnnouncesDoNotDecideHowOftenIsDialled: an attacker who announces a key at a new address ten times a second has this node
// dial four of them in ten seconds, and does not keep it from where the peer is.
func TestAnnouncesDoNotDecideHowOftenIsDialled(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		victim := w.node("victim")
		victim.start()
		x.trusts(victim)
		lie := func(seconds int) {
			for range 10 * seconds {
				port := uint16(20_000 + w.rand.IntN(40_000))
				x.manual.Found(y.key, netip.AddrPortFrom(victim.addr.Addr(), port))
				x.manual.Found(y.key, victim.addr)
				x.manual.Lost(y.key, victim.addr)
				time.Sleep(time.Second / 10)
			}
		}
		began := x.dialled.Load()
		lie(60)
		if n := x.dialled.Load() - began; n > 28 {
			t.Errorf("%d dials in a minute, want at most 4 in 10 s", n)
		}
		x.dials(y)
		time.Sleep(time.Minute)
		w.net.Reset(x.host, y.host)
		lie(2)
		if x.link(y) == nil {
			t.Error("not connected again: the lies displaced what a handshake had proved")
		}
		w.end()
	})
}
