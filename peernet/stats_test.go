package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// coded answers with the code that it is called with.
func coded(_ context.Context, r *peernet.Request) (any, error) {
	var code string
	if err := r.Args().Decode(&code); err != nil {
		return nil, err
	}
	return nil, &peernet.RemoteError{Code: envelope.Code(code)}
}

// until is a handler that waits until its context ends.
func until(ctx context.Context, _ *peernet.Request) (any, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestCallsAreCountedAtBothEndsByHowTheyEnd(t *testing.T) {
	codes := []string{"no_handler", "forbidden", "bad_args", "failed", "internal", "overloaded", "cancelled", "deadline", "too_large"}
	onIsland(t, func(i *island) {
		a, b := i.pair(peernet.Config{}, peernet.Config{})
		handle(i, b, "echo", echo)
		handle(i, b, "coded", coded)
		handle(i, b, "until", until)
		for range 3 {
			if _, err := a.Call(i.Context(), b.PublicKey(), "echo", 1); err != nil {
				i.Fatal(err)
			}
		}
		want := make(map[string]uint64)
		for n, code := range codes {
			for range n + 1 {
				if _, err := a.Call(i.Context(), b.PublicKey(), "coded", code); err == nil {
					i.Fatal("no error")
				}
			}
			want[code] = uint64(n + 1)
		}
		a.Call(i.Context(), b.PublicKey(), "nothing", nil)
		want["no_handler"]++
		for n := range 1000 { // no peer can make the codes many
			a.Call(i.Context(), b.PublicKey(), "coded", fmt.Sprintf("odd-%d", n))
		}
		want["other"] = 1000
		out, in := i.with(a, b).CallsOut, i.with(b, a).CallsIn
		expected := peernet.CallStats{OK: 3, Errors: want}
		if !reflect.DeepEqual(out, expected) || !reflect.DeepEqual(in, expected) {
			t.Errorf("out %+v\nin  %+v\nwant %+v", out, in, expected)
		}
		if n := out.Ended(); n != 3+45+1+1000 {
			t.Errorf("%d ended", n)
		}
		for name, idle := range map[string]peernet.CallStats{"in at the caller": i.with(a, b).CallsIn, "out at the other": i.with(b, a).CallsOut} {
			if idle.Ended() != 0 || idle.InFlight != 0 {
				t.Errorf("%s: %+v", name, idle)
			}
		}

		// A call whose caller gives up: the handler's context ends, and so it answers.
		ctx, cancel := context.WithCancel(i.Context())
		go func() {
			synctest.Wait()
			if out, in := i.with(a, b).CallsOut, i.with(b, a).CallsIn; out.InFlight != 1 || in.InFlight != 1 {
				t.Errorf("in flight: %d out, %d in; want 1, 1", out.InFlight, in.InFlight)
			}
			cancel()
		}()
		if _, err := a.Call(ctx, b.PublicKey(), "until", nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		want["cancelled"]++
		expected.Abandoned = 1
		if out := i.with(a, b).CallsOut; out.Abandoned != 1 || out.InFlight != 0 || out.Errors["cancelled"] != want["cancelled"]-1 {
			t.Errorf("out %+v", out)
		}
		if in := i.with(b, a).CallsIn; !maps.Equal(in.Errors, want) || in.InFlight != 0 || in.Abandoned != 0 {
			t.Errorf("in %+v, want %v", in, want)
		}

		// A call whose link is lost.
		go func() {
			synctest.Wait()
			i.distrust(b, a)
		}()
		if _, err := a.Call(i.Context(), b.PublicKey(), "until", nil); !errors.Is(err, peernet.ErrLinkLost) {
			t.Error(err)
		}
		if out := i.with(a, b).CallsOut; out.Lost != 1 || out.InFlight != 0 {
			t.Errorf("out %+v", out)
		}
		// A call that cannot be made is not counted.
		before := i.with(a, b).CallsOut.Ended()
		a.Call(i.Context(), b.PublicKey(), "echo", nil)
		a.Call(i.Context(), b.PublicKey(), "echo", make([]byte, 2<<20))
		if n := i.with(a, b).CallsOut.Ended(); n != before {
			t.Errorf("%d calls were counted that were not made", n-before)
		}
	})
}

func TestWhatLimitsRefuseIsCounted(t *testing.T) {
	onIsland(t, func(i *island) {
		a, b := i.pair(peernet.Config{}, peernet.Config{Limits: peernet.Limits{CallsPerPeer: 2, SendsPerPeer: 3}})
		release := make(chan struct{})
		handle(i, b, "hold", func(context.Context, *peernet.Request) (any, error) {
			<-release
			return nil, nil
		})
		payload := make([]byte, 1000)
		for range 5 {
			go a.Call(i.Context(), b.PublicKey(), "hold", payload)
		}
		for range 7 {
			if err := a.Send(i.Context(), b.PublicKey(), "hold", payload); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Send(i.Context(), b.PublicKey(), "nothing", nil); err != nil {
			t.Fatal(err)
		}
		s := i.with(b, a)
		if s.Refused != 3 || s.CallsIn.Errors["overloaded"] != 3 || s.CallsIn.InFlight != 2 {
			t.Errorf("calls: %d refused, %+v", s.Refused, s.CallsIn)
		}
		if s.SendsIn != 8 || s.Dropped != 4 || s.Unhandled != 1 {
			t.Errorf("sends: %d in, %d dropped, %d unhandled; want 8, 4, 1", s.SendsIn, s.Dropped, s.Unhandled)
		}
		if want := (2 + 3) * (len(payload) + 3); s.QueuedIn != want { // 3 bytes say how long the payload is
			t.Errorf("%d bytes queued in, want %d", s.QueuedIn, want)
		}
		if s := i.with(a, b); s.SendsOut != 8 {
			t.Errorf("%d sends out", s.SendsOut)
		}
		close(release)
		if s := i.with(b, a); s.QueuedIn != 0 || s.CallsIn.InFlight != 0 || s.CallsIn.OK != 2 {
			t.Errorf("in the end: %+v", s)
		}
	})
}

func TestWhatOneEndWritesTheOtherReads(t *testing.T) {
	onIsland(t, func(i *island) {
		a, b := i.pair(peernet.Config{}, peernet.Config{})
		handle(i, b, "echo", echo)
		before := i.with(a, b)
		for _, size := range []int{10, 100_000, 900_000} {
			if _, err := a.Call(i.Context(), b.PublicKey(), "echo", make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
		x, y := i.with(a, b), i.with(b, a)
		if x.BytesOut != y.BytesIn || x.BytesIn != y.BytesOut || x.FramesOut != y.FramesIn || x.FramesIn != y.FramesOut {
			t.Errorf("%+v\n%+v", x.Traffic, y.Traffic)
		}
		// Large arguments travel in parts. A frame has 4 bytes of header, 16 of tag, and those about the arguments or the part.
		frames := x.FramesOut - before.FramesOut
		if least := uint64(1 + 1_000_000/(32<<10)); frames < least || frames > 8*least {
			t.Errorf("%d frames, want at least %d", frames, least)
		}
		if n := x.BytesOut - before.BytesOut; n < 1_000_010+frames*20 || n > 1_000_010+frames*50 {
			t.Errorf("%d bytes in %d frames for 1,000,010 of arguments", n, frames)
		}
		// A peer does not read: the stats tell how much waits.
		i.net.SetTrickle(1, time.Hour)
		for range 3 {
			if err := a.Send(i.Context(), b.PublicKey(), "nothing", make([]byte, 100_000)); err != nil {
				t.Fatal(err)
			}
		}
		if s := i.with(a, b); s.QueuedOut < 300_000 || s.QueuedOut > 300_100 {
			t.Errorf("%d bytes queued", s.QueuedOut)
		}
		i.net.SetTrickle(0, 0)
	})
}

// TestCallsThatWaitInVainForRoomAreAbandoned: the numbers show a peer that does not read.
func TestCallsThatWaitInVainForRoomAreAbandoned(t *testing.T) {
	onIsland(t, func(i *island) {
		a, b := i.pair(peernet.Config{Limits: peernet.Limits{QueueBytes: 1 << 20}}, peernet.Config{})
		i.net.SetTrickle(1, time.Hour)
		ctx, cancel := context.WithTimeout(i.Context(), time.Second)
		defer cancel()
		unsent := 0
		var join sync.WaitGroup
		errs := make(chan error, 5)
		for range cap(errs) {
			join.Go(func() {
				_, err := a.Call(ctx, b.PublicKey(), "nothing", make([]byte, 900_000))
				errs <- err
			})
		}
		join.Wait()
		close(errs)
		for err := range errs {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if !peernet.Sent(err) {
				unsent++
			}
		}
		if s := i.with(a, b).CallsOut; s.Abandoned != 5 || s.InFlight != 0 || unsent == 0 {
			t.Errorf("%d of 5 were not sent: %+v", unsent, s)
		}
		i.net.SetTrickle(0, 0)
	})
}

func TestSessionsDialsAndHandshakesAreCountedByHowTheyEnd(t *testing.T) {
	onIsland(t, func(i *island) {
		timing := peernet.Timing{Handshake: 10 * time.Second}
		a, b := i.pair(peernet.Config{}, peernet.Config{Timing: timing})
		time.Sleep(time.Minute) // pings
		s := i.with(a, b)
		if s.Sessions != 1 || s.SessionsMade != 1 || len(s.SessionsEnded) != 0 || s.Dials != 1 || s.DialsFailed != 0 || s.State != peernet.StateConnected {
			t.Errorf("connected: %+v", s)
		}
		if s := i.with(b, a); s.Sessions != 1 || s.Dials != 0 {
			t.Errorf("the other end: %+v", s)
		}

		// A stranger, a silent one, one that talks nonsense, one that leaves.
		stranger := shakeRaw(i, i.keys(), b, i.dial(b))
		stranger.read() // that it is refused
		stranger.Conn.Close()
		silent := i.dial(b)
		if _, err := i.dial(b).Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		i.dial(b).Close()
		synctest.Wait()
		if all := b.Stats(); all.Accepted != 5 || all.Strangers != 1 {
			t.Errorf("accepted %d, strangers %d; want 5, 1; %v", all.Accepted, all.Strangers, all.HandshakesIn)
		}
		time.Sleep(timing.Handshake)
		synctest.Wait()
		silent.Close()
		want := map[string]uint64{"ok": 1, "not_trusted": 1, "timeout": 1, "bad_message": 1, "failed": 1}
		if all := b.Stats(); !maps.Equal(all.HandshakesIn, want) || all.Strangers != 0 || len(all.HandshakesOut) != 0 {
			t.Errorf("in %v, want %v; out %v, strangers %d", all.HandshakesIn, want, all.HandshakesOut, all.Strangers)
		}

		// The peer unpairs the node, refuses it, and stops.
		i.distrust(b, a)
		if s := i.with(a, b); s.Sessions != 0 || !maps.Equal(s.SessionsEnded, map[string]uint64{"revoked": 1}) {
			t.Errorf("after the end: %+v", s)
		}
		if err := a.Connect(i.Context(), b.PublicKey(), b.Addrs()[0].String()); !errors.Is(err, peernet.ErrRefused) {
			t.Error(err)
		}
		other := i.keys().PublicKey()
		if err := a.Pair(other, ""); err != nil {
			t.Fatal(err)
		}
		if err := a.ConnectOnce(i.Context(), other, b.Addrs()[0].String()); !errors.Is(err, peernet.ErrWrongKey) {
			t.Error(err)
		}
		if err := a.Connect(i.Context(), other, netip.AddrPortFrom(a.Addrs()[0].Addr(), 1).String()); err == nil {
			t.Error("connected to no node")
		}
		synctest.Wait()
		all := a.Stats()
		if want := map[string]uint64{"ok": 1, "refused": 1, "wrong_key": 1}; !maps.Equal(all.HandshakesOut, want) {
			t.Errorf("out %v, want %v", all.HandshakesOut, want)
		}
		if all.Total.Dials != 3 || all.Total.DialsFailed != 1 {
			t.Errorf("dials %d, failed %d; want 3, 1", all.Total.Dials, all.Total.DialsFailed)
		}
	})
}

func TestRoundTripsAreTheLastAndTheirMean(t *testing.T) {
	onIsland(t, func(i *island) {
		a, b := i.pair(peernet.Config{}, peernet.Config{})
		if s := i.with(a, b); s.RTT != 0 || s.SmoothedRTT != 0 {
			t.Errorf("without a delay: %v, %v", s.RTT, s.SmoothedRTT)
		}
		ping := func(oneWay time.Duration) {
			i.net.SetDelay(oneWay, 0)
			if _, err := a.Ping(i.Context(), b.PublicKey()); err != nil {
				t.Fatal(err)
			}
		}
		ping(40 * time.Millisecond)
		ping(80 * time.Millisecond)
		if s := i.with(a, b); s.RTT != 160*time.Millisecond || s.SmoothedRTT != 90*time.Millisecond {
			t.Errorf("%v, %v; want 160ms, 90ms", s.RTT, s.SmoothedRTT)
		}
	})
}

func TestTotalsNeverGoBackWhenPeersAreUnpaired(t *testing.T) {
	onIsland(t, func(i *island) {
		a, b := i.pair(peernet.Config{}, peernet.Config{})
		handle(i, b, "echo", echo)
		for round := range uint64(3) {
			for range 10 {
				if _, err := a.Call(i.Context(), b.PublicKey(), "echo", 1, peernet.WaitForReady()); err != nil {
					t.Fatal(err)
				}
			}
			if s, all := i.with(a, b), a.Stats().Total; s.CallsOut.OK != 10 || all.CallsOut.OK != 10*(round+1) {
				t.Errorf("round %d: %d, of all %d", round, s.CallsOut.OK, all.CallsOut.OK)
			}
			before := a.Stats().Total
			i.distrust(a, b)
			synctest.Wait()
			after := a.Stats()
			if len(after.Peers) != 0 || after.Total.Sessions != 0 {
				t.Errorf("round %d: after the end %+v", round, after)
			}
			if after.Total.CallsOut.OK != before.CallsOut.OK || after.Total.BytesIn < before.BytesIn || after.Total.SessionsEnded["revoked"] != round+1 {
				t.Errorf("round %d: %+v, before %+v", round, after.Total, before)
			}
			if err := a.Pair(b.PublicKey(), "again"); err != nil {
				t.Fatal(err)
			}
			if s := i.with(a, b); s.CallsOut.Ended() != 0 || s.BytesIn != 0 || s.Label != "again" {
				t.Errorf("round %d: paired again: %+v", round, s)
			}
			if err := a.Connect(i.Context(), b.PublicKey(), b.Addrs()[0].String()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestEventsThatAreLostToSlowSubscribersAreCounted(t *testing.T) {
	onIsland(t, func(i *island) {
		n := i.node(peernet.Config{})
		_, _ = n.Events(i.Context()), n.Events(i.Context())
		var key identity.PublicKey
		for range 150 {
			key = i.keys().PublicKey()
			if err := n.Pair(key, ""); err != nil {
				t.Fatal(err)
			}
			i.unpair(n, key)
		}
		if lost := n.Stats().EventsLost; lost != 2*(300-256) {
			t.Errorf("%d events lost, want %d", lost, 2*(300-256))
		}
	})
}

// A countingProvider is one that counts.
type countingProvider struct{ *manual.Provider }

func (countingProvider) Counts() map[string]uint64 { return map[string]uint64{"heard": 7} }

func TestProvidersTellWhatTheyCount(t *testing.T) {
	onIsland(t, func(i *island) {
		n := i.node(peernet.Config{Discovery: []discovery.Provider{manual.New(), countingProvider{manual.New()}, manual.New()}})
		synctest.Wait()
		s := n.Stats()
		if len(s.Discovery) != 3 || s.Discovery[0].Counts != nil || !maps.Equal(s.Discovery[1].Counts, map[string]uint64{"heard": 7}) || s.Discovery[2].Counts != nil {
			t.Errorf("%+v", s.Discovery)
		}
	})
}

func TestUptimeBeginsWithTheStart(t *testing.T) {
	onIsland(t, func(i *island) {
		n, err := peernet.New(peernet.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if s := n.Stats(); s.Uptime != 0 || len(s.Peers) != 0 {
			t.Errorf("before the start: %+v", s)
		}
		n = i.node(peernet.Config{})
		time.Sleep(time.Minute)
		if s := n.Stats(); s.Uptime != time.Minute || !s.At.Equal(time.Now()) {
			t.Errorf("up for %v at %v", s.Uptime, s.At)
		}
	})
}
