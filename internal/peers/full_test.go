package peers

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
)

// TestWhatTheOwnerNamesFindsRoom has as many addresses known as a peer keeps, some of which are proven.
func TestWhatTheOwnerNamesFindsRoom(t *testing.T) {
	for _, inFile := range []bool{false, true} {
		for _, isAnnounced := range []bool{false, true} { // else nobody names the others any more
			onRig(t, alone[0], func(r *rig) {
				r.look(func(p *peer) {
					p.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					for i := range maxAddresses {
						a := p.learn(netip.AddrPortFrom(ip(i), 7100), "test", false)
						if a.seen = time.Now(); isAnnounced {
							a.sources = []string{"test"}
						}
						if i < maxProven {
							p.prove(a.addr)
						}
					}
				})
				time.Sleep(time.Hour)
				if inFile {
					r.tell(inPeersFile(texts(addresses)...))
				} else {
					r.connect(addresses...)
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				r.look(func(p *peer) {
					proven := 0
					for _, a := range p.addrs {
						if p.candidate(nil, a).Standing == candidates.Proven {
							proven++
						}
					}
					if len(p.addrs) != maxAddresses || proven != maxProven {
						t.Errorf("%d addresses are known, of which %d are proven", len(p.addrs), proven)
					}
					for _, addr := range addresses {
						if a := p.at(addr); a == nil || a.dialled.IsZero() {
							t.Errorf("in the peers file %v, the others announced %v: %s was not dialled", inFile, isAnnounced, named(addr))
						}
					}
				})
			})
		}
	}
}

// TestAnEditOfThePeersFileMakesRoomFirst: what it takes out does not keep out what it puts in.
func TestAnEditOfThePeersFileMakesRoomFirst(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		r.config.LookUp = func(context.Context, string) ([]netip.Addr, error) { return nil, errNobody }
		for _, prefix := range []string{"a", "b"} {
			var names []string
			for i := range maxNames {
				names = append(names, fmt.Sprintf("%s%d:1", prefix, i))
			}
			r.tell(inPeersFile(names...))
			r.look(func(p *peer) {
				for _, name := range names {
					if p.findText(name) == nil {
						t.Errorf("%s is not looked up", name)
					}
				}
				if len(p.addrs) != maxNames {
					t.Errorf("%d names are known, want %d", len(p.addrs), maxNames)
				}
			})
		}
	})
}

// TestAnAddressReplacesTheNameThatGaveIt: it is not forgotten with the name.
func TestAnAddressReplacesTheNameThatGaveIt(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		r.names(map[string]netip.Addr{"bob": x.Addr()})
		r.tell(inPeersFile("bob:7100"))
		r.lost(x)
		r.tell(inPeersFile(x.String()))
		r.look(func(p *peer) {
			if a := p.at(x); len(p.addrs) != 1 || a == nil || !a.isNamed() {
				t.Errorf("%v are known, want %v", p.addrs, x)
			}
		})
	})
}
