package serve

import (
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// Sends of one peer run one at a time, in the order in which they were made. While a peer has two sessions, one
// is taking over from the other, and only the peer's bye tells which: until then both wait, and then those of the
// session that can bring no more come first (wire.md §7.4).

// holdSends bounds that wait.
const holdSends = 2 * time.Second

// Send queues a send for its handler, or drops it.
func (s *Session) Send(e *envelope.Envelope) {
	entry := s.server.find(e.Name)
	if entry == nil {
		s.server.config.Log.Debug("send to no handler", "peer", s.peer.key, "name", string(e.Name))
		s.server.unhandled.Add(1)
		return
	}
	c, p := &s.server.config, s.peer
	p.mu.Lock()
	if p.sends >= c.Sends || p.sendBytes+len(e.Args) > c.SendBytes {
		p.drop()
		return
	}
	p.sends++
	p.sendBytes += len(e.Args)
	s.sends = append(s.sends, newRequest(s, entry, e))
	p.work()
}

// Sealed says that the session brings no more sends.
func (s *Session) Sealed() {
	s.peer.mu.Lock()
	s.sealed = true
	s.peer.work()
}

// drop is called with mu held, and releases it.
func (p *peer) drop() {
	s := p.server
	s.dropped.Add(1)
	p.unwarned++
	now := s.config.Clock.Now()
	n := p.unwarned
	warn := p.warned.IsZero() || now.Sub(p.warned) >= warnEvery
	if warn {
		p.warned, p.unwarned = now, 0
	}
	p.mu.Unlock()
	if warn {
		s.config.Log.Warn("sends dropped: they come faster than their handlers take them", "peer", p.key, "dropped", n,
			"limit", s.config.Sends, "limit_bytes", s.config.SendBytes)
	}
}

// work starts a goroutine for the sends if there is work and none runs. It is called with mu held, and
// releases it.
func (p *peer) work() {
	start := !p.draining && p.next() != nil
	p.draining = p.draining || start
	p.mu.Unlock()
	if start {
		p.server.runs.Add(1)
		p.server.config.Pool.Go(p)
	}
}

// open enters a session. It is called with mu held.
func (p *peer) open(s *Session) {
	p.order = append(p.order, s)
	if p.unsealed() > 1 {
		p.heldUntil = p.server.config.Clock.Now().Add(holdSends)
		if p.stopHold != nil {
			p.stopHold()
		}
		p.stopHold = p.server.config.Clock.AfterFunc(holdSends, func() {
			p.mu.Lock()
			p.work()
		})
	}
}

func (p *peer) unsealed() (n int) {
	for _, s := range p.order {
		if !s.sealed {
			n++
		}
	}
	return n
}

// next returns the session whose send is next, nil if there is none or it must wait. Sessions that bring no more
// leave the order. It is called with mu held.
func (p *peer) next() *Session {
	p.order = slices.DeleteFunc(p.order, func(s *Session) bool { return s.sealed && len(s.sends) == 0 })
	for _, s := range p.order {
		if s.sealed {
			return s
		}
	}
	if len(p.order) > 1 && p.server.config.Clock.Now().Before(p.heldUntil) {
		return nil
	}
	for _, s := range p.order {
		if len(s.sends) > 0 {
			return s
		}
	}
	return nil
}

// Run implements actorkit.Runner: it handles sends until there are none whose turn it is.
func (p *peer) Run() {
	defer p.server.runs.Done()
	for {
		p.mu.Lock()
		s := p.next()
		if s == nil {
			p.draining = false
			p.mu.Unlock()
			return
		}
		r := s.sends[0]
		s.sends[0] = nil
		if s.sends = s.sends[1:]; len(s.sends) == 0 {
			s.sends = nil
		}
		p.mu.Unlock()
		r.handle()
		p.mu.Lock()
		p.sends--
		p.sendBytes -= r.size
		p.mu.Unlock()
	}
}

// discard drops what waits of one session.
func (p *peer) discard(s *Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range s.sends {
		p.sends--
		p.sendBytes -= r.size
	}
	s.sends = nil
}
