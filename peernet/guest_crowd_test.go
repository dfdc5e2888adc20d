package peernet_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// guestsAMinute is a crowd that must not disturb peers.
const guestsAMinute = 1000

// TestCrowdOfGuestsHoldsNoMoreThanItsLimits has a thousand guests in a minute, each of whom makes a call that takes a second, while
// a peer calls. Those beyond the places are told `busy`; a peer's call costs no time, and in the end nothing is left.
func TestCrowdOfGuestsHoldsNoMoreThanItsLimits(t *testing.T) {
	const places = 8 // all guests come from one address
	synctest.Test(t, func(t *testing.T) {
		n := peertest.NewNetwork(t)
		handle := func(n *peernet.Node) error {
			return n.Handle("slow", func(ctx context.Context, r *peernet.Request) (any, error) {
				if r.Caller().Guest {
					time.Sleep(time.Second)
				}
				return r.Args(), nil
			}, peernet.Guests())
		}
		host, peer, guest := n.Node("host", peertest.Setup(handle)), n.Node("peer"), n.Node("guest")
		n.Trust(host, peer)
		n.Connect(host, peer)
		served, busy := make(chan bool, guestsAMinute), 0
		for i := range guestsAMinute {
			go func() {
				_, _, err := guest.CallAsGuest(t.Context(), host.Addr().String(), identity.PublicKey{}, "slow", "x")
				served <- err == nil
			}()
			time.Sleep(time.Minute / guestsAMinute)
			if i%10 > 0 {
				continue
			}
			began := time.Now()
			if _, err := peer.Call(t.Context(), host.PublicKey(), "slow", "x"); err != nil || time.Since(began) > 0 {
				t.Errorf("guest %d: a peer's call took %v, %v", i, time.Since(began), err)
			}
			if s := host.Stats(); s.Guests.Sessions > places || s.Guests.QueuedIn > places<<10 {
				t.Fatalf("guest %d: %+v", i, s.Guests)
			}
		}
		for range guestsAMinute {
			if !<-served {
				busy++
			}
		}
		time.Sleep(time.Minute)
		s := host.Stats()
		if most := guestsAMinute - 59*places; busy > most || s.HandshakesIn["busy"] != uint64(busy) {
			t.Errorf("%d guests were busy, at most %d should be; counted %v", busy, most, s.HandshakesIn)
		}
		if s.Guests.Sessions != 0 || s.Guests.QueuedIn != 0 || s.Strangers != 0 || s.Total.CallsIn.OK != guestsAMinute/10 {
			t.Errorf("left over: %+v, %d strangers; peers %+v", s.Guests, s.Strangers, s.Total.CallsIn)
		}
	})
}

// BenchmarkPeerCallsBesideGuests prints what a thousand guests a minute cost a peer's calls: compare the two.
func BenchmarkPeerCallsBesideGuests(b *testing.B) {
	for _, rate := range []int{0, guestsAMinute} {
		b.Run(map[bool]string{false: "alone", true: "beside guests"}[rate > 0], func(b *testing.B) {
			host, peer := pairOf(b, peernet.Config{}, peernet.Config{})
			guest := startNode(b, peernet.Config{})
			handle(b, host, "echo", echo, peernet.Guests())
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for rate > 0 && ctx.Err() == nil {
					_, _, _ = guest.CallAsGuest(ctx, host.Addrs()[0].String(), identity.PublicKey{}, "echo", "x")
					time.Sleep(time.Minute / time.Duration(rate))
				}
			}()
			for b.Loop() {
				if _, err := peer.Call(ctx, host.PublicKey(), "echo", "x"); err != nil {
					b.Fatal(err)
				}
			}
			cancel()
			<-ended
		})
	}
}
