package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// openTo is open with a peer that says h.
func (w *world) openTo(h envelope.Hello, change ...func(*Config)) (*end, *raw) {
	w.Helper()
	c := w.config(ours, theirs)
	for _, f := range change {
		f(c)
	}
	e, r := w.connect(c, handshake.Responder)
	r.Handshake()
	r.say(envelope.AppendHello(nil, h), aPing(1))
	r.want(helloOf(c), aPong(1))
	return e, r
}

// takesParts is what a peer says that takes parts.
var takesParts = envelope.Hello{Version: 2, Message: 8 << 20, Assemble: 9 << 20, Chains: 8}

// cut returns an envelope in parts of n bytes.
func cut(chain uint64, whole []byte, n int) (parts [][]byte) {
	total := len(whole)
	for len(whole) > 0 {
		p := envelope.Part{Chain: chain, Bytes: whole[:min(n, len(whole))]}
		whole = whole[len(p.Bytes):]
		if p.Last = len(whole) == 0; len(parts) == 0 {
			p.Total = total
		}
		parts = append(parts, envelope.AppendPart(nil, p))
	}
	return parts
}

// An ear joins what a session says to a raw peer.
type ear struct {
	*raw
	parts assembly
	nils  int
}

func (r *raw) ear() *ear {
	return &ear{raw: r, parts: assembly{limits: partsOf(&takesParts)}}
}

// next returns the next whole envelope, and how many parts came before it.
func (e *ear) next() (plain []byte, parts int) {
	e.Helper()
	for {
		b, err := e.Next()
		if err != nil {
			e.Fatal(err)
		}
		var m envelope.Envelope
		if err := envelope.Msgpack.Parse(b, &m); err != nil {
			e.Fatal(err)
		}
		if !isPart(&m) {
			return b, parts
		}
		p, err := envelope.ParsePart(m.Args, string(m.Name) == envelope.NameLast)
		if err != nil {
			e.Fatal(err)
		}
		parts++
		c, err := e.parts.add(p, 0, func(*envelope.Envelope, int) bool { return true })
		switch {
		case err != nil:
			e.Fatal(err)
		case c != nil && c.abandoned:
			e.nils++
		case c != nil:
			return c.b, parts
		}
	}
}

// wantWhole fails unless the next envelope is this one, in that many parts; 0: in one piece.
func (e *ear) wantWhole(want []byte, most int) {
	e.Helper()
	got, parts := e.next()
	if !bytes.Equal(got, want) || parts > most || most > 0 && parts < 2 {
		e.Fatalf("heard %.40x of %d bytes in %d parts, want %.40x of %d in at most %d", got, len(got), parts, want, len(want), most)
	}
}

// TestLargeEnvelopesTravelInParts goes both ways, with each kind, above what one frame may have.
func TestLargeEnvelopesTravelInParts(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.openTo(takesParts)
		ear := r.ear()
		args := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16)
		call := e.goCall(t.Context(), "big", args)
		most := len(args)/leastAllowance + 2
		ear.wantWhole(aCall(1, "big", args), most)
		r.say(cut(9, aReply(1, args), envelope.MaxPart)...)
		call.want(t, args)

		go func() { _ = e.link.Send(context.Background(), "note", args) }()
		ear.wantWhole(aSend("note", args), most)
		r.say(cut(9, aSend("note", args), 50_000)...)
		if got := e.served.sent(); len(got) != 1 || len(got[0].Args) < len(args) {
			t.Errorf("%d sends have come", len(got))
		}
		for _, plain := range cut(10, aCall(5, "echo", args), envelope.MinPart) {
			r.say(plain)
		}
		ear.wantWhole(aReply(5, args), most)
		e.look(func(s *session) { wantEmpty(t, s.queue) })
		if e.served.chains != 0 {
			t.Errorf("%d chains are counted as open", e.served.chains)
		}
	})
}

// TestPeersWithoutPartsGetFrames has peers of version 1, and one that has not said hello.
func TestPeersWithoutPartsGetFrames(t *testing.T) {
	for name, hello := range map[string]envelope.Hello{
		"version 1":               {Version: 1},
		"version 1 with the keys": {Version: 1, Message: 8 << 20, Assemble: 8 << 20, Chains: 8},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.openTo(hello)
				args := make([]byte, 1_000_000)
				e.goCall(t.Context(), "big", args)
				r.want(aCall(1, "big", args))
				_, err := e.link.Call(t.Context(), "big", "", make([]byte, 2<<20))
				if size, ok := errors.AsType[*SizeError](err); !ok || size.Limit != frame.DefaultLimit {
					t.Errorf("more than a frame: %v", err)
				}
				r.say(aReply(1, nil))
			})
		})
	}
	bubble(t, func(t *testing.T, w *world) {
		c := w.config(ours, theirs)
		e, r := w.connect(c, handshake.Responder)
		r.Handshake()
		r.say(aPing(1))
		r.want(helloOf(c), aPong(1))
		args := make([]byte, 1_000_000)
		e.goCall(t.Context(), "big", args)
		r.want(aCall(1, "big", args))
		r.say(aReply(1, nil))
	})
}

// TestMessageLimitIsThePeers holds `message` of the hello, and the answer to a result that is larger.
func TestMessageLimitIsThePeers(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.openTo(envelope.Hello{Version: 2, Message: 2 << 20, Assemble: 1, Chains: 0})
		_, err := e.link.Call(t.Context(), "big", "", make([]byte, 2<<20))
		if size, ok := errors.AsType[*SizeError](err); !ok || size.Limit != 2<<20+16 {
			t.Errorf("over the peer's limit: %v", err)
		}
		e.served.serve(func(s *stub, m envelope.Envelope) { s.reply(m.ID, make([]byte, 2<<20), nil) })
		r.say(aCall(1, "big", nil))
		plain, _ := r.ear().next()
		var m envelope.Envelope
		if err := envelope.Msgpack.Parse(plain, &m); err != nil || m.Err == nil || m.Err.Code != envelope.CodeTooLarge {
			t.Errorf("the answer is %+v, %v", m, err)
		}
		args := make([]byte, 2<<20-30)
		e.goCall(t.Context(), "fits", args) // assemble and chains are at least what one message needs
		ear := r.ear()
		ear.wantWhole(aCall(2, "fits", args), 1000)
		r.say(aReply(2, nil))
	})
}

// TestCallGivenUpBeforeItsLastPartWasNeverSent abandons the chain, and after the last part cancels the call.
func TestCallGivenUpBeforeItsLastPartWasNeverSent(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.openTo(takesParts)
		ear := r.ear()
		ctx, cancel := context.WithCancel(t.Context())
		begun := e.goCall(ctx, "big", make([]byte, 4<<20)) // the connection holds its first parts
		queued := e.goCall(ctx, "big", make([]byte, 1<<20))
		cancel()
		for _, c := range []*calling{begun, queued} {
			if err, ok := c.wait(t).(*AbandonedError); !ok || err.Sent {
				t.Errorf("given up before the last part: %v", c.err)
			}
		}
		next := e.goCall(t.Context(), "next", nil)
		ear.wantWhole(aCall(3, "next", nil), 1000)
		r.say(aReply(3, nil))
		next.want(t, nil)
		ctx, cancel = context.WithCancel(t.Context())
		whole := e.goCall(ctx, "big", make([]byte, 300_000))
		ear.wantWhole(aCall(4, "big", make([]byte, 300_000)), 1000)
		cancel()
		if err, ok := whole.wait(t).(*AbandonedError); !ok || !err.Sent {
			t.Errorf("given up after the last part: %v", whole.err)
		}
		ear.wantWhole(envelope.AppendCancel(nil, 4), 0)
		if ear.nils != 1 || len(ear.parts.chains) != 0 {
			t.Errorf("%d chains were abandoned, %d are open", ear.nils, len(ear.parts.chains))
		}
		e.look(func(s *session) { wantEmpty(t, s.queue) })
	})
}

// TestEndBeforeTheLastPartIsUnsent loses the link under a call of which parts have left.
func TestEndBeforeTheLastPartIsUnsent(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.openTo(takesParts)
		call := e.goCall(t.Context(), "big", make([]byte, 4<<20))
		r.hangUp()
		if err, ok := call.wait(t).(*LinkError); !ok || err.Sent || !Unsent(err) {
			t.Errorf("the call failed with %v", call.err)
		}
	})
}

// TestPeerHasRoomForFewChains has a peer that takes one chain at a time, or little at once: all arrive, first come first served.
func TestPeerHasRoomForFewChains(t *testing.T) {
	for name, hello := range map[string]envelope.Hello{
		"one chain": {Version: 2, Message: 8 << 20, Assemble: 8 << 20, Chains: 1},
		"few bytes": {Version: 2, Message: 2 << 20, Assemble: 2 << 20, Chains: 8},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.openTo(hello)
				const n = 6
				for i := range n {
					e.goCall(t.Context(), "big", make([]byte, 1_100_000+i))
				}
				small := e.goCall(t.Context(), "small", nil)
				ear := r.ear()
				ear.parts.limits = partsOf(&hello)
				for id, got := 1, 0; got < n; {
					plain, _ := ear.next()
					if len(plain) < 1000 {
						r.say(aReply(n+1, nil))
						small.want(t, nil)
						continue
					}
					if want := aCall(envelope.CallID(id), "big", make([]byte, 1_100_000+id-1)); !bytes.Equal(plain, want) {
						t.Fatalf("call %d has not come in its turn", id)
					}
					r.say(aReply(envelope.CallID(id), nil))
					got++
					id++
				}
				e.look(func(s *session) { wantEmpty(t, s.queue) })
			})
		})
	}
}

// TestByeFollowsTheLastPart half-closes while a call and a send are on their way in parts (wire.md §7.3).
func TestByeFollowsTheLastPart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.openTo(takesParts)
		args := make([]byte, 2<<20)
		call := e.goCall(t.Context(), "big", args)
		go func() { _ = e.link.Send(context.Background(), "note", args[:1<<20]) }()
		synctest.Wait()
		e.tell(Close{Reason: envelope.ReasonRotated})
		ear, order := r.ear(), ""
		for range 3 {
			plain, _ := ear.next()
			order += fmt.Sprintf("%d ", len(plain)>>20)
		}
		if order != "1 2 0 " && order != "2 1 0 " {
			t.Errorf("the bye did not follow the call and the send: %s", order)
		}
		r.say(aReply(1, nil), aBye(envelope.ReasonRotated))
		call.want(t, nil)
		r.wantEnd()
		r.hangUp()
		e.ended()
	})
}

// TestRefusedCallIsReadAndAnswered has no room for a call in parts: it is read to its end, and answered then.
func TestRefusedCallIsReadAndAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.openTo(takesParts)
		e.served.room = 1 << 20
		parts := cut(1, aCall(7, "echo", make([]byte, 3<<20)), 60_000)
		r.say(parts[:len(parts)-1]...)
		r.say(aPing(2))
		r.want(aPong(2))
		e.look(func(s *session) {
			if _, in := held(s); in > 1<<20 {
				t.Errorf("%d bytes are held", in)
			}
		})
		r.say(parts[len(parts)-1])
		r.want(aRefusal(7, envelope.CodeOverloaded, ""))
		if n := len(e.served.called()); n != 0 {
			t.Errorf("%d calls were handled", n)
		}
		r.say(cut(1, aReply(99, make([]byte, 2<<20)), 60_000)...) // nobody waits for it
		e.alive(open)
	})
}

// TestChainOfASendClosesBehindIt: until the send is entered, those of another session wait for it (wire.md §7.4). The reader
// delivers the send, or the actor if a command is in the same read.
func TestChainOfASendClosesBehindIt(t *testing.T) {
	for name, beside := range map[string][]byte{"by the reader": aPing(1), "by the actor": envelope.AppendCancel(nil, 99)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.openTo(takesParts)
				parts := cut(1, must(envelope.Msgpack.AppendSend(nil, "note", make([]byte, 100_000))), 60_000)
				r.say(append(parts, beside)...)
				r.say(aPing(2))
				synctest.Wait()
				e.served.mu.Lock()
				if got := e.served.ofChains; !slices.Equal(got, []bool{true}) || e.served.chains != 0 {
					t.Errorf("sends came while their chain was open: %v; %d chains are left", got, e.served.chains)
				}
				e.served.mu.Unlock()
				r.say(parts[0], must(envelope.Msgpack.AppendSend(nil, "late", nil)), envelope.AppendPart(nil, envelope.Part{Chain: 1, Last: true}))
				synctest.Wait()
				e.served.mu.Lock()
				if e.served.chains != 0 {
					t.Errorf("%d chains are left after one was abandoned", e.served.chains)
				}
				e.served.mu.Unlock()
				e.alive(open)
			})
		})
	}
}

// TestTimeRunsFromTheFirstPart sends a call slowly: what is left of its time is less by as much (wire.md §6.10).
func TestTimeRunsFromTheFirstPart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.openTo(takesParts)
		for id, seconds := range map[envelope.CallID]int{1: 10, 2: 1} {
			o := envelope.Options{HasTimeout: true, Timeout: time.Duration(seconds) * time.Second}
			parts := cut(1, must(envelope.Msgpack.AppendCall(nil, id, "x", o, make([]byte, 100_000))), 60_000)
			r.say(parts[0])
			time.Sleep(3 * time.Second)
			r.say(parts[1])
		}
		for _, m := range e.served.called() {
			want := 7 * time.Second
			if m.ID == 2 {
				want = 0
			}
			if m.Options.Timeout != want || !m.Options.HasTimeout {
				t.Errorf("call %d has %v left, want %v", m.ID, m.Options.Timeout, want)
			}
		}
	})
}

// TestHostilePartsEndTheSession sends each chain that must be refused.
func TestHostilePartsEndTheSession(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		for _, v := range loadChains(t) {
			if v.Error == "" {
				continue
			}
			e, r := w.openTo(takesParts, func(c *Config) {
				c.Parts = PartLimits{Message: v.Limits.Message, Assemble: v.Limits.Assemble, Chains: v.Limits.Chains}
				c.PingAfter = time.Hour
			})
			e.served.serve(nil)
			for _, f := range v.Frames {
				time.Sleep(time.Duration(f.AfterMS) * time.Millisecond)
				r.say(join(nil, f.Parts))
			}
			r.wantProtocol(e)
			if t.Failed() {
				t.Fatalf("after %s", v.Name)
			}
		}
	})
}
