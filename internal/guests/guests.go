// Package guests keeps the sessions of guests, whose keys are proved and need no trust, and the sessions in which this node is the
// guest, with its hosts (wire.md §4.7).
//
// Its actor admits the sessions that the listener lets in, ends those that are idle or have reached Life, and has the sessions that
// this node begins as its children. It decides nothing else: there is no arbitration and no redial.
package guests

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A Config is what the actor needs; every field is required.
type Config struct {
	Session *session.Config // its clock, log and pool are the actor's as well

	Idle time.Duration // an unused session of a guest ends after this time, or up to a quarter longer
	Life time.Duration // a session of a guest is told to end after this time

	// Tell hands an event to the node. It does not block.
	Tell func(any)
}

// Commands from the node, which also passes session.Proved on.
type (
	// Begin makes a session with the node at the other end of Conn, which the session owns from now on. Done has room for one result, and gets
	// nothing if the node ends first.
	Begin struct {
		Conn   net.Conn
		Expect identity.PublicKey // zero: whatever key answers
		Done   chan<- Begun
	}

	// CloseGuests ends the sessions of all guests, whose calls in flight may end: no handler is for guests any more.
	CloseGuests struct{}

	// CloseBlocked ends, at once, the sessions with keys that are blocked by now, of guests and of hosts.
	CloseBlocked struct{}

	// Stop says goodbye to every guest and every host. No session begins after it. Stopped follows once no session is left.
	Stop struct{}
)

// Begun is the result of a Begin: a session that is up, or the end of one that did not come up.
type Begun struct {
	Link *session.Link
	End  session.Ended // if Link is nil
}

// Events to the node.
type (
	// Came says that the session of a guest is up.
	Came struct {
		Key  identity.PublicKey
		Addr netip.AddrPort
	}

	// Gone says that the session of a guest has ended.
	Gone struct {
		Key  identity.PublicKey
		Addr netip.AddrPort
		session.Ended
	}

	// Stopped says that after Stop no session is left.
	Stopped struct{}
)

// From timers, and from itself.
type (
	lookDue struct{ id string } // time to see whether a session was used
	lifeDue struct{ id string }

	// childStopped is sent when a session's actor has stopped. The actor sends it to itself on Terminated, which overtakes the
	// last messages of that actor; this follows them.
	childStopped struct{ who *actor.PID }
)

func (lookDue) IgnoreDeadLetterLogging()      {}
func (lifeDue) IgnoreDeadLetterLogging()      {}
func (childStopped) IgnoreDeadLetterLogging() {}

// looks is how many times within Idle the actor checks whether a session was used.
const looks = 4

// MaxHosts is how many sessions of which this node is the guest there may be, those that are ending included: hosts decide how long
// that takes. One more ends at once with `busy`.
const MaxHosts = 1024

// Props describes the actor.
func Props(c *Config) *actor.Props {
	return actorkit.Props(c.Session.Pool, c.Session.Log, func() actor.Actor { return newTable(c) })
}

func newTable(c *Config) *table {
	return &table{Config: c, guests: make(map[string]*guest), hosts: make(map[string]*host)}
}

// A table is the actor.
type table struct {
	*Config
	guests            map[string]*guest // by session
	hosts             map[string]*host  // likewise
	stopping, stopped bool
}

// A guest is the session of a guest.
type guest struct {
	link     *session.Link
	came     bool
	traffic  uint64
	lastUsed time.Time

	stopLook, stopLife func() bool
}

// A host is a session in which this node is the guest.
type host struct {
	link *session.Link // nil: its key is not proved yet
	done chan<- Begun  // nil: it was answered
}

// Receive implements actor.Actor.
func (t *table) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Stopping:
		t.releaseAll()
	case Begin:
		t.begin(ctx, m)
	case session.Proved:
		t.proved(ctx, m.Link)
	case session.Up:
		t.up(m.Link)
	case lookDue:
		t.look(ctx, m.id)
	case lifeDue:
		if g := t.guests[m.id]; g != nil {
			g.link.Close(session.Close{Reason: envelope.ReasonShutdown, Text: fmt.Sprintf("a guest may stay for %v", t.Life)})
		}
	case session.Ended:
		t.ended(m)
	case CloseGuests:
		t.closeGuests()
	case CloseBlocked:
		t.closeBlocked()
	case Stop:
		t.stop(ctx)
	case *actor.Terminated:
		ctx.Send(ctx.Self(), childStopped{m.Who})
	case childStopped:
		t.ended(session.Ended{Session: m.who, Reason: session.ReasonLost}) // nothing happens if its own Ended came before
	}
}

func (t *table) begin(ctx actor.Context, m Begin) {
	refuse := func(reason envelope.Reason) {
		_ = m.Conn.Close()
		m.Done <- Begun{End: session.Ended{Reason: reason}}
	}
	switch {
	case t.stopping:
		refuse(envelope.ReasonShutdown)
		return
	case len(t.hosts) >= MaxHosts:
		refuse(envelope.ReasonBusy)
		return
	}
	pid := session.Spawn(ctx, session.Params{Config: t.Session, Conn: m.Conn, Role: handshake.Initiator, Expect: m.Expect, Guest: true,
		Owner: ctx.Self()})
	t.hosts[pid.GetId()] = &host{done: m.Done}
}

// proved admits a session that has proved its key.
func (t *table) proved(ctx actor.Context, l *session.Link) {
	isGuest := l.Role() == handshake.Responder
	switch { // CloseGuests or CloseBlocked may have come before it
	case t.stopping || isGuest && !t.Session.TakesGuests():
		l.Close(session.Close{Reason: envelope.ReasonShutdown})
		return
	case t.isBlocked(l):
		l.Close(session.Close{Reason: envelope.ReasonRevoked})
		return
	}
	if h := t.hosts[l.ID()]; h != nil {
		h.link = l
	}
	if isGuest {
		id := l.ID()
		g := &guest{link: l, lastUsed: t.Session.Clock.Now(), stopLife: t.after(ctx, t.Life, lifeDue{id})}
		t.guests[id] = g
		t.lookLater(ctx, id, g)
		ctx.Watch(ctx.ActorSystem().NewLocalPID(id)) // its parent may get its Ended, if it ends at this moment
	}
	l.Admit(ctx.Self())
}

func (t *table) up(l *session.Link) {
	if g := t.guests[l.ID()]; g != nil {
		g.came = true
		t.Tell(Came{l.Remote(), l.Addr()})
		return
	}
	if h := t.hosts[l.ID()]; h != nil && h.done != nil {
		h.done <- Begun{Link: l}
		h.done = nil
	}
}

// look ends a session that was not used for Idle.
func (t *table) look(ctx actor.Context, id string) {
	g := t.guests[id]
	if g == nil {
		return
	}
	n, inFlight := uint64(0), false
	if g.came {
		n, inFlight = g.link.Traffic()
	}
	now := t.Session.Clock.Now()
	if inFlight || n != g.traffic {
		g.traffic, g.lastUsed = n, now
	}
	if now.Sub(g.lastUsed) >= t.Idle {
		g.link.Close(session.Close{Reason: envelope.ReasonIdle})
		return
	}
	t.lookLater(ctx, id, g)
}

func (t *table) lookLater(ctx actor.Context, id string, g *guest) {
	g.stopLook = t.after(ctx, t.Idle/looks, lookDue{id})
}

// after posts m once d has passed.
func (t *table) after(ctx actor.Context, d time.Duration, m any) (stop func() bool) {
	system, self := ctx.ActorSystem(), ctx.Self()
	return t.Session.Clock.AfterFunc(d, func() { system.Root.Send(self, m) })
}

// ended forgets a session. A second end of the same session changes nothing.
func (t *table) ended(m session.Ended) {
	id := m.Session.GetId()
	if g := t.guests[id]; g != nil {
		t.release(id, g, m)
	}
	if h := t.hosts[id]; h != nil {
		delete(t.hosts, id)
		if h.done != nil {
			h.done <- Begun{End: m}
		}
	}
	t.stopIfEmpty()
}

func (t *table) stopIfEmpty() {
	if t.stopping && !t.stopped && len(t.guests)+len(t.hosts) == 0 {
		t.stopped = true
		t.Tell(Stopped{})
	}
}

// release forgets the session of a guest.
func (t *table) release(id string, g *guest, m session.Ended) {
	delete(t.guests, id)
	g.stopLook()
	g.stopLife()
	if g.came {
		t.Tell(Gone{g.link.Remote(), g.link.Addr(), m})
	}
}

func (t *table) stop(ctx actor.Context) {
	t.stopping = true
	t.closeGuests()
	for id := range t.hosts {
		ctx.Send(ctx.ActorSystem().NewLocalPID(id), session.Close{Reason: envelope.ReasonShutdown})
	}
	t.stopIfEmpty()
}

func (t *table) closeGuests() {
	for _, g := range t.guests {
		g.link.Close(session.Close{Reason: envelope.ReasonShutdown})
	}
}

func (t *table) isBlocked(l *session.Link) bool {
	return t.Session.Blocked != nil && t.Session.Blocked(l.Remote())
}

func (t *table) closeBlocked() {
	end := func(l *session.Link) {
		if l != nil && t.isBlocked(l) {
			l.Close(session.Close{Reason: envelope.ReasonRevoked})
		}
	}
	for _, g := range t.guests {
		end(g.link)
	}
	for _, h := range t.hosts {
		end(h.link)
	}
}

// releaseAll is called when the actor stops, for whatever reason.
func (t *table) releaseAll() {
	for id, g := range t.guests {
		t.release(id, g, session.Ended{Reason: session.ReasonLost})
	}
	t.stopping, t.stopped = true, true
}
