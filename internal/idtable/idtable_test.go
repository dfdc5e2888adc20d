package idtable

import (
	"math/rand/v2"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// TestTableAgreesWithAMap runs random operations over ids that count up, that collide and that are anything.
func TestTableAgreesWithAMap(t *testing.T) {
	for name, next := range map[string]func(i int, r *rand.Rand) envelope.CallID{
		"counting":  func(i int, _ *rand.Rand) envelope.CallID { return envelope.CallID(i + 1) },
		"colliding": func(i int, _ *rand.Rand) envelope.CallID { return envelope.CallID(i+1) << 20 },
		"random":    func(_ int, r *rand.Rand) envelope.CallID { return envelope.CallID(r.Uint64N(300) + 1) },
		"largest":   func(i int, _ *rand.Rand) envelope.CallID { return ^envelope.CallID(0) - envelope.CallID(i) },
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var table Table[int]
			want := make(map[envelope.CallID]int)
			var ids []envelope.CallID
			for i := range 10_000 {
				id := next(i, r)
				if want[id] == 0 {
					table.Put(id, i+1)
					want[id] = i + 1
					ids = append(ids, id)
				}
				if r.IntN(3) > 0 || len(ids) > 200 {
					k := r.IntN(len(ids))
					out := ids[k]
					ids = append(ids[:k], ids[k+1:]...)
					if got := table.Take(out); got != want[out] {
						t.Fatalf("Take(%d) = %d, want %d", out, got, want[out])
					}
					delete(want, out)
				}
				if got := table.Get(id); got != want[id] {
					t.Fatalf("Get(%d) = %d, want %d", id, got, want[id])
				}
				n := 0
				table.All(func(int) { n++ })
				if n != len(want) {
					t.Fatalf("All gave %d values, want %d", n, len(want))
				}
			}
			if table.Take(0) != 0 || table.Get(0) != 0 {
				t.Error("id 0 is in the table")
			}
		})
	}
}

// TestTableGrowsWithWhatItHolds has many ids that count up, then few.
func TestTableGrowsWithWhatItHolds(t *testing.T) {
	var table Table[int]
	const most = 1000
	last := envelope.CallID(0)
	for range 3 * most {
		last++
		table.Put(last, 1)
		if last > most {
			table.Take(last - most)
		}
	}
	if len(table.slots) < most || len(table.slots) > 4*most || len(table.more) > 0 {
		t.Errorf("%d ids have %d slots, and %d have none", most, len(table.slots), len(table.more))
	}
	for id := last - most + 1; id <= last; id++ {
		table.Take(id)
	}
	for range 8 * most {
		last++
		table.Put(last, 1)
		table.Take(last)
	}
	if len(table.slots) != leastSlots {
		t.Errorf("one id at a time has %d slots, want %d", len(table.slots), leastSlots)
	}
}

// TestTableDoesNotGrowForIDsThatCollide has ids that would share a slot in any table.
func TestTableDoesNotGrowForIDsThatCollide(t *testing.T) {
	var table Table[int]
	for i := range 1000 {
		table.Put(envelope.CallID(i+1)<<32, 1)
	}
	if len(table.slots) != leastSlots {
		t.Errorf("there are %d slots", len(table.slots))
	}
}
