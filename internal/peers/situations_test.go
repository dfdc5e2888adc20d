package peers

import (
	"net/netip"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A situation is a state of a peer, told apart where the same message means something else.
type situation struct {
	name    string
	state   string // as rig.state says it
	arrange func(r *rig)
}

// alone are the situations without a session that is up.
var alone = []situation{
	{"unknown", "unknown", func(*rig) {}},
	{"dialling", "dialling", func(r *rig) {
		r.tell(sighted(x))
		r.connect()
	}},
	{"handshaking", "dialling", handshaking}, // and y is next
	{"not accepted", "dialling", func(r *rig) {
		handshaking(r)
		r.the("a").shake()
	}},
	{"backing off", "backing off 250ms", func(r *rig) {
		r.tell(sighted(x))
		r.lost(x)
	}},
	{"fallen", "backing off 250ms", func(r *rig) {
		initiated(r)
		r.the("a").hangsUp()
	}},
	{"asleep", "found", func(r *rig) {
		initiated(r)
		r.the("a").says(aBye(envelope.ReasonIdle)).hangsUp()
	}},
	{"at the limit", "backing off 33.75s", func(r *rig) {
		r.fill()
		r.tell(sighted(x))
	}},
}

// together are those with one that is: a came up first, b second.
var together = []situation{
	{"initiator", "connected a", initiated},
	{"responder", "connected a", func(r *rig) { r.inbound("a").says(aHello(1)) }}, // and no address is known
	{"rotating", "connected a", rotating},
	{"rotating, handshaking", "connected a", func(r *rig) {
		rotating(r)
		r.won(x, "b")
	}},
	{"arbiter", "connected a", disputed},
	{"not arbiter", "connected a", disputed}, // by its key: see onRig
	{"two boots", "connected b", func(r *rig) {
		initiated(r)
		r.inbound("b").says(aHello(2))
	}},
}

// leaving are those in which a session is left that takes nothing new.
var leaving = []situation{
	{"half-closed", "backing off 5.25s", func(r *rig) { // a call is not answered yet
		initiated(r)
		r.the("a").says(aCall, aBye(envelope.ReasonShutdown))
	}},
	{"stopped", "found", func(r *rig) {
		initiated(r)
		r.tell(leave{envelope.ReasonShutdown})
	}},
	{"stopped, two", "found", func(r *rig) {
		disputed(r)
		r.tell(leave{envelope.ReasonShutdown})
	}},
	{"revoked", "found", func(r *rig) {
		initiated(r)
		r.tell(leave{envelope.ReasonRevoked})
	}},
	{"replaced", "connected a 1s", func(r *rig) { // and b, which takes its place, is not up yet
		initiated(r)
		r.inbound("b")
		r.the("a").says(aCall, aBye(envelope.ReasonRotated))
	}},
}

func sighted(addr netip.AddrPort) finder.Change {
	return finder.Change{Presence: finder.Presence{Addr: addr, Source: "test"}}
}

func lost(addr netip.AddrPort) finder.Change {
	c := sighted(addr)
	c.Kind = finder.Lost
	return c
}

func handshaking(r *rig) {
	r.connect(x, y)
	r.won(x, "a")
	r.tell(sighted(x))
	r.tell(sighted(y))
}

// initiated makes session a, which this node has initiated.
func initiated(r *rig) {
	r.tell(sighted(x))
	r.won(x, "a").shake().says(aHello(1))
}

// rotating is about to replace a: x is dialled.
func rotating(r *rig) {
	initiated(r)
	rotates("a")(r)
}

// disputed makes a and b, of different initiators.
func disputed(r *rig) {
	initiated(r)
	r.inbound("b").says(aHello(1))
}

// fill brings the node to its limit.
func (r *rig) fill() {
	r.others = 1
	_ = r.config.quota.enter(true)
	r.config.quota.maxSessions = 1
}

// What brings a message about.

func tells(m any) func(*rig) { return func(r *rig) { r.tell(m) } }

// tellsOf tells something of the session with the end of that name.
func tellsOf(name string, m func(*session.Link) any) func(*rig) {
	return func(r *rig) { r.tell(m(r.linkOf(name))) }
}

func needsRotation(l *session.Link) any { return session.RotationDue{Link: l} }

func answers(l *session.Link) any { return session.Probed{Link: l, Alive: true} }

func isSilent(l *session.Link) any { return session.Probed{Link: l} }

// says has an end say something: as its first words, if its handshake is not done.
func says(name string, plain ...[]byte) func(*rig) {
	return func(r *rig) {
		e := r.the(name)
		if e.Recv == nil {
			e.shake()
		}
		e.says(plain...)
	}
}

// leaves has an end say a bye and hang up.
func leaves(name string, code envelope.Reason) func(*rig) {
	return func(r *rig) {
		says(name, aBye(code))(r)
		r.the(name).hangsUp()
	}
}

func hangsUp(name string) func(*rig) { return func(r *rig) { r.the(name).hangsUp() } }

func shakes(name string) func(*rig) { return func(r *rig) { r.the(name).shake() } }

// unused makes it so that a session ends soon, as nobody has used it.
func unused(r *rig, name string, soon time.Duration) {
	r.change(name, func(p *peer, s *sessionFacts) { s.lastUsed = time.Now().Add(soon - p.IdleAfter) })
}

// idles says that it is time to look whether a session is used, and it is not.
func idles(name string) func(*rig) {
	return func(r *rig) {
		unused(r, name, 0)
		r.expire()
	}
}

// rotates says that a session is old enough to be replaced.
func rotates(name string) func(*rig) {
	return func(r *rig) {
		r.change(name, func(_ *peer, s *sessionFacts) { s.rotateAt = time.Now() })
		r.expire()
	}
}

// change changes what is known of a session, if it is known.
func (r *rig) change(name string, f func(*peer, *sessionFacts)) {
	id := r.linkOf(name).ID()
	r.look(func(p *peer) {
		if s := p.find(id); s != nil {
			f(p, s)
		}
	})
}

// expire has the peer's timer fire.
func (r *rig) expire() {
	r.look(func(p *peer) { p.applyFacts() })
	synctest.Wait()
}

// fails says that a session's actor has stopped, and nothing before: as if it had failed without a word.
func fails(name string) func(*rig) {
	return func(r *rig) {
		var id string
		if l := r.the(name).link; l != nil {
			id = l.ID()
		} else {
			r.look(func(p *peer) { id = p.handshakes[0] })
		}
		r.tell(&actor.Terminated{Who: r.System.NewLocalPID(id)})
	}
}

// crowds makes as many sessions as there may be, and c.
func crowds(r *rig) {
	n := 0
	for r.look(func(p *peer) { n = len(p.sessions) }); n < maxSessions; n++ {
		r.inbound("one of many")
	}
	r.outcome()
	r.inbound("c")
}

// distrusts takes trust away, of which the peer has not been told yet.
func distrusts(r *rig) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trusted = false
}

// mayDial says that the round may begin another dial.
func mayDial(r *rig) {
	var m dialAllowed
	r.look(func(p *peer) { m.round = p.round })
	r.tell(m)
}

// waits lets the time pass until the next dial.
func waits(r *rig) {
	info, _ := r.config.Directory.Info(r.theirs.PublicKey())
	if info.Next.IsZero() {
		r.Fatal("there will be no dial")
	}
	time.Sleep(time.Until(info.Next))
}
