package peernet_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

var (
	seeds   = flag.Int("seeds", defaultSeeds, "how many random histories TestCallsRaceWhatEndsThem runs")
	oneSeed = flag.Int64("seed", -1, "the seed of the one history that a test of seeded histories in this package runs; -1: all of them")
)

const (
	perBubble  = 25 // histories that share an actor system
	maxFailing = 5  // bubbles that may fail before the rest are not run
)

// TestCallsRaceWhatEndsThem has two nodes call, send and ping each other while callers give up, deadlines pass, links are
// cut, reset and replaced, trust is withdrawn and nodes shut down, at random. However a call ends, it ends once, at both
// ends, as its caller is told; and nothing is left of it.
//
// A seed decides keys, jitter and what happens at which time of a history, not how goroutines take turns: a seed that
// fails may need several tries, as with -count.
func TestCallsRaceWhatEndsThem(t *testing.T) {
	all := runHistories(t, *seeds, (*history).planCalls)
	if *oneSeed < 0 && *seeds >= 100 && !t.Failed() {
		all.check(t, "done", "given up", "late", "lost", "not begun", "handled", "answered failed", "answered forbidden",
			"answered internal", "answered too_large", "answered no_handler", "answered overloaded")
	}
}

// runHistories runs the histories of all seeds below end, or the one that is asked for, and logs what they came to.
func runHistories(t *testing.T, end int, plan func(*history)) census {
	t.Helper()
	first := 0
	if *oneSeed >= 0 {
		first, end = int(*oneSeed), int(*oneSeed)+1
	}
	all := make(census)
	test := t.Name()
	for failing := 0; first < end && failing < maxFailing; first += perBubble {
		ok := t.Run(fmt.Sprintf("from seed %d", first), func(t *testing.T) {
			inHistories(t, func(t *testing.T, system *actor.ActorSystem) {
				own := goleak.IgnoreCurrent()
				for seed := first; seed < min(first+perBubble, end) && !t.Failed(); seed++ {
					runHistory(&history{T: t, test: test, seed: uint64(seed), system: system}, plan, own, all)
				}
			})
		})
		if !ok {
			failing++
		}
	}
	t.Log(all)
	return all
}

// inHistories runs f in a synctest bubble with an actor system.
func inHistories(t *testing.T, f func(*testing.T, *actor.ActorSystem)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		quiet := slog.New(slog.DiscardHandler)
		system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }),
			actor.WithDeadLetterThrottleInterval(time.Millisecond)) // its goroutine outlives a dead letter by that
		t.Cleanup(func() { // in the bubble, also after a failure
			system.Shutdown()
			time.Sleep(2 * time.Second) // the library's throttle of dead letters lives for one
			synctest.Wait()
		})
		f(t, system)
	})
}

// A history is two nodes, the calls and streams between them, and what happens meanwhile.
//
// All of it is drawn by one goroutine, the driver's, before the first call.
type history struct {
	*testing.T
	test     string // its name
	seed     uint64
	rand     *rand.Rand
	system   *actor.ActorSystem
	net      *memnet.Network
	temper   temper
	sides    [2]*side
	faults   []fault
	rough    bool      // there is a fault other than a shutdown
	stopAt   time.Time // of the first shutdown
	callers  sync.WaitGroup
	stops    sync.WaitGroup // shutdowns
	patience context.Context
	hush     func()        // ends patience, and with it the context of each caller that has one
	release  chan struct{} // closed when handlers are to return

	mu        sync.Mutex // guards the rest, and what shipments and streams say
	began     time.Time
	shipments []*shipment
	streams   []*streaming
	lines     []string
	hasty     bool // a shutdown cut something short
	panics    int  // of handlers
	alarms    int  // errors that nodes logged
	census    census
}

// runHistory runs a history, and adds what happened in it to all. plan draws its temper, and what is to happen. own are the
// goroutines that are there before it.
func runHistory(h *history, plan func(*history), own goleak.Option, all census) {
	before := runtime.NumGoroutine()
	h.rand, h.net, h.release, h.census = rand.New(rand.NewPCG(h.seed, 0)), memnet.New(h.seed), make(chan struct{}), make(census)
	h.patience, h.hush = context.WithCancel(context.Background())
	defer h.report()
	plan(h)
	h.disturb()
	h.calm()
	h.settle()
	h.finish()
	h.verify()
	synctest.Wait()
	if runtime.NumGoroutine() != before { // as it happens, also while one is about to end
		if err := goleak.Find(own); err != nil {
			h.Errorf("seed %d: %v", h.seed, err)
		}
	}
	for what, n := range h.census {
		all[what] += n
	}
}

// draw returns a number in [0, n), chance whether something happens that happens in that percentage of cases.
func (h *history) draw(n int) int          { return h.rand.IntN(n) }
func (h *history) chance(percent int) bool { return h.draw(100) < percent }

// within returns a time of at most d, pick an element of a list.
func (h *history) within(d time.Duration) time.Duration {
	return time.Duration(h.rand.Int64N(int64(d) + 1))
}
func pick[E any](h *history, list ...E) E { return list[h.draw(len(list))] }

// failf fails the test, and names the history.
func (h *history) failf(format string, args ...any) {
	h.Helper()
	h.Errorf("seed %d: "+format, append([]any{h.seed}, args...)...)
}

// note writes a line of the history.
func (h *history) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, fmt.Sprintf("%11.6f  ", time.Since(h.began).Seconds())+fmt.Sprintf(format, args...))
}

// report prints a history that failed, and how to run it again; or one that was asked for, if the test is verbose.
func (h *history) report() {
	h.Helper()
	if !h.Failed() && (*oneSeed < 0 || !testing.Verbose()) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Logf("to run the history of seed %d again, as often as it takes:\n\tgo test ./peernet -run '^%s$' -seed %d -count 20\n%+v\n%s",
		h.seed, h.test, h.seed, h.temper, strings.Join(h.lines, "\n"))
}

// A census counts what happened, by kind.
type census map[string]int

func (t census) String() string {
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(&b, "%s %d, ", what, t[what])
	}
	return strings.TrimSuffix(b.String(), ", ")
}
