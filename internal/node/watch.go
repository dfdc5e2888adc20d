package node

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/netwatch"
)

// A watch looks at this machine's interfaces again and again, and posts to the root what it has found. The looks are
// in goroutines of their own, one at a time.
type watch struct {
	Interfaces func() ([]discovery.Interface, error) // nil: there is nothing to look at
	Clock      clock.Clock

	watcher netwatch.Watcher
	post    func(any)
	stop    func() bool
	join    sync.WaitGroup
}

// looked is what a look has found.
type looked struct {
	at    time.Time
	found []discovery.Interface
	err   error
}

func (looked) IgnoreDeadLetterLogging() {}

// next takes the next look after d.
func (w *watch) next(d time.Duration) {
	if w.Interfaces == nil {
		return
	}
	w.join.Add(1)
	w.stop = w.Clock.AfterFunc(d, func() {
		defer w.join.Done()
		found, err := w.Interfaces()
		w.post(looked{w.Clock.Now(), found, err})
	})
}

// end takes no further look, and returns once the last one is over.
func (w *watch) end() {
	if w.stop != nil && w.stop() {
		w.join.Done()
	}
	w.stop = nil
	w.join.Wait()
}

// looked tells peers and finder if something has changed (wire.md §7.5, §8.1).
func (r *root) looked(ctx actor.Context, m looked) {
	if r.stopping {
		return
	}
	c := r.watch.watcher.Look(m.at, m.found, m.err)
	if c.Err != nil {
		r.Log.Warn("cannot look at this machine's addresses", "err", c.Err)
	}
	if c.Matters() {
		r.Log.Info("network", "state", "changed", "gone", c.Gone, "new", c.New, "slept", c.Slept)
		ctx.Send(r.peers, c)
		ctx.Send(r.finder, finder.Moved{})
	}
	r.watch.next(c.Next)
}
