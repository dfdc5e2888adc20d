package peers

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// takePlaces has other peers take every place.
func (r *rig) takePlaces() []*place {
	others := make([]*place, maxDials)
	for i := range others {
		others[i] = &place{post: func(any) {}}
		r.config.places.take(others[i])
	}
	return others
}

// leavePlaces gives back what takePlaces has taken.
func (r *rig) leavePlaces(others []*place) {
	for _, o := range others {
		r.config.places.leave(o)
	}
}

// spend counts as many dials to a hint as are allowed.
func (r *rig) spend(hint netip.AddrPort) {
	r.look(func(p *peer) {
		for p.hints.take(p.Clock.Now(), hintAt(hint)) {
		}
	})
}

// TestAConnectJoinsARoundThatWaits: a lookup has failed, only a hint is left, and no place is free. Once somebody asks, the
// dials to hints are counted anew; if the address was forgotten meanwhile, the round ends with an answer.
func TestAConnectJoinsARoundThatWaits(t *testing.T) {
	for _, test := range []struct {
		isKnown bool
		want    string
	}{{true, "dialling dial x"}, {false, "backing off 250ms =unreachable"}} {
		onRig(t, alone[0], func(r *rig) {
			r.config.LookUp = func(context.Context, string) ([]netip.Addr, error) {
				time.Sleep(time.Second)
				return nil, errNobody
			}
			others := r.takePlaces()
			r.spend(x)
			r.tell(inPeersFile("bob:7100"))
			r.tell(sighted(x))
			time.Sleep(1500 * time.Millisecond)
			synctest.Wait()
			r.look(func(p *peer) {
				if p.round == nil || !p.waiting {
					t.Error("no round waits for its turn")
				}
				if !test.isKnown {
					p.addrs = p.addrs[:1] // others came, and there was no room for it
				}
			})
			r.connect()
			if got := r.outcome(); got != test.want {
				t.Errorf("known %v: %s, want %s", test.isKnown, got, test.want)
			}
			r.leavePlaces(others)
		})
	}
}

// TestAReasonOfTheTurnEndsWithIt: the peer's turn comes, but only a hint is known, which must not be dialled yet.
func TestAReasonOfTheTurnEndsWithIt(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		others := r.takePlaces()
		r.tell(sighted(x))
		r.spend(x)
		r.config.places.leave(others[0])
		synctest.Wait()
		info, _ := r.config.Directory.Info(r.theirs.PublicKey())
		if info.Reason != "no address may be dialled yet" || r.outcome() != "backing off 10s" {
			t.Errorf("%s, %s", r.state(), info.Reason)
		}
		r.leavePlaces(others)
	})
}

// TestEachAddressHasItsTurn: when the peer's turn is over before an address of higher standing answers, the next turn is
// another one's. The first is the first again once it has waited for long, though there are always new ones.
func TestEachAddressHasItsTurn(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		const turn = 6 * time.Second
		var mu sync.Mutex
		var dialled []netip.AddrPort
		r.look(func(p *peer) {
			p.Dial = func(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
				mu.Lock()
				dialled = append(dialled, addr)
				mu.Unlock()
				<-ctx.Done()
				return nil, ctx.Err()
			}
			p.Config.Jitter = func() float64 { return 0 } // each address is due at each turn
		})
		others := r.takePlaces()
		giveTurn := func() {
			others = append(others, &place{post: func(any) {}})
			r.config.places.wait(others[len(others)-1], time.Now())
			r.config.places.leave(others[0]) // for the peer, which waits for longer
			others = others[1:]
			time.Sleep(turn)
			synctest.Wait()
		}
		r.tell(inPeersFile(y.String()))
		r.look(func(p *peer) { p.prove(y) })
		r.tell(inPeersFile(y.String(), z.String()))
		r.tell(sighted(x))
		for range 6 {
			giveTurn()
		}
		if want := []netip.AddrPort{y, z, x, y, z, x}; !slices.Equal(dialled, want) {
			t.Errorf("dialled %v, want %v", dialled, want)
		}
		dialled = nil
		for n := range 12 {
			r.tell(sighted(netip.AddrPortFrom(ip(n), 7100)))
			giveTurn()
		}
		n := 0
		for _, addr := range dialled {
			if addr == y {
				n++
			}
		}
		if n < 2 || n > 4 {
			t.Errorf("in %v %v was dialled %d times, want one of 6 turns at least", dialled, y, n)
		}
		r.leavePlaces(others)
	})
}

// TestAnAddressThatSaysNothingYieldsToo: it takes the connection, and the peer's turn is over before its handshake.
func TestAnAddressThatSaysNothingYieldsToo(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		r.look(func(p *peer) { p.Config.Jitter = func() float64 { return 0 } })
		others := r.takePlaces()
		r.tell(inPeersFile(x.String()))
		r.tell(sighted(y))
		waits := &place{post: func(any) {}}
		r.config.places.leave(others[0])
		r.won(x, "a")
		r.config.places.wait(waits, time.Now())
		time.Sleep(patience + time.Millisecond)
		synctest.Wait()
		r.config.places.leave(others[1])
		r.lost(y)
		r.leavePlaces(append(others, waits))
	})
}
