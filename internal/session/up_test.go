package session

import (
	"slices"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
)

// TestInitiatorSaysHelloAndPingAtOnce holds wire.md §7.1 step 1: neither waits for a word of the responder's.
func TestInitiatorSaysHelloAndPingAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.config(ours, theirs)
		e, r := w.connect(c, handshake.Initiator)
		r.Handshake()
		r.want(helloOf(c), aPing(1))
		e.alive(open)
		if got, want := kinds(e.heard()), []string{"proved"}; !slices.Equal(got, want) {
			t.Errorf("the owner heard %v, want %v: the responder may still refuse", got, want)
		}
	})
}

func TestResponderSaysHelloFirst(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.config(ours, theirs)
		_, r := w.connect(c, handshake.Responder)
		r.Handshake()
		r.want(helloOf(c))
		r.say(aPing(7))
		r.want(aPong(7))
	})
}

// TestNothingIsSaidBeforeAdmission detains a session: its node has not decided yet.
func TestNothingIsSaidBeforeAdmission(t *testing.T) {
	for _, role := range []handshake.Role{handshake.Initiator, handshake.Responder} {
		t.Run(role.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.detained(role)
				r.Write(r.Frames(aHello(), aPing(1)))
				e.alive(proved)
				w.System.Root.Send(e.pid, admit{e.owner})
				r.want(helloOf(e.config))
				if role == handshake.Initiator {
					r.want(aPing(1))
				}
				r.want(aPong(1))
				if got, want := kinds(e.heard()), []string{"proved", "greeted", "up"}; !slices.Equal(got, want) {
					t.Errorf("the owner heard %v, want %v", got, want)
				}
			})
		})
	}
}

// detained returns a session whose handshake is done and that nobody has admitted.
func (w *world) detained(role handshake.Role) (*end, *raw) {
	w.Helper()
	c := w.config(ours, theirs)
	near, far := w.pipe()
	mine, its := far, near
	if role == handshake.Responder {
		mine, its = near, far
	}
	w.conns = append(w.conns, mine)
	r := w.raw(mine, role.Opposite(), ours.PublicKey())
	e := w.spawn(c, its, role, true)
	r.Handshake()
	e.alive(proved)
	return e, r
}

// TestAdmittingOwnerHearsTheRest has one actor that spawns the session and another that admits it.
func TestAdmittingOwnerHearsTheRest(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.detained(handshake.Responder)
		other := &end{world: w, pid: e.pid}
		other.owner = w.System.Root.Spawn(actorkit.RootProps(w.Pool, e.config.Log, func() actor.Actor { return (*owner)(other) }))
		e.link.Admit(other.owner)
		e.link.Admit(e.owner) // the first counts
		r.want(helloOf(e.config))
		r.say(aHello())
		r.say(aBye(envelope.ReasonBusy))
		if got, want := kinds(other.heard()), []string{"greeted", "up", "ended busy by peer"}; !slices.Equal(got, want) {
			t.Errorf("who admitted it heard %v, want %v", got, want)
		}
		if got, want := kinds(e.heard()), []string{"proved"}; !slices.Equal(got, want) {
			t.Errorf("who spawned it heard %v, want %v", got, want)
		}
		w.ends = nil // this end's owner does not hear of its own
		w.System.Root.Stop(other.owner)
		w.System.Root.Stop(e.owner)
	})
}

// TestSessionIsUpAtTheFirstValidFrame holds wire.md §7.1 step 3, for each envelope that may be the first.
func TestSessionIsUpAtTheFirstValidFrame(t *testing.T) {
	for name, c := range map[string]struct {
		first []byte
		want  []string // events after proved
	}{
		"hello":                      {aHello(), []string{"greeted", "up"}},
		"ping":                       {aPing(9), []string{"up"}},
		"pong that nobody waits for": {aPong(99), []string{"up"}},
		"call":                       {aCall(1, "echo", nil), []string{"up"}},
		"send":                       {aSend("note", nil), []string{"up"}},
		"late reply":                 {aReply(77, nil), []string{"up"}},
		"cancel of nothing":          {aCancel(5), []string{"up"}},
		"unknown protocol name":      {aSend("$/later", "anything"), []string{"up"}},
		"bye of a half-close":        {aBye(envelope.ReasonShutdown), []string{"half-closed shutdown"}},
		"bye of an immediate close":  {aBye(envelope.ReasonBusy), []string{"ended busy by peer"}},
	} {
		for _, role := range []handshake.Role{handshake.Initiator, handshake.Responder} {
			t.Run(name+"/"+role.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) {
					e, r := w.connect(w.config(ours, theirs), role)
					r.Handshake()
					r.want(helloOf(e.config))
					r.say(c.first)
					if got, want := kinds(e.heard()), append([]string{"proved"}, c.want...); !slices.Equal(got, want) {
						t.Errorf("the owner heard %v, want %v", got, want)
					}
				})
			})
		}
	}
}

func TestGreetedMayComeAfterUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.connect(w.config(ours, theirs), handshake.Responder)
		r.Handshake()
		r.say(aPing(1))
		if h := e.link.Hello(); h != (envelope.Hello{}) {
			t.Errorf("hello %+v before there was one", h)
		}
		r.say(aHello())
		if got, want := kinds(e.heard()), []string{"proved", "up", "greeted"}; !slices.Equal(got, want) {
			t.Errorf("the owner heard %v, want %v", got, want)
		}
	})
}

// TestFirstHelloCounts sends two: the second is checked and otherwise ignored (wire.md §6.7).
func TestFirstHelloCounts(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.connect(w.config(ours, theirs), handshake.Responder)
		r.Handshake()
		first := envelope.Hello{Version: 3, Agent: "one", Name: "kitchen", Boot: [8]byte{1, 2}, HasBoot: true, Max: 2 << 20}
		r.say(envelope.AppendHello(nil, first), envelope.AppendHello(nil, envelope.Hello{Version: 1, Agent: "two", Max: 3 << 20}))
		if got := e.link.Hello(); got != first {
			t.Errorf("hello %+v, want %+v", got, first)
		}
		if got := e.link.largest.Load(); got != 2<<20 {
			t.Errorf("the peer is taken to accept %d bytes, want %d", got, 2<<20)
		}
		if got, want := kinds(e.heard()), []string{"proved", "greeted", "up"}; !slices.Equal(got, want) {
			t.Errorf("the owner heard %v, want %v", got, want)
		}
	})
}

func TestLinkTellsWhoAndWhere(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		for _, role := range []handshake.Role{handshake.Initiator, handshake.Responder} {
			e, r := w.open(role)
			l := e.link
			if l.Remote() != theirs.PublicKey() || l.Role() != role {
				t.Errorf("remote %v, role %v", l.Remote(), l.Role())
			}
			if want := r.Conn.LocalAddr().String(); l.Addr().String() != want {
				t.Errorf("addr %v, want %v", l.Addr(), want)
			}
			if l.ID() != e.pid.GetId() {
				t.Errorf("id %q, want %q", l.ID(), e.pid.GetId())
			}
			if l.Since().IsZero() || l.Heard().Before(l.Since()) {
				t.Errorf("since %v, heard %v", l.Since(), l.Heard())
			}
		}
	})
}
