package mdns

import (
	"context"
	"errors"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

const (
	// lookEvery is how often the interfaces are compared with those in use.
	lookEvery = 2 * time.Second

	// patience is how long a network that could be used may be unusable before the run fails: interfaces come and go.
	patience = 10 * time.Second

	// settled is how long interfaces have to be in use before a word of change makes all be opened anew although they are
	// the same: the word may be of the change that was noticed here.
	settled = 5 * time.Second
)

// A run is one Run of a Provider. One goroutine, which is Run's, touches it.
type run struct {
	*Provider
	self     discovery.Self
	sight    func(discovery.Sighting)
	table    *table
	schedule schedule

	link   link // nil: the network cannot be used for the moment
	using  []discovery.Interface
	opened time.Time // when link was
	broken time.Time // since when there is no link
}

func (r *run) run(ctx context.Context) error {
	defer r.shut(nil)
	if err := r.look(ctx); err != nil {
		return err
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		wake.Reset(r.next(time.Now()))
		var hears <-chan heard
		var fails <-chan error
		if r.link != nil {
			hears, fails = r.link.hears(), r.link.fails()
		}
		var err error
		select {
		case <-ctx.Done():
			return nil
		case h := <-hears:
			r.hear(time.Now(), h)
		case <-wake.C:
			r.wake(time.Now())
		case <-look.C:
			r.report(r.table.sweep(time.Now()))
			err = r.look(ctx)
		case <-r.self.Changed:
			err = r.changed(ctx)
		case err = <-fails:
			err = r.failed(ctx, err)
		}
		if err != nil {
			return err
		}
	}
}

// interfaces returns those to use: for a node that is announced, those where it can be reached.
func (r *run) interfaces() ([]discovery.Interface, error) {
	all, err := r.self.Interfaces()
	if err != nil {
		return nil, &NetworkError{"list the network interfaces", err}
	}
	using := usable(all, r.options.Interfaces)
	if announces(r.self, using) {
		return leading(using, r.self.Addr), nil
	}
	return using, nil
}

// look opens everything anew if the interfaces are others than those in use, or if there is no link.
func (r *run) look(ctx context.Context) error {
	using, err := r.interfaces()
	switch {
	case err != nil:
		return r.tolerate(err)
	case r.link != nil && same(using, r.using):
		return nil
	}
	return r.tolerate(r.reopen(ctx, using))
}

// changed is look after a word that something has changed. If it was not the interfaces, the machine was asleep, and
// what others know of it may be forgotten.
func (r *run) changed(ctx context.Context) error {
	before := r.opened
	if err := r.look(ctx); err != nil || r.link == nil || r.opened != before {
		return err
	}
	now := time.Now()
	if now.Sub(r.opened) < settled {
		r.schedule.opened(now)
		return nil
	}
	return r.tolerate(r.reopen(ctx, r.using))
}

// failed opens everything anew because of err: at once, but not if it was opened lately and nothing has changed since.
func (r *run) failed(ctx context.Context, err error) error {
	using, listErr := r.interfaces()
	if listErr != nil || same(using, r.using) && time.Since(r.opened) < patience {
		if !errors.As(err, new(*NetworkError)) {
			err = &NetworkError{"listen on UDP port 5353", err}
		}
		return err
	}
	return r.tolerate(r.reopen(ctx, using))
}

// tolerate returns err if there was no link for too long, and nil before that.
func (r *run) tolerate(err error) error {
	if err == nil || r.link != nil || time.Since(r.broken) < patience {
		return nil
	}
	return err
}

// reopen opens a link on those interfaces instead of the one there is. The new one answers before the old one takes back
// what does not hold any more, so that others never hear that all of it has gone.
func (r *run) reopen(ctx context.Context, using []discovery.Interface) error {
	var next link
	var err error = &NetworkError{"use the network", ErrNoInterface}
	if len(using) > 0 {
		next, err = r.open(ctx, r.self, using)
	}
	r.shut(next)
	now := time.Now()
	r.counters.Count(func(s *Stats) { s.Interfaces = lan.Names(using) })
	r.report(r.table.moved(now, using))
	if err != nil {
		return err
	}
	r.link, r.using, r.opened = next, using, now
	r.schedule.opened(now)
	return nil
}

// shut closes the link, if there is one, for another, if that is not nil.
func (r *run) shut(next link) {
	if r.link == nil {
		return
	}
	r.link.close(next)
	r.link, r.broken = nil, time.Now()
}

// next returns how long there is nothing to do but to hear.
func (r *run) next(now time.Time) time.Duration {
	at := now.Add(lookEvery)
	if r.link != nil {
		at = r.schedule.next()
	}
	if end := r.table.nextEnd; !end.IsZero() && end.Before(at) {
		at = end
	}
	return at.Sub(now)
}

func (r *run) wake(now time.Time) {
	if end := r.table.nextEnd; !end.IsZero() && !now.Before(end) {
		r.report(r.table.sweep(now))
	}
	if r.link == nil || now.Before(r.schedule.next()) {
		return
	}
	switch r.schedule.due(now, r.table.stalest(), r.table.isWanting()) {
	case whoIsHere:
		r.table.asked()
		r.link.ask()
	case whatLacks:
		if list := r.table.ask(); list != nil {
			r.link.lookUp(list)
		} else {
			r.link.ask()
		}
	}
}

func (r *run) hear(now time.Time, h heard) {
	r.report(r.table.hear(now, h.index, h.message))
	if r.table.isWanting() {
		r.schedule.want(now)
	}
	r.link.contradict(h)
}

func (r *run) report(sightings []discovery.Sighting) {
	for _, s := range sightings {
		r.sight(s)
	}
}
