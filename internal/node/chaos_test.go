package node

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

var (
	histories = flag.Int("histories", defaultHistories, "how many random histories TestChaos runs")
	oneSeed   = flag.Int64("seed", -1, "the seed of the one history that TestChaos runs; -1: all of them")
)

// maxFailing is how many histories may fail before the rest are not run.
const maxFailing = 5

// TestChaos lets two to eight nodes connect, call and send while everything happens to them that a network, a machine
// and a person can do to a node, at random. No rule is broken while it happens. When it is over, all nodes that trust each
// other are connected, once, and stay so.
//
// A seed decides keys, jitter and what happens at which time of the history, not how goroutines take turns: a seed
// that fails may need several tries, as with -count.
func TestChaos(t *testing.T) {
	end := uint64(*histories)
	var seed atomic.Uint64 // of the next history
	if *oneSeed >= 0 {
		seed.Store(uint64(*oneSeed))
		end = seed.Load() + 1
	}
	all := make(counts)
	defer nameSlow(&seed)()
	for failing := 0; seed.Load() < end && failing < maxFailing; {
		ok := t.Run(fmt.Sprintf("from seed %d", seed.Load()), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				own := b.warm()
				for n := 0; n < perBubble && seed.Load() < end && !t.Failed(); n++ {
					b.history(seed.Add(1)-1, all, own)
				}
			})
		})
		if !ok {
			failing++
		}
	}
	t.Log(all)
	if *oneSeed < 0 && !t.Failed() {
		all.check(t, *histories)
	}
}

// A chaos is one history.
//
// The plan is drawn and carried out by one goroutine, the driver's. Nothing else draws from the world's randomness, and
// nothing that is drawn depends on what the nodes made of it.
type chaos struct {
	*world
	began     time.Time
	stopped   time.Time // when every node has stopped that is to stop
	agenda    agenda
	all       []*chaosNode
	temper    temper
	names     map[identity.PublicKey]string
	keys      []identity.PublicKey
	cloned    atomic.Bool     // two nodes have had one key at the same time
	talking   context.Context // ends when no call and no send is to begin any more
	hush      func()
	quietFrom time.Time // from then on no call fails

	mu        sync.Mutex // guards the rest, and what the nodes and their lives say
	lines     []line
	shipments []*shipment
	lives     int
	seals     int  // of sessions, at either end
	tampered  bool // bytes were changed
	counts    counts
}

// history runs one history, and adds what happened in it to all. own are the bubble's own goroutines.
func (b *bubble) history(seed uint64, all counts, own goleak.Option) {
	before := runtime.NumGoroutine()
	c := &chaos{world: b.world(seed), began: time.Now(), counts: make(counts)}
	c.talking, c.hush = context.WithCancel(context.Background())
	c.world.log = c.alarmed()
	defer c.report()
	defer c.abandon()
	c.populate()
	c.disturb()
	c.calm()
	if c.settle(); c.Failed() {
		return
	}
	c.finish()
	if runtime.NumGoroutine() != before { // as it happens, also while one is about to end
		if err := goleak.Find(own, goleak.IgnoreTopFunction(parkedIn)); err != nil {
			c.Errorf("seed %d: %v", seed, err)
		}
	}
	for what, n := range c.counts {
		all[what] += n
	}
}

// settle waits for the time that everything may take to be in order again, checks that it is, and stays so for a minute
// in which nothing happens but perhaps calls and sends, and none of them fails.
func (c *chaos) settle() {
	c.Helper()
	time.Sleep(c.bound())
	c.note("to be settled now")
	if c.temper.idle > 0 {
		c.sleeps()
		return
	}
	c.settled()
	c.quietFrom = time.Now()
	if c.temper.hushed {
		c.hush()
		time.Sleep(hushWithin)
	}
	before := c.turns()
	time.Sleep(time.Minute)
	synctest.Wait()
	c.still(before)
	c.settled()
	c.hush()
	time.Sleep(hushWithin)
	c.once()
	c.answered()
}

// hushWithin is how long calls and sends that have begun may take.
const hushWithin = 15 * time.Second

// sleeps is settle for nodes that end unused sessions.
func (c *chaos) sleeps() {
	c.Helper()
	c.hush()
	time.Sleep(time.Minute)
	synctest.Wait()
	c.asleep()
	c.once()
	c.rouse()
	c.settled()
	c.once()
}

// finish ends every node, all at once, and checks that nothing is left.
func (c *chaos) finish() {
	c.Helper()
	for _, n := range c.all {
		n.stops(time.Minute, true)
	}
	for _, n := range c.all {
		<-n.ended
	}
	c.deliveries()
	c.world.end()
}

// abandon ends what a history that failed has left running.
func (c *chaos) abandon() {
	c.hush()
	c.net.HealAll()
	for _, n := range c.all {
		n.host.Restart()
		n.stops(time.Nanosecond, false)
		<-n.ended
	}
}

// warm starts the goroutines that the pool keeps, so that their number tells what a history has left behind. It returns
// those that are there.
func (b *bubble) warm() goleak.Option {
	gate := make(chan struct{})
	for range kit.Parked {
		b.Pool.Go(waits(gate))
	}
	close(gate)
	synctest.Wait()
	return goleak.IgnoreCurrent()
}

// parkedIn is where goroutines of a pool wait for work.
const parkedIn = "github.com/seed-f6ddb928/peernet-go/internal/actorkit.(*Pool).run"

type waits chan struct{}

// Run implements actorkit.Runner.
func (w waits) Run() { <-w }

// nameSlow names the history that runs when one takes so long that it must be going round in circles: what ends the test
// then names none. It is on the real clock, and ends when stop is called.
func nameSlow(next *atomic.Uint64) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		looks := time.NewTicker(time.Minute)
		defer looks.Stop()
		for last := uint64(0); ; last = next.Load() {
			select {
			case <-looks.C:
				if last == next.Load() {
					fmt.Fprintf(os.Stderr, "TestChaos: the history of seed %d has run for a minute\n", last-1)
				}
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// counts are how often each thing happened, by kind.
type counts map[string]int

func (t counts) String() string {
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(&b, "%s %d, ", what, t[what])
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// count counts one more of a kind.
func (c *chaos) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}
