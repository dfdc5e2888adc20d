package udp

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// A run is one call of Run. The goroutine that called it sends; another for each socket receives.
type run struct {
	*Provider
	self  discovery.Self
	sight func(discovery.Sighting)

	// Of the sending goroutine alone.
	schedule schedule
	due      time.Time // when to announce on every interface
	offered  uint16    // the pairing that was announced last; 0: none
	offerDue time.Time // when to announce it again; zero: never
	problems lan.Problems
	sockets  []*lan.Socket // of IPv4, then of IPv6, unless no interface needs that or it cannot be opened

	rechosen <-chan struct{} // closed when other interfaces are chosen than look has found

	using  atomic.Pointer[[]discovery.Interface] // replaced by the sending goroutine; never changed
	wake   chan struct{}                         // room for one: an answer has become due
	failed chan error                            // room for one of each socket: it is given up

	mu      sync.Mutex // guards the rest
	answers *answers
	covert  *covert // nil: not in private mode
}

// listen opens a socket for announces: network is udp4 or udp6.
func (p *Provider) listen(ctx context.Context, self discovery.Self, network string) (*lan.Socket, error) {
	return lan.Listen(ctx, self, network, ":"+strconv.Itoa(int(p.options.Port)))
}

func newRun(p *Provider, self discovery.Self, sight func(discovery.Sighting), ipv4 *lan.Socket) *run {
	r := &run{
		Provider: p, self: self, sight: sight, sockets: []*lan.Socket{ipv4}, problems: lan.Problems{Tell: self.Problems},
		wake:    make(chan struct{}, 1),
		failed:  make(chan error, 2),
		answers: newAnswers(),
	}
	if self.Private != nil {
		r.covert = newCovert()
	}
	r.using.Store(new([]discovery.Interface))
	return r
}

// loop announces until ctx ends or a socket fails.
func (r *run) loop(ctx context.Context) error {
	changed := r.self.Changed
	r.sockets[0].Start(r.hear, r.fail, r.giveUp)
	timer := time.NewTimer(0) // r.due has passed
	defer timer.Stop()
	for ctx.Err() == nil {
		offers := r.self.Offers.Changed() // before announceOffer looks at them
		r.announceOffer()
		timer.Reset(time.Until(lan.Earliest(r.next(), r.offerDue)))
		restart := false
		select {
		case <-ctx.Done():
			return nil
		case err := <-r.failed:
			return err
		case _, open := <-changed:
			restart = true
			if !open {
				changed = nil
			}
		case <-r.rechosen:
			restart = true
		case <-timer.C:
		case <-r.wake:
		case <-offers:
		}
		onAll := restart || !time.Now().Before(r.due)
		if onAll && (r.look() || restart) {
			r.schedule = schedule{}
		}
		r.announce(onAll)
	}
	return nil
}

// stop closes the sockets.
func (r *run) stop() {
	for _, s := range r.sockets {
		_ = s.Close()
	}
}

// next returns when there is something to send.
func (r *run) next() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return lan.Earliest(r.due, r.answers.next())
}

// look reads the interfaces anew, and reports whether one has changed that is used. If they cannot be read, those
// known stay in use.
func (r *run) look() bool {
	using, changed := *r.using.Load(), false
	var selected lan.Selection
	selected, r.rechosen = r.chosen.Get()
	all, err := r.self.Interfaces()
	r.fail(err)
	r.problems.Report("", "list the network interfaces", err)
	if err == nil {
		was := using
		using = r.options.interfaces(all, selected)
		changed = !slices.EqualFunc(using, was, lan.IsSame)
		r.problems.Look(all, selected.Named, was, using)
		r.reportFamilies(using, selected.Named)
		r.counters.Count(func(s *Stats) { s.Unused = lan.Unused(all, selected, using) })
		if len(using) == 0 {
			err = errNoInterface
		}
		r.problems.Report("", "use the network", err)
	}
	r.join(using)
	if changed {
		r.using.Store(&using)
		r.counters.Count(func(s *Stats) { s.Interfaces = lan.Names(using) })
	}
	return changed
}

// reportFamilies says in which family announces do not go out on an interface that was named.
func (r *run) reportFamilies(using []discovery.Interface, named []string) {
	for _, i := range using {
		if !slices.Contains(named, i.Name) || len(r.options.Broadcast) > 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		if lan.Has(i, false) && i.Flags&net.FlagBroadcast == 0 {
			r.problems.ReportOn(i, "send", false, lan.ErrNoBroadcasts)
		}
		if lan.Has(i, true) && !r.options.multicasts(i) {
			r.problems.ReportOn(i, "send", true, lan.ErrNoMulticasts)
		}
	}
}

// join joins the group on every interface that needs it, and opens the IPv6 socket if that has not been done.
func (r *run) join(using []discovery.Interface) {
	list := slices.DeleteFunc(slices.Clone(using), func(i discovery.Interface) bool { return !r.options.multicasts(i) })
	var err error
	if len(r.sockets) == 1 && len(list) > 0 {
		var s *lan.Socket
		s, err = r.listen(context.Background(), r.self, "udp6") // it does not wait for anything
		r.fail(err)
		if err == nil {
			s.Start(r.hear, r.fail, r.giveUp)
			r.sockets = append(r.sockets, s)
		}
	}
	var errs map[string]error
	for _, s := range r.sockets[1:] {
		errs = s.Join(list, group)
	}
	for _, i := range list {
		r.fail(errs[i.Name])
		r.problems.ReportOn(i, "hear", true, cmp.Or(err, errs[i.Name]))
	}
}

// announce announces on every interface, and sets when to do so again; or on those where a key was heard for the first time.
func (r *run) announce(onAll bool) {
	r.mu.Lock()
	if onAll {
		r.answers.clear()
	}
	due := r.answers.take(time.Now())
	r.mu.Unlock()
	if onAll {
		r.announceOn(nil, r.datagrams)
		r.due = time.Now().Add(r.schedule.next(r.options.Jitter()))
	} else if len(due) > 0 {
		r.announceOn(due, r.datagrams)
	}
}

// announceOn sends on the interfaces with these indices what datagrams makes of the port that is announced there, anew for
// each target; nil: on all.
func (r *run) announceOn(indices []int, datagrams func(port uint16) [][]byte) {
	listens := lan.Announced(r.self)
	if r.covert != nil {
		r.mu.Lock()
		r.covert.begin()
		r.mu.Unlock()
	}
	until := time.Now().Add(lan.SendWithin)
	for _, s := range r.sockets {
		_ = s.SetWriteDeadline(until) // if it fails, so does sending
	}
	for _, i := range *r.using.Load() {
		if indices != nil && !slices.Contains(indices, i.Index) {
			continue
		}
		targets := r.options.targets(i)
		for _, s := range r.sockets {
			var errs []error // of each target
			for _, t := range targets {
				if t.to.Is6() != s.IPv6 {
					continue
				}
				var err error
				if port, from, ok := t.announced(i, listens); ok {
					err = r.send(s, target{t.to, from}, i, datagrams(port))
				}
				errs = append(errs, err)
			}
			if len(errs) > 0 {
				r.problems.ReportOn(i, "send", s.IPv6, cmp.Or(errs...))
			}
		}
	}
}

func (r *run) send(s *lan.Socket, t target, on discovery.Interface, datagrams [][]byte) error {
	for _, datagram := range datagrams {
		if err := s.Send(datagram, netip.AddrPortFrom(t.to, r.options.Port), on, t.from); err != nil {
			r.counters.Count(func(s *Stats) { s.SendErrors, s.LastError = s.SendErrors+1, err })
			return err
		}
		r.counters.Count(func(s *Stats) { s.Sent++ })
	}
	return nil
}

// datagrams returns what says to one target that the node listens on a port.
func (r *run) datagrams(port uint16) [][]byte {
	if r.covert == nil {
		return [][]byte{Announce{Port: port, Key: r.self.Key}.Append(nil)}
	}
	list, err := r.self.Private.Announce(port)
	r.fail(err)
	r.problems.Report("", "make announces", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.covert.sent(list)
	return list
}
