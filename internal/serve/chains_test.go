package serve

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// TestThereIsRoomForPartsOrNot asks for calls and sends at the limits: one that fits exactly is kept, whatever is about its
// arguments.
func TestThereIsRoomForPartsOrNot(t *testing.T) {
	const limit = 100_000
	change := func(c *Config) { c.CallBytes, c.SendBytes = limit, limit }
	bubble(t, change, func(t *testing.T, g *rig) {
		g.handle("wait", waitForEnd)
		p := g.open(1)
		p.call("wait", make([]byte, limit/2))
		p.send("wait", string(make([]byte, limit/2)))
		synctest.Wait()
		for _, kind := range []envelope.Kind{envelope.KindCall, envelope.KindSend} {
			head := &envelope.Envelope{Kind: kind, ID: 9, Name: []byte("wait")}
			for size, want := range map[int]bool{limit/2 + 100: true, limit/2 + besideArgs + 100: false, limit + 1: false} {
				if got := p.OpenChain(head, size); got != want {
					t.Errorf("a %v of %d bytes has room: %v", kind, size, got)
				}
				if kind == envelope.KindSend {
					p.CloseChain()
				}
			}
		}
		p.Close(envelope.ReasonRevoked) // ends the send that runs
	})
}

// TestStreamInPartsIsHeldToTheLimitsOfStreams fills the limits of calls, and those of streams: each is asked for its own.
func TestStreamInPartsIsHeldToTheLimitsOfStreams(t *testing.T) {
	const limit = 100_000
	head := func(name string) *envelope.Envelope {
		return &envelope.Envelope{Kind: envelope.KindCall, ID: 9, Name: []byte(name)}
	}
	change := func(c *Config) { c.Calls, c.CallBytes, c.Streams, c.StreamBytes = 1, limit, 2, limit }
	bubble(t, change, func(t *testing.T, g *rig) {
		g.handle("wait", waitForEnd)
		if err := g.Add(&Registration{Name: "tail", Handler: waitForEnd, IsStream: true}); err != nil {
			t.Fatal(err)
		}
		p := g.open(1)
		want := func(what, name string, size int, refusal *envelope.RemoteError) {
			t.Helper()
			if room := p.OpenChain(head(name), size); room != (refusal == nil) {
				t.Errorf("%s: %s of %d bytes has room: %v", what, name, size, room)
			}
			if refusal == nil {
				return
			}
			if err := p.Discard(head(name)); err != nil {
				t.Fatal(err)
			}
			if got := p.wantCode(9, envelope.CodeOverloaded); got.refusal != refusal {
				t.Errorf("%s: %s is answered %v, want %v", what, name, got.refusal, refusal)
			}
		}
		p.call("wait", nil)
		want("calls are full", "wait", 1000, g.overload.calls)
		want("calls are full", "tail", limit, nil)
		p.call("tail", make([]byte, limit/2), envelope.Options{IsStream: true})
		want("half of the bytes of streams", "tail", limit/2+100, nil)
		want("half of the bytes of streams", "tail", limit/2+besideArgs+100, g.overload.reserved)
		p.call("tail", nil, envelope.Options{IsStream: true})
		want("streams are full", "tail", 1000, g.overload.streams)
		p.Cancel(1)
		p.wantCode(1, envelope.CodeCancelled)
		want("streams are full", "wait", limit, nil)
	})
}

// TestWhatHadNoRoomIsRefusedInTheEnd also when there would be room by then.
func TestWhatHadNoRoomIsRefusedInTheEnd(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		g.handle("wait", waitForEnd)
		p := g.open(1)
		if err := p.Discard(&envelope.Envelope{Kind: envelope.KindCall, ID: 7, Name: []byte("wait")}); err != nil {
			t.Fatal(err)
		}
		if got := p.wantCode(7, envelope.CodeOverloaded); got.refusal != g.overload.bytes {
			t.Errorf("answered %v", got.refusal)
		}
		if err := p.Discard(&envelope.Envelope{Kind: envelope.KindSend, Name: []byte("wait")}); err != nil {
			t.Fatal(err)
		}
		if in, dropped := g.count(counters.SendsIn), g.count(counters.SendsDropped); in != 1 || dropped != 1 {
			t.Errorf("%d sends came and %d were dropped, want 1 and 1", in, dropped)
		}
		id := p.call("wait", nil)
		if err := p.Discard(&envelope.Envelope{Kind: envelope.KindCall, ID: id, Name: []byte("wait")}); err == nil {
			t.Error("the id of a call in flight was taken")
		}
	})
}

// TestSendInPartsComesBeforeThoseOfTheNewerSession holds the newer session's sends for as long as the send takes (wire.md
// §7.4), and no longer if the session ends under it.
func TestSendInPartsComesBeforeThoseOfTheNewerSession(t *testing.T) {
	for name, end := range map[string]func(a *caller, head *envelope.Envelope){
		"it is complete": func(a *caller, head *envelope.Envelope) {
			a.CloseChain()
			a.send("note", "1")
			a.EndRequests() // a peer that goes on with the newer session says so now
		},
		"it is abandoned":   func(a *caller, head *envelope.Envelope) { a.CloseChain() },
		"the session ends":  func(a *caller, head *envelope.Envelope) { a.Close(envelope.ReasonShutdown) },
		"the peer says bye": func(a *caller, head *envelope.Envelope) { a.EndRequests() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, g *rig) {
				var notes record
				g.handle("note", notes.handle)
				head := &envelope.Envelope{Kind: envelope.KindSend, Name: []byte("note")}
				a := g.open(1)
				a.OpenChain(head, 50_000)
				b := g.open(1)
				b.send("note", "2")
				time.Sleep(3*deferSends + 1)
				synctest.Wait()
				if got := notes.all(); len(got) != 0 {
					t.Errorf("handled %q before the send that is older", got)
				}
				end(a, head)
				time.Sleep(deferSends)
				synctest.Wait()
				want := []string{"2"}
				if name == "it is complete" {
					want = []string{"1", "2"}
				}
				if got := notes.all(); !slices.Equal(got, want) {
					t.Errorf("handled %q, want %q", got, want)
				}
			})
		})
	}
}
