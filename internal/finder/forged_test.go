package finder

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
)

// announced is how long an announce is believed.
const announced = 15 * time.Second

// A crowd is a table as a node has it, and what somebody has forged of key 1 for a minute: a hundred announces in a second, at
// each of a number of addresses in turn, and at a number of ports of each.
type crowd struct {
	*fixture
	ips, ports int
	n          int
	lost       map[netip.AddrPort]int
	told       int
}

func newCrowd(t *testing.T, seed uint64, ips, ports int) *crowd {
	c := &crowd{fixture: newFixture(t, 1), ips: ips, ports: ports, lost: make(map[netip.AddrPort]int)}
	c.table = newTable()
	c.table.random = rand.New(rand.NewPCG(seed, 0)).IntN
	c.goes(time.Minute)
	return c
}

// goes lets the forger go on for that long. Meanwhile true announces from the addresses in truth are heard every five seconds.
func (c *crowd) goes(long time.Duration, truth ...netip.AddrPort) {
	end, next := c.now.Add(long), c.now
	for c.now.Before(end) {
		if c.n%10 == 0 {
			c.count(c.expire(c.now))
		}
		c.hears(netip.AddrPortFrom(addr(1000+c.n%c.ips).Addr(), uint16(8000+c.n/c.ips%c.ports)))
		c.n++
		if !c.now.Before(next) {
			for _, a := range truth {
				c.hears(a)
			}
			next = next.Add(5 * time.Second)
		}
		c.now = c.now.Add(10 * time.Millisecond)
	}
}

func (c *crowd) hears(a netip.AddrPort) bool {
	changes, room := c.sees("udp", discovery.Sighting{Key: key(1), Addr: a, TTL: announced})
	c.count(changes)
	return room
}

func (c *crowd) count(changes []Change) {
	c.told += len(changes)
	for _, change := range changes {
		if change.Kind == Lost {
			c.lost[change.Addr]++
		}
	}
}

func TestForgedAnnouncesDoNotKeepATrustedPeerOut(t *testing.T) {
	for _, ips := range []int{1, 8, 16, 100, MaxAddressesPerKey - 1} {
		for _, ports := range []int{1, 3, 60_000} {
			t.Run(fmt.Sprintf("%d addresses, %d ports", ips, ports), func(t *testing.T) {
				c := newCrowd(t, 1, ips, ports)
				if !c.hears(addr(1)) {
					t.Error("there is no room for the true address")
				}
				c.goes(2*time.Minute, addr(1))
				if c.lost[addr(1)] > 0 {
					t.Error("the true address is evicted")
				}
				// Each address that has room comes and goes, and is remembered; and so does each that the limiter lets evict another.
				const long = 3 * time.Minute
				if most := 2 * (MaxAddressesPerKey*(1+int(long/(announced+rememberFor))) + evictions.Burst + int(long/evictions.Every)); c.told > most {
					t.Errorf("%d changes were told, want at most %d", c.told, most)
				}
			})
		}
	}
}

// TestForgedPortsDoNotKeepATrustedPeerOut has somebody announce a peer at its own IP address, and other ports.
func TestForgedPortsDoNotKeepATrustedPeerOut(t *testing.T) {
	c := newCrowd(t, 1, 1, MaxAddressesPerKey/candidates.IPShare-1)
	truth := netip.AddrPortFrom(addr(1000).Addr(), 7100) // where the first of the forged addresses is
	if !c.hears(truth) {
		t.Error("there is no room for the true port")
	}
	c.goes(2*time.Minute, truth)
	if c.lost[truth] > 0 {
		t.Error("the true port is evicted")
	}
}

func TestWhatIsHeardAtHomeDoesNotWait(t *testing.T) {
	c := newCrowd(t, 1, 200, 1) // more than there is room for
	c.up(1, addr(1))
	c.down(1)
	c.goes(time.Minute)
	restarted := netip.AddrPortFrom(addr(1).Addr(), 7200)
	if !c.hears(restarted) {
		t.Fatal("a peer that has restarted on another port has to wait")
	}
	c.goes(2*time.Minute, restarted)
	if c.lost[restarted] > 0 {
		t.Error("the restarted peer was evicted")
	}
	entered := 0 // in its turn, this can be forged too
	for port := range uint16(1000) {
		if c.hears(netip.AddrPortFrom(addr(1).Addr(), 9000+port)) {
			entered++
		}
		c.now = c.now.Add(10 * time.Millisecond)
	}
	if most := MaxAddressesPerKey/candidates.IPShare + evictions.Burst + 2; entered > most {
		t.Errorf("%d ports were entered within 10 s, want at most %d", entered, most)
	}
}

// A peer that is where the last session led has to be heard too when it has moved from where that was dialled.
func TestTheEndOfASessionTellsWhereItLed(t *testing.T) {
	f := newFixture(t, 1)
	f.full("udp", time.Hour)
	f.up(1, addr(1))
	f.disconnect(f.now, Disconnected{Key: key(1), Home: addr(2)})
	for i := range 100 {
		f.sees("udp", seen(1, 100+i, time.Hour))
	}
	f.dropped("udp", seen(1, 200, time.Hour))
	f.dropped("udp", at(1, 1, 9, time.Hour))
	f.mustSee("udp", at(1, 2, 9, time.Hour))
}

func TestWhatIsHeardAgainIsNotEvictedByWhatIsHeardOnce(t *testing.T) {
	const seeds = 10
	stayed := 0
	for seed := range uint64(seeds) {
		c := newCrowd(t, seed, 40_000, 1) // each once
		for !c.hears(addr(1)) {           // it is in luck at last
			c.now = c.now.Add(evictions.Every)
		}
		c.goes(time.Minute, addr(1))
		if c.lost[addr(1)] == 0 {
			stayed++
		}
	}
	if stayed < seeds*9/10 {
		t.Errorf("of %d true addresses %d have stayed for a minute", seeds, stayed)
	}
}

func TestAnUntrustedKeyHasLessRoomUntilItIsTrusted(t *testing.T) {
	f := newFixture(t)
	f.table = newTable()
	fill := func() int {
		for i := range 2 * MaxAddressesPerKey {
			f.now = f.now.Add(time.Millisecond)
			f.sees("udp", seen(1, i, time.Hour))
		}
		return len(f.presencesOf(key(1)))
	}
	if n := fill(); n != maxPerUntrusted {
		t.Errorf("%d sightings of an untrusted key, want %d", n, maxPerUntrusted)
	}
	f.trusted = append(f.trusted, 1)
	f.trust(key(1))
	if n := fill(); n != MaxAddressesPerKey {
		t.Errorf("%d sightings of a trusted key, want %d", n, MaxAddressesPerKey)
	}
}

func TestIPAddressesHaveEqualShares(t *testing.T) {
	f := newFixture(t, 1)
	for ip := range 2 {
		for port := range uint16(4) {
			f.mustSee("udp", at(1, 1+ip, 1+port, time.Hour))
		}
	}
	for f.takesEviction() { // until none is left but fair ones
	}
	for ip := range 6 {
		f.mustSee("udp", seen(1, 10+ip, time.Hour)) // from those that have more
	}
	f.dropped("udp", seen(1, 20, time.Hour)) // all have one
	count := map[netip.Addr]int{}
	for _, p := range f.presencesOf(key(1)) {
		count[p.Addr.Addr()]++
	}
	if len(count) != sightingsInTests {
		t.Errorf("%d IP addresses share %d sightings: %v", len(count), sightingsInTests, count)
	}
}

// takesEviction takes one of the evictions of key 1 that the limiter allows, and says whether there was one.
func (f *fixture) takesEviction() bool {
	return f.keys[key(1)].evicted[candidates.Hint].Take(f.now, evictions)
}
