package peers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/trust"
)

// names has the peer of a rig look names up in a table.
func (r *rig) names(table map[string]netip.Addr) {
	r.config.LookUp = func(_ context.Context, host string) ([]netip.Addr, error) { return []netip.Addr{table[host]}, nil }
}

func inPeersFile(addrs ...string) trust.Change {
	var p trust.Peer
	for _, a := range addrs {
		p.Options = append(p.Options, trust.Option{Name: trust.OptionAddr, Value: a})
	}
	return trust.Change{Peer: p}
}

// TestWhatANameGivesWaitsForItsTurn: a lookup needs no place among the dials, what it gives does.
func TestWhatANameGivesWaitsForItsTurn(t *testing.T) {
	for _, asked := range []bool{false, true} {
		onRig(t, alone[0], func(r *rig) {
			r.names(map[string]netip.Addr{"bob": x.Addr()})
			others := make([]*place, maxDials)
			for i := range others {
				others[i] = &place{post: func(any) {}}
				r.config.places.take(others[i])
			}
			r.tell(inPeersFile("bob:7100"))
			info, _ := r.config.Directory.Info(r.theirs.PublicKey())
			if len(r.dials) > 0 || !strings.Contains(info.Reason, "waiting to dial") {
				t.Errorf("%s, %d dials", info.Reason, len(r.dials))
			}
			if asked {
				r.connect()
			} else {
				r.config.places.leave(others[0])
				synctest.Wait()
			}
			r.won(x, "a").shake().says(aHello(1))
			for _, o := range others {
				r.config.places.leave(o)
			}
			if held, queue := len(r.config.places.held), len(r.config.places.queue); held+queue > 0 {
				t.Errorf("%d places are held, %d awaited", held, queue)
			}
			r.outcome()
		})
	}
}

// TestANameThatGivesOthersEachTimeLeavesNoTrail: addresses that it gave before are forgotten, and lookups become rarer.
func TestANameThatGivesOthersEachTimeLeavesNoTrail(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		next, lookups := netip.MustParseAddr("10.0.9.1"), 0
		r.config.LookUp = func(_ context.Context, host string) ([]netip.Addr, error) {
			next, lookups = next.Next(), lookups+1
			return []netip.Addr{next}, nil
		}
		f := r.newField(nil, r.config.Stagger, time.Second)
		r.tell(inPeersFile("bob:7100"))
		time.Sleep(10 * time.Minute)
		r.look(func(p *peer) {
			if len(p.addrs) > 2 || lookups < 20 || lookups > 60 || len(f.dialled) != lookups {
				t.Errorf("%d lookups, %d dials, %d addresses", lookups, len(f.dialled), len(p.addrs))
			}
		})
	})
}

// TestALookupThatWaitsHasItsTimeYet: and one without an answer has less time while another waits.
func TestALookupThatWaitsHasItsTimeYet(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		took := make(chan time.Duration, 2)
		r.config.LookUp = func(ctx context.Context, host string) ([]netip.Addr, error) {
			began := time.Now()
			<-ctx.Done()
			took <- time.Since(began)
			return nil, ctx.Err()
		}
		for range maxLookups {
			r.config.lookups <- struct{}{} // others
		}
		r.tell(inPeersFile("one:1", "two:1"))
		time.Sleep(2 * lookupTimeout)
		if len(took) > 0 {
			t.Error("a name was looked up without a slot, or given up")
		}
		<-r.config.lookups
		for _, want := range []time.Duration{lookupPatience, lookupTimeout} {
			time.Sleep(want)
			synctest.Wait()
			if len(took) != 1 {
				t.Fatalf("%d lookups have ended, want 1", len(took))
			}
			if got := <-took; got != want {
				t.Errorf("a lookup had %v, want %v", got, want)
			}
			reason := fmt.Sprintf("no answer within %v", want)
			r.look(func(p *peer) {
				if !slices.ContainsFunc(p.addrs, func(a *address) bool { return strings.Contains(a.result, reason) }) {
					t.Errorf("no address has the result %q", reason)
				}
			})
		}
	})
}

// TestNamesAreBounded: a long line of the peers file is no way around the bounds.
func TestNamesAreBounded(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		var mu sync.Mutex
		running, most := 0, 0
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
		}
		r.config.LookUp = func(ctx context.Context, host string) ([]netip.Addr, error) {
			count(1)
			defer count(-1)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		var names []string
		for i := range 2 * maxNames {
			names = append(names, strings.Repeat("a", i+1)+":1")
		}
		r.tell(inPeersFile(names...))
		time.Sleep(time.Minute)
		r.look(func(p *peer) {
			mu.Lock()
			defer mu.Unlock()
			if len(p.addrs) != maxNames || most != maxLookups {
				t.Errorf("%d names, %d looked up at once", len(p.addrs), most)
			}
		})
		r.connectTo("connected.example:1")
		r.look(func(p *peer) {
			if len(p.addrs) != maxNames+1 {
				t.Errorf("%d names, want the one of a Connect too", len(p.addrs))
			}
			p.kept = nil
			p.dropSource(p.addrs[maxNames], sourceConnect)
		})
		r.tell(inPeersFile())
		time.Sleep(2 * lookupTimeout)
		r.look(func(p *peer) {
			mu.Lock()
			defer mu.Unlock()
			if len(p.addrs) != 0 || running != 0 {
				t.Errorf("%d names, %d being looked up", len(p.addrs), running)
			}
		})
	})
}

// TestAnAddressThatIsTakenBackIsForgotten: the oldest of those that Connects gave, also in the midst of the round, and those
// that are no longer in the peers file. Without that the peer would be shown at addresses where it is never dialled.
func TestAnAddressThatIsTakenBackIsForgotten(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		r.names(map[string]netip.Addr{"bob": x.Addr()})
		r.newField(nil, r.config.Stagger, time.Second)
		r.tell(inPeersFile("10.0.9.1:1", "10.0.9.2:1"))
		var given []string
		for i := range maxKept + 2 {
			given = append(given, netip.AddrPortFrom(x.Addr(), uint16(i+1)).String())
		}
		r.connectTo(append([]string{"bob:7100"}, given...)...)
		r.tell(inPeersFile("10.0.9.2:1"))
		time.Sleep(time.Minute)
		r.look(func(p *peer) {
			var left []string
			for _, a := range p.addrs {
				left = append(left, a.String())
			}
			if want := append([]string{"10.0.9.2:1"}, given[2:]...); !slices.Equal(left, want) {
				t.Errorf("%v, want %v", left, want)
			}
		})
	})
}
