package peernet_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A guestFlood is what a hostile guest sends, as fast as one session may. It returns when the connection or ctx ends.
type guestFlood func(ctx context.Context, p *kit.RawPeer)

// guestFloods are the ways of hostile guests.
var guestFloods = map[string]guestFlood{
	"idle":    func(ctx context.Context, _ *kit.RawPeer) { <-ctx.Done() },
	"pings":   floodOf(func(int) ([]byte, error) { return envelope.Msgpack.AppendPing(nil, []byte{1}), nil }),
	"cancels": floodOf(func(id int) ([]byte, error) { return envelope.AppendCancel(nil, envelope.CallID(id)), nil }),
	"calls of unknown names": floodOf(func(id int) ([]byte, error) {
		return envelope.Msgpack.AppendCall(nil, envelope.CallID(id), "x", envelope.Options{}, nil)
	}),
	"calls": floodOf(func(id int) ([]byte, error) {
		return envelope.Msgpack.AppendCall(nil, envelope.CallID(id), "echo", envelope.Options{}, "x")
	}),
	"single bytes": func(ctx context.Context, p *kit.RawPeer) {
		b, err := envelope.Msgpack.AppendSend(nil, "x", make([]byte, 60_000))
		for err == nil {
			for _, one := range p.Frames(b) {
				if _, err = p.Conn.Write([]byte{one}); err != nil || ctx.Err() != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		}
	},
}

// floodOf sends thirty frames each 30 ms: a thousand a second, which one guest may.
func floodOf(of func(id int) ([]byte, error)) guestFlood {
	return func(ctx context.Context, p *kit.RawPeer) {
		for id := 0; ctx.Err() == nil; {
			var frames [][]byte
			for range 30 {
				id++
				b, err := of(id)
				if err != nil {
					return
				}
				frames = append(frames, b)
			}
			time.Sleep(30 * time.Millisecond)
			if _, err := p.Conn.Write(p.Frames(frames...)); err != nil {
				return
			}
		}
	}
}

// hostileGuest comes as a guest over conn, floods and reads.
func hostileGuest(ctx context.Context, tb testing.TB, conn net.Conn, seed byte, flood guestFlood) {
	tb.Helper()
	defer conn.Close()
	p := kit.NewRawPeer(tb, conn, handshake.Initiator, kit.KeyPair(seed), kit.KeyPair(0).PublicKey())
	p.BeginAsGuest(kit.KeyPair(seed))
	p.Handshake()
	p.Write(p.Frames(envelope.AppendHello(nil, envelope.Hello{Version: 1}), envelope.Msgpack.AppendPing(nil, []byte{1})))
	var join sync.WaitGroup
	join.Go(func() { _, _ = io.Copy(io.Discard, conn) })
	flood(ctx, p)
	_ = conn.Close()
	join.Wait()
}

// BenchmarkPeerCallsBesideHostileGuests prints what 64 guests, each at the pace that is allowed to one, cost a peer's calls: compare
// each with idle. The guests' own work on this machine is in it.
func BenchmarkPeerCallsBesideHostileGuests(b *testing.B) {
	for name, flood := range guestFloods {
		b.Run(name, func(b *testing.B) {
			host, peer := pairOf(b, peernet.Config{Limits: peernet.Limits{GuestsPerSource: 64}, Timing: peernet.Timing{GuestIdle: time.Minute}}, peernet.Config{})
			handle(b, host, "echo", echo, peernet.Guests())
			ctx, cancel := context.WithCancel(b.Context())
			var join sync.WaitGroup
			for i := range 64 {
				conn, err := net.Dial("tcp", host.Addrs()[0].String())
				if err != nil {
					b.Fatal(err)
				}
				join.Go(func() { hostileGuest(ctx, b, conn, byte(1+i), flood) })
			}
			time.Sleep(2 * time.Second)
			before := host.Stats().Guests.FramesIn
			for b.Loop() {
				if _, err := peer.Call(ctx, host.PublicKey(), "echo", "x"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(host.Stats().Guests.FramesIn-before)/b.Elapsed().Seconds(), "guestframes/s")
			b.ReportMetric(float64(host.Stats().Guests.Sessions), "guests")
			cancel()
			_ = host.Shutdown(context.Background())
			join.Wait()
		})
	}
}
