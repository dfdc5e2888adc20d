package serve

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// Sends of one peer run one at a time, in the order in which they were made. While a peer has two sessions, one
// is taking over from the other, and only the peer's bye tells which: until then what comes over either waits, and
// then that of the session that can bring no more comes first (wire.md §7.4).

// holdSends bounds that wait.
const holdSends = 2 * time.Second

// warnEvery is how often dropped sends of one peer are logged.
const warnEvery = time.Minute

// Send queues a send for its handler, or drops it. The envelope's slices are the request's to keep.
func (s *Session) Send(e *envelope.Envelope) {
	entry, count := s.server.find(e.Name), s.conn.Counters()
	count.Add(counters.SendsIn, 1)
	if entry == nil {
		count.Add(counters.SendsUnhandled, 1)
		s.server.config.Log.Debug("send to no handler", "peer", s.peer.key, "name", string(e.Name))
		return
	}
	c, p := &s.server.config, s.peer
	p.mu.Lock()
	switch {
	case p.sends.n >= c.Sends:
		count.Add(counters.SendsDropped, 1)
		p.refuseSend("SendsPerPeer", c.Sends)
		return
	case p.sends.bytes+len(e.Args) > c.SendBytes:
		count.Add(counters.SendsDropped, 1)
		p.refuseSend("SendBytesPerPeer", c.SendBytes)
		return
	}
	r := newRequest(s, entry, e)
	p.sends.add(r)
	if p.heldUntil.IsZero() {
		p.waiting.push(r)
	} else {
		p.held.push(r)
	}
	p.work()
}

// refuseSend drops a send for which there is no room under a limit, named as in peernet.Limits. It is called with mu held,
// and releases it.
func (p *peer) refuseSend(limit string, value int) {
	s := p.server
	p.unwarned++
	now := s.config.Clock.Now()
	n := p.unwarned
	warn := p.warned.IsZero() || now.Sub(p.warned) >= warnEvery
	if warn {
		p.warned, p.unwarned = now, 0
	}
	p.mu.Unlock()
	if warn {
		s.config.Log.Warn("sends dropped: they come faster than their handlers take them; make the handlers faster, or raise the limit",
			"peer", p.key, "dropped", n, "limit", "Limits."+limit, "value", value)
	}
}

// Sealed says that the session brings no more calls and no more sends.
func (s *Session) Sealed() {
	s.peer.mu.Lock()
	s.peer.seal(s)
	s.peer.work()
}

// Run implements actorkit.Runner: it handles sends until there are none whose turn it is.
func (p *peer) Run() {
	defer p.server.runs.Done()
	defer func() { // a send that came meanwhile, or is left by a handler that ended its goroutine, is another's
		p.mu.Lock()
		p.draining = false
		p.work()
	}()
	for {
		p.mu.Lock()
		r := p.waiting.pop()
		p.handling = r
		p.mu.Unlock()
		if r == nil {
			return
		}
		p.handle(r)
	}
}

func (p *peer) handle(r *Request) {
	defer func() {
		p.mu.Lock()
		p.handling = nil
		p.sends.sub(r)
		idle := p.idle()
		p.mu.Unlock()
		if idle {
			p.server.forget(p)
		}
	}()
	r.handle()
}

// work starts a goroutine for the sends if there is work and none runs. It is called with mu held, and
// releases it.
func (p *peer) work() {
	start := !p.draining && p.waiting.first != nil
	p.draining = p.draining || start
	p.mu.Unlock()
	if start {
		p.server.runs.Add(1)
		p.server.config.Pool.Go(p)
	}
}

// The rest is called with mu held.

// open enters a session. If it is not the only one that can bring sends, what comes from now on is held. What has come
// already is older than all that the new session can bring.
func (p *peer) open() {
	p.sessions++
	if p.unsealed++; p.unsealed < 2 {
		return
	}
	if p.stopHold != nil {
		p.stopHold()
	}
	clock := p.server.config.Clock
	p.heldUntil = clock.Now().Add(holdSends)
	p.stopHold = clock.AfterFunc(holdSends, func() {
		p.mu.Lock()
		if !clock.Now().Before(p.heldUntil) { // no session has come since
			p.release()
		}
		p.work()
	})
}

// seal takes note that a session brings no more sends: those that it brought come before any other's.
func (p *peer) seal(s *Session) {
	if s.sealed {
		return
	}
	s.sealed = true
	first, others := p.held.split(s)
	p.waiting.take(&first)
	p.held = others
	if p.unsealed--; p.unsealed < 2 {
		p.release()
	}
}

// release lets all go whose turn it is in the order they came.
func (p *peer) release() {
	p.waiting.take(&p.held)
	p.heldUntil = time.Time{}
	if p.stopHold != nil {
		p.stopHold()
		p.stopHold = nil
	}
}

// discard drops what one session brought, and cancels it if it runs.
func (p *peer) discard(s *Session) {
	for _, l := range []*list{&p.waiting, &p.held} {
		of, others := l.split(s)
		p.drop(&of)
		*l = others
	}
	if p.handling != nil && p.handling.session == s {
		p.handling.cancel()
	}
}

// drop empties a list.
func (p *peer) drop(l *list) {
	for r := l.pop(); r != nil; r = l.pop() {
		p.sends.sub(r)
	}
}
