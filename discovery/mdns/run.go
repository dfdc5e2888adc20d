package mdns

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

const (
	// lookEvery is how often the interfaces are compared with those in use.
	lookEvery = 2 * time.Second

	// patience is how long a network that could be used may be unusable before the run fails: interfaces come and go.
	patience = 10 * time.Second

	// newsDelay is how late news of a change may come that was noticed here already. Later news makes all be opened anew
	// although the interfaces are the same.
	newsDelay = 5 * time.Second

	// goodbyeAgain is when a goodbye is said for the second time: one packet may be lost.
	goodbyeAgain = 50 * time.Millisecond
)

// A run is one Run of a Provider. One goroutine, which is Run's, touches it.
type run struct {
	*Provider
	self     discovery.Self
	sight    func(discovery.Sighting)
	table    *table
	schedule schedule
	problems lan.Problems

	access     access // not open: the network cannot be used for the moment
	using      []discovery.Interface
	listens    []netip.AddrPort   // where the node is announced; empty: it is not
	rechosen   <-chan struct{}    // closed when other interfaces are chosen than look has found
	announcers map[int]*announcer // by index of the interface; empty: the node is not announced
	since      time.Time          // when access was opened or closed
	offered    uint16             // the pairing that the announcers announce; 0: none
}

func (r *run) run(ctx context.Context) error {
	defer r.shut(nil)
	if err := r.look(ctx, false); err != nil {
		return err
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		offers := r.self.Offers.Changed() // before announceOffer looks at them
		r.announceOffer(time.Now())
		wake.Reset(max(time.Until(r.work(time.Now())), 1)) // what is due at once is due in the next nanosecond
		var err error
		select {
		case <-ctx.Done():
			return nil
		case h := <-r.access.heard:
			r.hear(time.Now(), h)
		case <-wake.C:
		case <-offers:
			r.schedule.opened(time.Now()) // the node may be looking for one
		case <-look.C:
			r.report(r.table.sweep(time.Now(), r.using))
			err = r.look(ctx, false)
		case <-r.self.Changed:
			// If it is not the interfaces, the machine was asleep, and what others know of it may be forgotten.
			r.schedule.opened(time.Now())
			err = r.look(ctx, time.Since(r.since) >= newsDelay)
		case <-r.rechosen:
			err = r.look(ctx, false)
		case err = <-r.access.failed:
			err = r.failed(ctx, err)
		}
		if err != nil {
			return err
		}
	}
}

// interfaces returns the interfaces to use: for a node that is announced, those where it can be reached. listens is where it
// is announced.
func (r *run) interfaces() (using []discovery.Interface, listens []netip.AddrPort, err error) {
	var selected lan.Selection
	selected, r.rechosen = r.chosen.Get()
	all, err := r.self.Interfaces()
	if err != nil {
		return nil, nil, &NetworkError{"list the network interfaces", err}
	}
	using = usable(all, selected)
	r.problems.Look(all, selected.Named, r.using, using)
	listens = lan.Announced(r.self)
	if reached := leading(using, listens); len(reached) > 0 {
		using = reached
	} else {
		listens = nil
	}
	r.counters.Count(func(s *Stats) { s.Unused = lan.Unused(all, selected, using) })
	return using, listens, nil
}

// look opens everything anew if the interfaces or the addresses that the node listens on are others than those in use, if
// there is no access, or if anew is true.
func (r *run) look(ctx context.Context, anew bool) error {
	using, listens, err := r.interfaces()
	if err == nil && (anew || !r.access.isOpen() || !same(using, r.using) || !slices.Equal(listens, r.listens)) {
		err = r.reopen(ctx, using, listens)
	}
	return r.tolerate(err)
}

// failed opens everything anew because of err: at once, but not if it was opened lately and nothing has changed since.
func (r *run) failed(ctx context.Context, err error) error {
	before := r.access.failed
	lookErr := r.look(ctx, time.Since(r.since) >= patience)
	if r.access.failed == before {
		return err
	}
	return lookErr
}

// tolerate returns err if there was no access for too long, and nil before that.
func (r *run) tolerate(err error) error {
	r.problems.Report("", "use the network", errors.Unwrap(err))
	if err == nil || r.access.isOpen() || time.Since(r.since) < patience {
		return nil
	}
	return err
}

// reopen opens an access on those interfaces instead of the one there is, and announces the node there, if it is
// announced. Only what does not hold any more is taken back, so that others never hear that all of it has gone.
func (r *run) reopen(ctx context.Context, using []discovery.Interface, listens []netip.AddrPort) error {
	var next access
	var err error = &NetworkError{"use the network", ErrNoInterface}
	if len(using) > 0 {
		next, err = r.open(ctx, r.self, using, len(listens) > 0, &r.problems)
	}
	now := time.Now()
	announcers := make(map[int]*announcer)
	if err == nil {
		announcers = r.announcersOn(now, using, listens)
	}
	r.shut(announcers)
	r.counters.Count(func(s *Stats) { s.Interfaces = lan.Names(using) })
	r.using, r.listens = using, listens
	r.report(r.table.sweep(now, using))
	if err != nil {
		return err
	}
	r.access, r.announcers, r.since = next, announcers, now
	r.schedule.opened(now)
	return nil
}

// announcersOn returns what announces the node on those interfaces, from the beginning; nothing if it is not announced.
func (r *run) announcersOn(now time.Time, using []discovery.Interface, listens []netip.AddrPort) map[int]*announcer {
	r.offered = r.self.Offers.Own()
	list := make(map[int]*announcer)
	for _, i := range using {
		if at, ok := listenerOn(i, listens); ok {
			list[i.Index] = newAnnouncer(now, recordsOn(i, r.self.Key, at, r.offered), r.random)
		}
	}
	return list
}

// announceOffer announces the node anew if it offers another pairing than before, or none any more: the TXT record says
// which. Nothing is taken back, because the new record replaces the old one.
func (r *run) announceOffer(now time.Time) {
	if r.access.isOpen() && r.self.Offers.Own() != r.offered {
		r.announcers = r.announcersOn(now, r.using, r.listens)
	}
}

// shut takes back all that others do not go on to say, and closes the access, if there is one.
func (r *run) shut(others map[int]*announcer) {
	if !r.access.isOpen() {
		return
	}
	r.since = time.Now()
	goodbyes := make(map[int]*dns.Msg)
	for index, a := range r.announcers {
		if m := a.goodbye(others[index]); len(m.Answer) > 0 {
			goodbyes[index] = m
			r.access.say(index, m)
		}
	}
	if len(goodbyes) > 0 {
		time.Sleep(goodbyeAgain)
	}
	for index, m := range goodbyes {
		r.access.say(index, m)
	}
	r.access.close()
	r.access, r.announcers = access{}, nil
}

// work does what is due, and returns when there is something to do again.
func (r *run) work(now time.Time) time.Time {
	if end := r.table.nextEnd; !end.IsZero() && !now.Before(end) {
		r.report(r.table.sweep(now, r.using))
	}
	at := lan.Earliest(now.Add(lookEvery), r.table.nextEnd)
	if !r.access.isOpen() {
		return at
	}
	for index, a := range r.announcers {
		if m := a.say(now); m != nil {
			r.access.say(index, m)
		}
		at = lan.Earliest(at, a.next())
	}
	if !now.Before(r.schedule.next()) {
		r.ask(now)
	}
	return lan.Earliest(at, r.schedule.next())
}

// ask asks what is due to be asked: out of turn about a few instances, else everybody.
func (r *run) ask(now time.Time) {
	list := r.table.wanted()
	ask, outOfTurn := r.schedule.due(now, r.table.stalest(), len(list) > 0)
	if !ask {
		return
	}
	for _, i := range list {
		i.asked++
		i.doubt = false
	}
	if !outOfTurn || len(list) > maxLookUps {
		r.access.ask()
		return
	}
	for _, i := range r.using {
		r.access.say(i.Index, queryFor(list))
	}
}

// hear answers a query. It reports the hints of a message, and contradicts it if it takes back records of this node.
func (r *run) hear(now time.Time, h heard) {
	a := r.announcers[h.on.Index]
	if h.query.kinds != 0 {
		if a != nil {
			r.counters.Count(func(s *Stats) { a.ask(now, h.query, s) })
		}
		return
	}
	r.report(r.table.hear(now, h.on, h.message))
	for _, o := range r.table.offers(h.on, h.message) {
		r.self.Offers.Hear(now, o, offerTTL)
	}
	if len(r.table.wanted()) > 0 {
		r.schedule.want(now)
	}
	if a != nil && a.ends(h.message) {
		a.contradict(now)
	}
}

func (r *run) report(sightings []discovery.Sighting) {
	for _, s := range sightings {
		r.sight(s)
	}
}
