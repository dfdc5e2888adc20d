package peers

import (
	"context"
	"net/netip"
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
