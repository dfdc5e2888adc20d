package listener

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// A table is strangers with ids that the test chooses, and a clock that goes on by itself.
type table struct {
	*strangers
	now time.Time
}

func newTable(most, mostPerSource int) *table {
	return &table{newStrangers(limit{"all", most}, limit{"per source", mostPerSource}), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (c *table) add(id, from string) (evicted string) {
	c.now = c.now.Add(time.Millisecond)
	evicted, _ = c.strangers.add(id, limiter.SourceOf(addr(from)), c.now)
	return evicted
}

// size checks that both indexes of the table agree, and returns how many strangers there are.
func (c *table) size(t *testing.T) int {
	t.Helper()
	n := 0
	for source, list := range c.bySource {
		if len(list) == 0 || len(list) > c.perSource.value {
			t.Fatalf("%d strangers of %v", len(list), source)
		}
		for i, s := range list {
			if c.byID[s.id] != s || s.source != source || i > 0 && s.since.Before(list[i-1].since) {
				t.Fatalf("stranger %q of %v is not where it belongs", s.id, source)
			}
		}
		n += len(list)
	}
	if n != len(c.byID) || n > c.all.value {
		t.Fatalf("%d strangers by source, %d by id, at most %d are allowed", n, len(c.byID), c.all.value)
	}
	return n
}

func TestOldestOfTheLargestSourceIsEvicted(t *testing.T) {
	type arrival struct{ id, from, evicted string }
	for _, test := range []struct {
		name                string
		most, mostPerSource int
		arrivals            []arrival
	}{
		{"there is room", 3, 2, []arrival{{"a", "10.0.0.1", ""}, {"b", "10.0.0.1", ""}, {"c", "10.0.0.2", ""}}},
		{"the oldest of a source that is full", 9, 2, []arrival{
			{"a", "10.0.0.2", ""}, {"b", "10.0.0.1", ""}, {"c", "10.0.0.1", ""}, {"d", "10.0.0.1", "b"}, {"e", "10.0.0.1", "c"}}},
		{"the oldest of the source that has most", 4, 9, []arrival{
			{"a", "10.0.0.1", ""}, {"b", "10.0.0.2", ""}, {"c", "10.0.0.2", ""}, {"d", "10.0.0.3", ""}, {"e", "10.0.0.4", "b"}}},
		{"also if the newcomer is of that source", 3, 9, []arrival{
			{"a", "10.0.0.1", ""}, {"b", "10.0.0.2", ""}, {"c", "10.0.0.2", ""}, {"d", "10.0.0.2", "b"}}},
		{"of sources that have as many, the one whose oldest is older", 4, 9, []arrival{
			{"a", "10.0.0.1", ""}, {"b", "10.0.0.2", ""}, {"c", "10.0.0.2", ""}, {"d", "10.0.0.1", ""}, {"e", "10.0.0.3", "a"}}},
		{"of sources that have one each, the oldest", 2, 9, []arrival{
			{"a", "10.0.0.1", ""}, {"b", "10.0.0.2", ""}, {"c", "10.0.0.3", "a"}, {"d", "10.0.0.4", "b"}}},
		{"the addresses of one /64 are one source", 9, 2, []arrival{
			{"a", "2001:db8::1", ""}, {"b", "2001:db8::ffff:0:0:1", ""}, {"c", "2001:db8:0:1::1", ""}, {"d", "2001:db8::2", "a"}}},
		{"IPv4 in its IPv6 form is IPv4", 9, 1, []arrival{
			{"a", "10.0.0.1", ""}, {"b", "::ffff:10.0.0.2", ""}, {"c", "::ffff:10.0.0.1", "a"}}},
		{"zones do not count", 9, 1, []arrival{{"a", "fe80::1%eth0", ""}, {"b", "fe80::2%eth1", "a"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTable(test.most, test.mostPerSource)
			for _, a := range test.arrivals {
				if got := c.add(a.id, a.from); got != a.evicted {
					t.Fatalf("%s from %s evicts %q, want %q", a.id, a.from, got, a.evicted)
				}
				c.size(t)
			}
		})
	}
}

// TestSomeOfACrowdHaveTimeForTheirHandshake: others than those are evicted, and they too once they had their time.
func TestSomeOfACrowdHaveTimeForTheirHandshake(t *testing.T) {
	c := newTable(64, 8)
	start, evicted := c.now, make(map[string]time.Duration)
	for i := range 3000 { // one each millisecond
		if id := c.add(fmt.Sprint(i), "10.0.0.1"); id != "" {
			n, err := strconv.Atoi(id)
			if err != nil {
				t.Fatal(err)
			}
			evicted[id] = c.now.Sub(start) - time.Duration(n+1)*time.Millisecond
		}
	}
	long := 0
	for _, lasted := range evicted {
		if lasted >= time.Second {
			long++
		} else if lasted > 8*time.Millisecond {
			t.Errorf("one was evicted after %v", lasted)
		}
	}
	if long != 2*2 { // two in each full second
		t.Errorf("%d had a second, want 4", long)
	}
}

func TestInvalidAddressesAreOneSource(t *testing.T) {
	c := newTable(9, 1)
	if got, _ := c.strangers.add("a", limiter.SourceOf(netip.Addr{}), c.now); got != "" {
		t.Errorf("evicted %q", got)
	}
	if got, _ := c.strangers.add("b", limiter.SourceOf(netip.Addr{}), c.now); got != "a" {
		t.Errorf("evicted %q, want a", got)
	}
}

func TestAuthenticationMakesRoom(t *testing.T) {
	c := newTable(2, 2)
	c.add("a", "10.0.0.1")
	c.add("b", "10.0.0.1")
	c.remove("a")
	c.remove("a")
	c.remove("never there")
	if got := c.add("c", "10.0.0.1"); got != "" {
		t.Errorf("evicted %q", got)
	}
	c.remove("b")
	c.remove("c")
	if n := c.size(t); n != 0 || len(c.bySource) != 0 {
		t.Errorf("%d strangers and %d sources are left", n, len(c.bySource))
	}
}

// TestAFloodKeepsNoPeerOut is the fairness that wire.md §9 asks for: a stranger from another source than the flood stays.
func TestAFloodKeepsNoPeerOut(t *testing.T) {
	c := newTable(maxStrangers, maxPerSource)
	if evicted := c.add("honest", "192.0.2.1"); evicted != "" {
		t.Fatalf("evicted %q", evicted)
	}
	for i := range 10_000 {
		from := fmt.Sprintf("10.0.0.%d", i%16)
		if evicted := c.add(fmt.Sprint(i), from); evicted == "honest" {
			t.Fatalf("evicted by connection %d of the flood", i)
		}
	}
	if n := c.size(t); n != maxStrangers {
		t.Errorf("%d strangers, want %d", n, maxStrangers)
	}
}

func TestStrangersUnderRandomHistories(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		c := newTable(1+r.IntN(20), 1+r.IntN(6))
		there := make(map[string]bool)
		for i := range 2000 {
			id := fmt.Sprint(r.IntN(60))
			if there[id] {
				c.remove(id)
				delete(there, id)
			} else {
				if evicted := c.add(id, fmt.Sprintf("10.0.0.%d", r.IntN(8))); evicted != "" {
					if !there[evicted] {
						t.Fatalf("seed %d, step %d: evicted %q, which is not there", seed, i, evicted)
					}
					delete(there, evicted)
				}
				there[id] = true
			}
			if n := c.size(t); n != len(there) {
				t.Fatalf("seed %d, step %d: %d strangers, want %d", seed, i, n, len(there))
			}
		}
	}
}
