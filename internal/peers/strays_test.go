package peers

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// strays are messages of what a peer does not hold, or does not hold any more: timers that were stopped too late, rounds
// that were given up, sessions that have ended or were never let in.
var strays = []struct {
	name string
	make func(r *rig, l *session.Link) any
}{
	{"Up", func(_ *rig, l *session.Link) any { return session.Up{Link: l} }},
	{"Greeted", func(_ *rig, l *session.Link) any { return session.Greeted{Link: l} }},
	{"HalfClosed", func(_ *rig, l *session.Link) any {
		return session.HalfClosed{Link: l, Bye: envelope.Bye{Code: envelope.ReasonIdle}}
	}},
	{"Ending", func(_ *rig, l *session.Link) any {
		return session.Ending{Link: l, End: session.Ended{Reason: envelope.ReasonProtocol}}
	}},
	{"RotationDue", func(_ *rig, l *session.Link) any { return needsRotation(l) }},
	{"Probed, it answers", func(_ *rig, l *session.Link) any { return answers(l) }},
	{"Probed, it is silent", func(_ *rig, l *session.Link) any { return isSilent(l) }},
	{"Ended", func(r *rig, l *session.Link) any {
		return session.Ended{Session: r.System.NewLocalPID(l.ID()), Link: l, Reason: envelope.ReasonBusy, ByPeer: true, WasUp: true}
	}},
	{"Ended, of a handshake", func(r *rig, l *session.Link) any {
		return session.Ended{Session: r.System.NewLocalPID(l.ID()), Reason: session.ReasonHandshake, Err: errLost}
	}},
	{"Terminated", func(r *rig, l *session.Link) any { return &actor.Terminated{Who: r.System.NewLocalPID(l.ID())} }},
	{"timerDue", func(r *rig, _ *session.Link) (m any) {
		r.look(func(p *peer) { m = timerDue{p.armed.Add(-1)} })
		return m
	}},
	{"dialAllowed", func(*rig, *session.Link) any { return dialAllowed{&round{left: addresses}} }},
	{"handshakeSlow", func(*rig, *session.Link) any { return handshakeSlow{round: &round{left: addresses}} }},
	{"staggered", func(*rig, *session.Link) any { return staggered{&dial{addr: z}} }},
	{"dialled, lost", func(r *rig, _ *session.Link) any {
		return dialled{&dial{addr: z, err: errLost}}
	}},
	{"dialled, won", func(r *rig, _ *session.Link) any {
		near, far := r.pipe(z)
		r.end("late", far, handshake.Responder)
		return dialled{&dial{addr: z, conn: near}}
	}},
}

// TestStraysChangeNothing, in any state; but a connection that nobody waits for any more is closed.
func TestStraysChangeNothing(t *testing.T) {
	for _, in := range slices.Concat(alone, together, leaving) {
		t.Run(in.name, func(t *testing.T) {
			onRig(t, in, func(r *rig) {
				l := r.stray()
				for _, m := range strays {
					want := in.state
					if m.name == "dialled, won" {
						want += " late>cut"
					}
					r.tell(m.make(r, l))
					if got := r.outcome(); got != want {
						t.Errorf("%s: %s, want %s", m.name, got, want)
					}
				}
			})
		})
	}
}

// stray returns a session that the peer is not told of.
func (r *rig) stray() *session.Link {
	r.detain = true
	e := r.inbound("stray")
	r.detain = false
	synctest.Wait()
	return e.link
}

// TestRotationIsNoUse: a session that replaces one that nobody uses ends when that one would have (wire.md §7.5).
func TestRotationIsNoUse(t *testing.T) {
	for _, c := range []struct {
		name, old, want string
		replace         func(r *rig)
	}{
		{"by this node", "rotating", "found b>bye idle", func(r *rig) { r.won(x, "b").shake().says(aHello(1)) }},
		{"by the peer", "responder", "unknown b>bye idle", func(r *rig) { r.inbound("b").says(aHello(1)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := slices.IndexFunc(together, func(s situation) bool { return s.name == c.old })
			onRig(t, together[i], func(r *rig) {
				unused(r, "a", time.Second)
				c.replace(r)
				r.outcome()
				time.Sleep(time.Second)
				r.expire()
				if got := r.outcome(); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
			})
		})
	}
}
