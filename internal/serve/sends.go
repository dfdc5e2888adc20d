package serve

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// Sends of one peer run one at a time, in the order in which they were made. While a peer has two sessions, one
// takes over from the other, and only the peer's bye tells which: until then the sends of both wait. After it, those of the
// session that can bring no more come first (wire.md §7.4).

// deferSends bounds that wait.
const deferSends = 2 * time.Second

// Send queues a send for its handler, or drops it. The envelope's slices are the request's to keep.
func (s *Session) Send(e *envelope.Envelope) {
	registration, count := s.find(e.Name), s.conn.Counters()
	count.Add(counters.SendsIn, 1)
	if registration == nil || s.peer.isGuest { // guests call (wire.md §4.7)
		count.Add(counters.SendsUnhandled, 1)
		s.server.config.Log.Debug("send to no handler", "peer", s.peer.key, "name", string(e.Name))
		return
	}
	c, p := &s.server.config, s.peer
	p.mu.Lock()
	if s.closed {
		p.mu.Unlock()
		return
	}
	if tooMany := p.sends.n >= c.Sends; tooMany || p.sends.bytes+len(e.Args) > c.SendBytes {
		p.mu.Unlock()
		count.Add(counters.SendsDropped, 1)
		if tooMany {
			p.warnOfDrop("SendsPerPeer", c.Sends)
		} else {
			p.warnOfDrop("SendBytesPerPeer", c.SendBytes)
		}
		return
	}
	r := newRequest(s, registration, e)
	p.sends.add(r)
	if p.deferUntil.IsZero() {
		p.waiting.push(r)
	} else {
		p.deferred.push(r)
	}
	p.unlock()
}

// warnOfDrop logs, once in a while, that sends are dropped: there is no room under a limit, named as in peernet.Limits.
func (p *peer) warnOfDrop(limit string, value int) {
	c := &p.server.config
	rest := func(dropped uint64) { // so that the lines add up to the true number
		c.Log.Warn("sends dropped since the last line about them", "peer", p.key, "dropped", dropped)
	}
	if ok, before := p.drops.Allow(c.Clock, 1, rest); ok {
		c.Log.Warn("sends dropped: they come faster than their handlers take them; make the handlers faster, or raise the limit",
			"peer", p.key, "dropped", before+1, "limit", "Limits."+limit, "value", value)
	}
}

// EndRequests says that the session brings no more calls and no more sends.
func (s *Session) EndRequests() {
	s.peer.mu.Lock()
	s.peer.endSends(s)
	s.peer.unlock()
}

// The rest is called with mu held.

// open enters a session. If it is not the only one that can bring sends, the sends that come from now on are deferred. Earlier
// sends are older than all that the new session can bring.
func (p *peer) open() {
	p.sessions++
	if p.sending++; p.sending < 2 {
		return
	}
	clock := p.server.config.Clock
	p.deferUntil = clock.Now().Add(deferSends)
	p.releaseLater()
}

// releaseLater lets the deferred sends run when they have waited for deferSends, unless a session has come since then. While a
// send comes in parts they wait on: it was made before those that the peer's other session brings.
func (p *peer) releaseLater() {
	clock := p.server.config.Clock
	clock.AfterFunc(deferSends, func() {
		p.mu.Lock()
		switch {
		case p.deferUntil.IsZero() || clock.Now().Before(p.deferUntil):
		case p.chains > 0:
			p.releaseLater()
		default:
			p.releaseDeferred()
		}
		p.unlock()
	})
}

// endSends records that a session brings no more sends: its sends come before those of any other.
func (p *peer) endSends(s *Session) {
	if s.sendsEnded {
		return
	}
	s.sendsEnded = true
	p.chains -= s.chains
	s.chains = 0
	first, others := p.deferred.split(s)
	p.waiting.append(&first)
	p.deferred = others
	if p.sending--; p.sending < 2 {
		p.releaseDeferred()
	}
}

// releaseDeferred lets the deferred sends run in the order in which they came.
func (p *peer) releaseDeferred() {
	p.waiting.append(&p.deferred)
	p.deferUntil = time.Time{}
}

// discard drops the sends of session s, or of every session if s is nil, and cancels the one that runs.
func (p *peer) discard(s *Session) {
	for _, l := range []*list{&p.waiting, &p.deferred} {
		dropped, others := l.split(s)
		for r := dropped.pop(); r != nil; r = dropped.pop() {
			p.sends.sub(r)
		}
		*l = others
	}
	if p.handling != nil && (s == nil || p.handling.session == s) {
		p.handling.cancel()
	}
}
