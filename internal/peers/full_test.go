package peers

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
)

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
					if p.known(name) == nil {
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
