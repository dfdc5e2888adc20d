package node

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

var seeds = flag.Int("seeds", defaultSeeds, "how many histories of two nodes that dial each other at once are run")

// perBubble is how many histories share an actor system.
const perBubble = 25

// TestBothDialAtOnce is wire.md §7.4: whatever the order of things, one session stays, and each side is connected once.
func TestBothDialAtOnce(t *testing.T) {
	crossed := 0
	for first := 0; first < *seeds; first += perBubble {
		inBubble(t, func(t *testing.T, b *bubble) {
			for seed := first; seed < min(first+perBubble, *seeds); seed++ {
				crossed += dialEachOther(b.world(uint64(seed)))
			}
		})
	}
	t.Logf("two sessions at once in %d of %d histories", crossed, *seeds)
	if crossed < *seeds/4 {
		t.Errorf("two sessions at once in %d of %d histories: too few to show anything", crossed, *seeds)
	}
}

// dialEachOther runs a history and returns 1 if there were two sessions for a while.
func dialEachOther(w *world) (crossed int) {
	a, b := w.pair()
	ms := func(n int) time.Duration { return time.Duration(w.rand.IntN(n)) * time.Millisecond }
	switch w.rand.IntN(4) {
	case 0: // no delay at all
	case 1:
		w.net.SetDelay(ms(40), 0)
	case 2:
		w.net.SetDelay(ms(40), ms(100)+1)
	case 3: // a slow line: the arbiter's ping may be in time or not
		w.net.SetDelay(100*time.Millisecond+ms(500), ms(400)+1)
	}
	time.Sleep(time.Second)
	for _, d := range rand.New(rand.NewPCG(w.seed, 1)).Perm(2) {
		if d == 0 {
			a.finds(b)
		} else {
			b.finds(a)
		}
		if w.rand.IntN(2) == 0 {
			time.Sleep(ms(20))
		}
	}
	time.Sleep(time.Minute)
	one(a, b)
	if a.counters.Connections.Load() > 0 && b.counters.Connections.Load() > 0 {
		crossed = 1
	}
	w.end()
	return crossed
}
