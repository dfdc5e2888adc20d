package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// A socket that fails to read this often, without a datagram in between, is given up. Between the failures is a pause.
const (
	maxReadFailures = 10
	readPause       = 20 * time.Millisecond
)

// A run is one call of Run. The goroutine that called it sends; another for each socket receives.
type run struct {
	options *Options
	count   *counters
	self    discovery.Self
	sight   func(discovery.Sighting)

	// Of the sending goroutine alone.
	announce []byte // what is sent; nil: nothing is, or something else each time
	schedule schedule
	due      time.Time // when to announce on every link
	ipv4     *socket
	ipv6     *socket      // nil: no link needs it, or it cannot be opened
	joined   map[int]link // links whose group ipv6 is in, as they were when it joined

	links   atomic.Pointer[[]link] // replaced by the sending goroutine; never changed
	wake    chan struct{}          // room for one: something is due
	done    chan struct{}          // closed when receiving is to end
	failed  chan error             // room for one of each socket: it is given up
	readers sync.WaitGroup

	silent  bool       // nothing is announced
	mu      sync.Mutex // guards the rest
	answers *answers
	covert  *covert // nil: not in private mode
}

func newRun(o *Options, c *counters, self discovery.Self, sight func(discovery.Sighting), ipv4 *socket) *run {
	r := &run{
		options: o, count: c, self: self, sight: sight, ipv4: ipv4,
		joined:  make(map[int]link),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		failed:  make(chan error, 2),
		answers: newAnswers(),
	}
	switch {
	case self.Port == 0 || self.ListenOnly:
		r.silent = true
	case self.Private == nil:
		r.announce = Announce{Port: self.Port, Key: self.Key}.Append(nil)
	}
	if self.Private != nil {
		r.covert = newCovert(time.Now())
	}
	r.links.Store(new([]link))
	return r
}

// loop announces until ctx ends or a socket fails.
func (r *run) loop(ctx context.Context) error {
	changed := r.self.Changed
	r.look()
	r.receiveFrom(r.ipv4)
	r.announceOnAll()
	for {
		pause := time.AfterFunc(time.Until(r.next()), r.poke)
		restart := false
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case err := <-r.failed:
			pause.Stop()
			return err
		case _, open := <-changed:
			restart = true
			if !open {
				changed = nil
			}
		case <-r.wake:
		}
		pause.Stop()
		if restart || !time.Now().Before(r.due) {
			if r.look() || restart {
				r.schedule = schedule{}
			}
			r.announceOnAll()
		}
		r.answer()
	}
}

// stop ends the goroutines that receive, and waits for them.
func (r *run) stop() {
	close(r.done)
	_ = r.ipv4.Close()
	if r.ipv6 != nil {
		_ = r.ipv6.Close()
	}
	r.readers.Wait()
}

// poke wakes the loop. It is called from any goroutine.
func (r *run) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// next returns when there is something to send.
func (r *run) next() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := r.answers.next(); !at.IsZero() && at.Before(r.due) {
		return at
	}
	return r.due
}

// look reads the interfaces anew, and reports whether something has changed that matters. If they cannot be read, those
// known go on.
func (r *run) look() bool {
	links, changed := *r.links.Load(), false
	if all, err := r.self.Interfaces(); err != nil {
		r.count.fail(&r.count.otherErrors, err)
	} else if now := r.options.links(all); !slices.EqualFunc(links, now, link.same) {
		links, changed = now, true
	}
	r.join(links)
	if changed {
		r.links.Store(&links)
		r.count.using(links)
		r.mu.Lock()
		r.answers.keep(links)
		r.mu.Unlock()
	}
	return changed
}

// join opens the IPv6 socket if a link needs it, and joins the group on every link that does. On a link that has
// changed it joins anew: the interface may be another one of the same name, or have lost its groups.
func (r *run) join(links []link) {
	for index, was := range r.joined {
		if !slices.ContainsFunc(links, was.same) {
			r.ipv6.leave(index)
			delete(r.joined, index)
		}
	}
	for _, l := range links {
		if _, joined := r.joined[l.index]; !l.ipv6 || joined {
			continue
		}
		if !r.openIPv6() {
			return
		}
		if err := r.ipv6.join(l.index); err != nil {
			r.count.fail(&r.count.otherErrors, err)
			continue
		}
		r.joined[l.index] = l
	}
}

// openIPv6 opens the IPv6 socket if that has not been done, and reports whether there is one.
func (r *run) openIPv6() bool {
	if r.ipv6 != nil {
		return true
	}
	s, err := listen(context.Background(), r.self, true, r.options.Port) // it does not wait for anything
	if err != nil {
		r.count.fail(&r.count.otherErrors, err)
		return false
	}
	r.ipv6 = s
	r.receiveFrom(s)
	return true
}

// announceOnAll announces on every link, and sets when to do so again.
func (r *run) announceOnAll() {
	r.mu.Lock()
	r.answers.announced()
	r.mu.Unlock()
	r.announceOn(*r.links.Load())
	r.due = time.Now().Add(r.schedule.next(r.options.Jitter()))
}

// answer announces on the links where somebody new was heard.
func (r *run) answer() {
	r.mu.Lock()
	due := r.answers.take(time.Now())
	r.mu.Unlock()
	if len(due) == 0 {
		return
	}
	var links []link
	for _, l := range *r.links.Load() {
		if slices.Contains(due, l.index) {
			links = append(links, l)
		}
	}
	r.announceOn(links)
}

// announceOn announces on these links.
func (r *run) announceOn(links []link) {
	if r.silent {
		return
	}
	if r.covert != nil {
		r.mu.Lock()
		r.covert.begin()
		r.mu.Unlock()
	}
	until := time.Now().Add(sendWithin)
	for _, s := range []*socket{r.ipv4, r.ipv6} {
		if s != nil {
			_ = s.SetWriteDeadline(until) // if it fails, so does sending
		}
	}
	for i := range links {
		l := &links[i]
		if !l.leadsTo(r.self.Addr) {
			continue
		}
		for _, t := range l.ipv4 {
			r.send(r.ipv4, t, l)
		}
		if l.ipv6 && r.ipv6 != nil {
			r.send(r.ipv6, target{to: group}, l)
		}
	}
}

func (r *run) send(s *socket, t target, l *link) {
	for _, datagram := range r.datagrams() {
		if err := s.send(datagram, t, r.options.Port, l); err != nil {
			r.count.fail(&r.count.sendErrors, err)
			return
		}
		r.count.sent.Add(1)
	}
}

// datagrams returns what is sent to one target.
func (r *run) datagrams() [][]byte {
	if r.covert == nil {
		return [][]byte{r.announce}
	}
	list, err := r.self.Private.Announce(r.self.Port)
	if err != nil {
		r.count.fail(&r.count.otherErrors, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.covert.sent(list)
	return list
}

// receiveFrom starts to receive from a socket.
func (r *run) receiveFrom(s *socket) {
	r.readers.Go(func() {
		if err := r.receive(s); err != nil {
			r.failed <- err
		}
	})
}

// receive looks at what comes in until the socket is closed or cannot be read.
func (r *run) receive(s *socket) error {
	b := room()
	for failures := 0; ; {
		n, control, src, err := s.read(b)
		if err == nil {
			failures = 0
			r.hear(s, b[:n], control, src.Addr().Unmap())
			continue
		}
		select {
		case <-r.done:
			return nil
		default:
		}
		r.count.fail(&r.count.otherErrors, err)
		if failures++; failures == maxReadFailures || errors.Is(err, net.ErrClosed) {
			return err
		}
		again := make(chan struct{})
		pause := time.AfterFunc(readPause, func() { close(again) })
		select {
		case <-again:
		case <-r.done:
			pause.Stop()
			return nil
		}
	}
}

// hear looks at one datagram. The checks are those of wire.md §8.1, the cheapest first.
func (r *run) hear(s *socket, payload, control []byte, src netip.Addr) {
	if r.covert != nil {
		r.hearPrivate(s, payload, control, src)
		return
	}
	a, err := ParseAnnounce(payload)
	switch {
	case err != nil:
		r.count.junk.Add(1)
		return
	case a.Key == r.self.Key:
		r.count.own.Add(1)
		return
	}
	l := hearing(*r.links.Load(), s.interfaceOf(control), src)
	if l == nil {
		r.count.offLink.Add(1)
		return
	}
	r.count.heard.Add(1)
	at := netip.AddrPortFrom(l.zoned(src), a.Port)
	r.sight(discovery.Sighting{Key: a.Key, Addr: at, Interface: l.name, TTL: holds})
	r.heard(voice{a.Key, at, l.index})
}

// heard sees to it that somebody who is heard for the first time is answered.
func (r *run) heard(v voice) {
	if r.silent {
		return
	}
	r.mu.Lock()
	fresh := r.answers.hear(time.Now(), v, r.options.Jitter())
	r.mu.Unlock()
	if fresh {
		r.poke()
	}
}
