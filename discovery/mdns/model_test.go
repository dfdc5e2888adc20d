package mdns

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// A saying is what a node says on one interface.
type saying struct {
	port  uint16
	addrs map[string]time.Time // when each was said last
	bye   time.Time            // when its goodbye counts; zero: it has said none since
}

// TestWhatIsToldAgreesWithWhatWasSaid plays random packets from nodes that follow the protocol, and compares the
// presences that the sightings make, expired by their TTL, with a list of what each node said last on each interface.
func TestWhatIsToldAgreesWithWhatWasSaid(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	f := newFixture(t)
	type source struct {
		n  int
		on int
	}
	said := make(map[source]*saying)
	says := func(at source, one fact) {
		s := said[at]
		if s == nil {
			s = &saying{port: one.port, addrs: make(map[string]time.Time)}
			said[at] = s
		}
		s.bye = time.Time{}
		for _, a := range one.addrs {
			s.addrs[a] = f.now
		}
	}
	told := make(map[string]time.Time)  // until
	twins := make(map[string]time.Time) // when a twin said so last
	note := func(list []discovery.Sighting) {
		f.check()
		for _, s := range list {
			name := fmt.Sprint(s.Key.Fingerprint(), s.Addr)
			if s.Gone != "" {
				if _, ok := told[name]; !ok {
					t.Fatalf("%s is gone and was not there", name)
				}
				delete(told, name)
				continue
			}
			if s.TTL <= 0 || s.TTL > f.ttl {
				t.Fatalf("TTL %v", s.TTL)
			}
			told[name] = f.now.Add(s.TTL)
		}
	}
	for range 3_000 {
		f.after(time.Duration(random.IntN(3000)) * time.Millisecond)
		note(f.sweep())
		at := source{1 + random.IntN(4), random.IntN(2)}
		on := []discovery.Interface{eth0, eth1}[at.on]
		one := factOf(at.n, fmt.Sprintf("10.%d.0.%d", 77+at.on, at.n*10+random.IntN(2)), fmt.Sprintf("fe80::%d", at.n))
		for at, s := range said {
			maps.DeleteFunc(s.addrs, func(_ string, last time.Time) bool { return f.now.Sub(last) >= f.ttl })
			if len(s.addrs) == 0 || !s.bye.IsZero() && !f.now.Before(s.bye) {
				delete(said, at)
			}
		}
		switch random.IntN(8) {
		case 0:
			note(f.table.hear(f.now, on, read(t, one.goodbye())))
			if s := said[at]; s != nil && s.bye.IsZero() {
				s.bye = f.now.Add(goodbyeGrace)
			}
		case 1: // the same from another machine with this key
			one.name = fmt.Sprintf("twin-%d.%s", at.n, serviceName)
			one.host = fmt.Sprintf("twin-%d.local.", at.n)
			at.n += 10
			says(at, one)
			note(f.table.hear(f.now, on, read(t, one.announcement())))
		default:
			says(at, one)
			note(f.table.hear(f.now, on, read(t, one.answer())))
		}
		// All that was said must be told, for as long as it was said.
		want := make(map[string]time.Time)
		for at, s := range said {
			for a, last := range s.addrs {
				addr := netip.MustParseAddr(a)
				if addr.Is6() {
					addr = addr.WithZone([]string{"eth0", "eth1"}[at.on])
				}
				name := fmt.Sprint(key(at.n%10).Fingerprint(), netip.AddrPortFrom(addr, s.port))
				if at.n > 10 {
					twins[name] = last
				}
				if until := last.Add(f.ttl); until.After(want[name]) {
					want[name] = until
				}
			}
		}
		maps.DeleteFunc(told, func(_ string, until time.Time) bool { return !f.now.Before(until) })
		for name, until := range want {
			if told[name].Before(until) && until.After(f.now) {
				t.Fatalf("%s is told until %v, said until %v", name, told[name], until)
			}
		}
		for name := range told {
			_, ok := want[name]
			shared := twins[name] // what both said, and one took back, holds on when the other falls silent
			if !ok && (shared.IsZero() || f.now.Sub(shared) > 2*f.ttl) {
				t.Fatalf("%s is told, and nobody says so", name)
			}
		}
	}
	if len(told) == 0 {
		t.Error("nothing was told in the end")
	}
}
