package serve

import (
	"context"
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// openGuest opens a session of a guest with that number in its key.
func (g *rig) openGuest(guest byte, isServed bool) *caller {
	g.t.Helper()
	c := &caller{t: g.t, key: identity.PublicKey{31: guest}}
	c.counters = g.counters.Guests()
	c.Session = g.OpenGuest(c, isServed)
	g.sessions = append(g.sessions, c.Session)
	return c
}

func withGuests(c *Config) { c.GuestCalls, c.GuestBytes = 4, 1<<20 }

// register adds handlers for each audience, which echo.
func (g *rig) register() {
	g.t.Helper()
	for name, a := range map[string]Audience{"peers": PeersAlone, "all": PeersAndGuests, "$/guests": GuestsAlone} {
		if err := g.Add(&Registration{Name: name, Audience: a, Handler: echo}); err != nil {
			g.t.Fatal(err)
		}
	}
}

// TestHandlersAreHiddenByAudience: what may not be known is answered as what is not there, to the last field. Each of the names has
// as many letters, as the answer quotes it.
func TestHandlersAreHiddenByAudience(t *testing.T) {
	bubble(t, withGuests, func(t *testing.T, g *rig) {
		g.register()
		for kind, c := range map[string]struct {
			of      *caller
			served  []string
			missing []string
		}{
			"peer":  {g.open(1), []string{"peers", "all"}, []string{"$/guests", "nope", "$/nope"}},
			"guest": {g.openGuest(2, true), []string{"all", "$/guests"}, []string{"peers", "nope", "$/nope"}},
			"host":  {g.openGuest(3, false), nil, []string{"all", "$/guests", "peers", "nope"}},
		} {
			for _, name := range c.served {
				c.of.wantCode(c.of.call(name, nil), "")
			}
			for _, name := range c.missing {
				got := c.of.wantCode(c.of.call(name, nil), envelope.CodeNoHandler)
				if want := noHandler(name); !reflect.DeepEqual(got.refusal, want) || got.refused {
					t.Errorf("%s, %s: %+v, want %+v", kind, name, got, want)
				}
			}
		}
	})
}

func TestServerServesGuestsWhileItHasAHandlerForThem(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		want := func(want bool) {
			t.Helper()
			if g.ServesGuests() != want {
				t.Errorf("serves guests: %v", !want)
			}
		}
		want(false)
		g.handle("peers", echo)
		want(false)
		for _, r := range []Registration{{Name: "all", Audience: PeersAndGuests}, {Name: "$/guests", Audience: GuestsAlone}} {
			r.Handler = echo
			if err := g.Add(&r); err != nil {
				t.Fatal(err)
			}
			want(true)
			g.Remove(r.Name)
			want(false)
		}
		if err := g.Add(&Registration{Name: "$/all", Audience: PeersAndGuests, Handler: echo}); err == nil {
			t.Error("a name of the protocol is for peers")
		}
		if names := g.Names(); len(names) != 1 {
			t.Errorf("names %q", names)
		}
	})
}

// TestGuestKeepsNothingOfAPeer: the limits of a trusted key are not those of the guest with that key, nor the reverse.
func TestGuestKeepsNothingOfAPeer(t *testing.T) {
	bubble(t, func(c *Config) { withGuests(c); c.Calls = 1 }, func(t *testing.T, g *rig) {
		release := make(blocker)
		if err := g.Add(&Registration{Name: "wait", Audience: PeersAndGuests, Handler: release.handle}); err != nil {
			t.Fatal(err)
		}
		peer, guest := g.open(1), g.openGuest(1, true)
		waits := []envelope.CallID{peer.call("wait", nil), guest.call("wait", nil), guest.call("wait", nil)}
		if n := len(peer.answered()) + len(guest.answered()); n > 0 {
			t.Errorf("%d calls were refused, of %v", n, waits)
		}
		if l := g.GuestLoad(); l.Calls != 2 || g.Loads()[peer.key].Calls != 1 {
			t.Errorf("guests %+v, peers %+v", l, g.Loads())
		}
		close(release)
		synctest.Wait()
	})
}

// TestGuestCallsAreBounded: those of one guest, and the bytes of all.
func TestGuestCallsAreBounded(t *testing.T) {
	bubble(t, func(c *Config) { c.GuestCalls, c.GuestBytes = 2, 4*guestReply+1000 }, func(t *testing.T, g *rig) {
		release := make(blocker)
		if err := g.Add(&Registration{Name: "wait", Audience: PeersAndGuests, Handler: release.handle}); err != nil {
			t.Fatal(err)
		}
		a, b := g.openGuest(1, true), g.openGuest(1, true)
		a.call("wait", nil)
		a.call("wait", make([]byte, 500))
		if got := a.wantCode(a.call("wait", nil), envelope.CodeOverloaded); got.refusal != g.overload.guestCalls {
			t.Errorf("answered %v", got.refusal)
		}
		b.call("wait", make([]byte, 500))
		if got := b.wantCode(b.call("nope", make([]byte, 1)), envelope.CodeOverloaded); got.refusal != g.overload.guestBytes {
			t.Errorf("answered %v", got.refusal)
		}
		b.call("wait", nil)
		b.full = make(chan struct{})
		close(release)
		synctest.Wait()
		if held := g.held.Load(); held != 2*guestReply+500 {
			t.Errorf("%d bytes are held for replies that wait for room", held)
		}
		close(b.full)
		synctest.Wait()
		if held := g.held.Load(); held != 0 {
			t.Errorf("%d bytes are held when all is answered", held)
		}
	})
}

// TestGuestThatDoesNotReadHoldsNoMoreThanItsCalls: calls whose replies wait for room count as those that run do.
func TestGuestThatDoesNotReadHoldsNoMoreThanItsCalls(t *testing.T) {
	bubble(t, withGuests, func(t *testing.T, g *rig) {
		g.register()
		c := g.openGuest(1, true)
		c.full = make(chan struct{})
		for range 4 {
			c.call("all", make([]byte, 10))
			synctest.Wait()
		}
		if got := c.wantCode(c.call("all", nil), envelope.CodeOverloaded); got.refusal != g.overload.guestCalls {
			t.Errorf("answered %v", got.refusal)
		}
		if held := g.held.Load(); held != 4*(guestReply+10) {
			t.Errorf("%d bytes are held", held)
		}
		close(c.full)
		synctest.Wait()
		c.answered()
		c.wantCode(c.call("all", nil), "")
		synctest.Wait()
		if held := g.held.Load(); held != 0 || c.peer.heldCalls != 0 {
			t.Errorf("%d bytes of %d calls are held when all is answered", held, c.peer.heldCalls)
		}
	})
}

// TestGuestCallThatIsFailedEarlyHoldsItsBytes until its handler has returned, and once only.
func TestGuestCallThatIsFailedEarlyHoldsItsBytes(t *testing.T) {
	bubble(t, withGuests, func(t *testing.T, g *rig) {
		release := make(blocker)
		h := func(ctx context.Context, r *Request) (any, error) {
			r.Fail(envelope.ErrFailed)
			return release.handle(ctx, r)
		}
		if err := g.Add(&Registration{Name: "wait", Audience: PeersAndGuests, Handler: h}); err != nil {
			t.Fatal(err)
		}
		c := g.openGuest(1, true)
		c.wantCode(c.call("wait", make([]byte, 10)), envelope.CodeFailed)
		if held := g.held.Load(); held != guestReply+10 {
			t.Errorf("%d bytes are held while the handler runs", held)
		}
		close(release)
		synctest.Wait()
		if held := g.held.Load(); held != 0 || len(c.peer.halfDone) != 0 {
			t.Errorf("%d bytes are held", held)
		}
	})
}

// TestSendsOfGuestsAreDropped: guests call.
func TestSendsOfGuestsAreDropped(t *testing.T) {
	bubble(t, withGuests, func(t *testing.T, g *rig) {
		var notes record
		if err := g.Add(&Registration{Name: "note", Audience: PeersAndGuests, Handler: notes.handle}); err != nil {
			t.Fatal(err)
		}
		c := g.openGuest(1, true)
		c.send("note", "1")
		synctest.Wait()
		if got := notes.all(); len(got) != 0 || g.counters.GuestStats().Counts[counters.SendsUnhandled] != 1 {
			t.Errorf("handled %q", got)
		}
	})
}

// TestGuestsAreForgotten once nothing is left of them.
func TestGuestsAreForgotten(t *testing.T) {
	bubble(t, withGuests, func(t *testing.T, g *rig) {
		g.register()
		for i := range byte(100) {
			c := g.openGuest(i, true)
			c.call("all", nil)
			synctest.Wait()
			c.Close(envelope.ReasonIdle)
		}
		synctest.Wait()
		if len(g.guests) != 0 || len(g.peers) != 0 || g.held.Load() != 0 {
			t.Errorf("%d guests and %d peers are left, %d bytes", len(g.guests), len(g.peers), g.held.Load())
		}
	})
}
