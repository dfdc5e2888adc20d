package session

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// TestHalfCloseOfAnIdleSession lets each side begin: the other answers with the same code, and both close without waiting
// for anything.
func TestHalfCloseOfAnIdleSession(t *testing.T) {
	for _, code := range append(slices.Clone(halves), "later") {
		t.Run("begun here/"+string(code), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				e.link.Close(Close{Reason: code, Text: "bye now", RetryAfter: time.Second})
				r.want(envelope.AppendBye(nil, envelope.Bye{Code: code, Text: "bye now", RetryAfter: time.Second}))
				e.alive(draining)
				r.say(aBye(code))
				r.wantEnd()
				r.hangUp()
				if m := e.ended(); m.Reason != code || m.ByPeer || m.Text != "bye now" || m.Err != nil {
					t.Errorf("ended %+v", m)
				}
				if got, want := kinds(e.heard()), []string{"proved", "greeted", "up", "ended " + string(code)}; !slices.Equal(got, want) {
					t.Errorf("the owner heard %v, want %v", got, want)
				}
			})
		})
		t.Run("begun by the peer/"+string(code), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				r.say(envelope.AppendBye(nil, envelope.Bye{Code: code, Text: "bye now", RetryAfter: time.Minute}))
				r.want(aBye(code)) // the same code, no text, no retry
				r.wantEnd()
				r.hangUp()
				if m := e.ended(); m.Reason != code || !m.ByPeer || m.Text != "bye now" || m.RetryAfter != time.Minute || m.Err != nil {
					t.Errorf("ended %+v", m)
				}
				if got, want := kinds(e.heard()), []string{"proved", "greeted", "up", "half-closed " + string(code), "ended " + string(code) + " by peer"}; !slices.Equal(got, want) {
					t.Errorf("the owner heard %v, want %v", got, want)
				}
				if e.served.requestsEnded != 1 {
					t.Error("the stub was not told that nothing follows")
				}
			})
		})
	}
}

// TestByesThatCross has both sides begin at once: each keeps its own reason, and neither answers again.
func TestByesThatCross(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		e.tell(Close{Reason: envelope.ReasonShutdown})
		synctest.Wait()
		r.say(aBye(envelope.ReasonRotated), aBye(envelope.ReasonIdle)) // the second is ignored
		r.want(aBye(envelope.ReasonShutdown))
		r.wantEnd()
		r.hangUp()
		if m := e.ended(); m.Reason != envelope.ReasonShutdown || m.ByPeer {
			t.Errorf("ended %+v", m)
		}
	})
}

// TestHalfCloseBegunHereLosesNothing follows wire.md §7.3 step by step, with calls in flight both ways.
func TestHalfCloseBegunHereLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		e.served.serve(nil)
		mine := e.goCall(t.Context(), "mine", nil)
		r.say(aCall(1, "before", nil))
		if err := e.link.Send(t.Context(), "note", nil); err != nil {
			t.Fatal(err)
		}
		e.tell(Close{Reason: envelope.ReasonShutdown})
		r.want(aCall(1, "mine", nil), aSend("note", nil), aBye(envelope.ReasonShutdown)) // 1: behind what was begun
		err := e.goCall(t.Context(), "late", nil).wait(t)
		if !errors.Is(err, errDraining) {
			t.Errorf("a call after the bye: %v", err)
		}
		if err := e.link.Send(t.Context(), "late", nil); !errors.Is(err, errDraining) {
			t.Errorf("a send after the bye: %v", err)
		}
		r.say(aCall(2, "between", nil), aPing(7)) // 3: served as always
		r.want(aPong(7))
		if n := len(e.served.called()); n != 2 {
			t.Fatalf("%d calls were handled, want 2", n)
		}
		r.say(aBye(envelope.ReasonShutdown))
		e.alive(draining)
		e.served.reply(1, "first", nil)
		r.want(aReply(1, "first"))
		r.say(aCancel(2), aPing(8)) // still allowed
		r.want(aPong(8))
		r.say(aReply(1, "yours"))
		mine.want(t, "yours")
		e.alive(draining) // 5: a call of the peer's is not answered yet
		e.served.reply(2, nil, &envelope.RemoteError{Code: envelope.CodeCancelled})
		r.want(aRefusal(2, envelope.CodeCancelled, ""))
		r.wantEnd()
		r.hangUp()
		if m := e.ended(); m.Reason != envelope.ReasonShutdown || m.ByPeer || m.Err != nil {
			t.Errorf("ended %+v", m)
		}
	})
}

// TestHalfCloseWaitsForOurOwnCalls lets a reply of the peer come last, and late.
func TestHalfCloseWaitsForOurOwnCalls(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		mine := e.goCall(t.Context(), "mine", nil)
		r.want(aCall(1, "mine", nil))
		r.say(aBye(envelope.ReasonIdle))
		r.want(aBye(envelope.ReasonIdle))
		time.Sleep(10 * time.Second)
		e.alive(draining)
		r.say(aReply(1, "at last"))
		mine.want(t, "at last")
		r.wantEnd()
		r.hangUp()
		e.ended()
	})
}

// TestCallThatComesToNothingEndsTheHalfClose has calls that wait for room when the half-close begins. They are told at
// once that another session may serve, and hold nothing up.
func TestCallThatComesToNothingEndsTheHalfClose(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder, func(c *Config) { c.QueueBytes = 100_000 })
		big := e.goCall(t.Context(), "big", make([]byte, 300_000))
		var waiting []*calling
		for range 5 {
			waiting = append(waiting, e.goCall(t.Context(), "waits", make([]byte, 20_000)))
		}
		e.tell(Close{Reason: envelope.ReasonRotated})
		for _, c := range waiting {
			if err := c.wait(t); !errors.Is(err, errDraining) {
				t.Errorf("the call failed with %v", err)
			}
		}
		r.want(aCall(1, "big", make([]byte, 300_000)), aBye(envelope.ReasonRotated))
		r.say(aReply(1, nil), aBye(envelope.ReasonRotated))
		big.want(t, nil)
		r.wantEnd()
		r.hangUp()
		e.ended()
	})
}

// TestHalfCloseIsBounded has peers that do not answer the bye, or answer and then let a call hang.
func TestHalfCloseIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(e *end, r *raw)
		want  string
	}{
		"our bye is not answered": {func(e *end, r *raw) { e.tell(Close{Reason: envelope.ReasonShutdown}) }, "ended shutdown"},
		"our call is not answered": {func(e *end, r *raw) {
			e.goCall(e.Context(), "slow", nil)
			r.Write(r.Frames(aBye(envelope.ReasonIdle)))
		}, "ended idle by peer"},
		"the peer's call is not answered": {func(e *end, r *raw) {
			e.served.serve(nil)
			r.Write(r.Frames(aCall(1, "slow", nil), aBye(envelope.ReasonIdle)))
		}, "ended idle by peer"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				start := time.Now()
				c.begin(e, r)
				for range 29 {
					time.Sleep(time.Second)
					r.say(aPing(1)) // it is alive
				}
				e.alive(draining)
				all := r.rest()
				if d := time.Since(start); d != 30*time.Second {
					t.Errorf("closed after %v, want 30s", d)
				}
				if len(all) == 0 {
					t.Error("no bye was heard")
				}
				r.hangUp()
				e.ended()
				if got := kinds(e.heard()); got[len(got)-1] != c.want {
					t.Errorf("the owner heard %v, want %s", got, c.want)
				}
			})
		})
	}
}

// TestLateWithdrawalEndsTheHalfClose has a call that entered the table before the byes and finds only then that nothing may
// begin: it is the last thing that the half-close waits for, and no frame tells the actor that it is gone.
func TestLateWithdrawalEndsTheHalfClose(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		p := e.config.pendings.get()
		p.id = 77
		if err := e.link.flight.enter(p); err != nil {
			t.Fatal(err)
		}
		e.link.callers.Add(1)
		r.say(aBye(envelope.ReasonRotated))
		r.want(aBye(envelope.ReasonRotated))
		e.alive(draining)
		if got := e.link.exchange(t.Context(), p, errDraining); got.err != errDraining {
			t.Errorf("withdrawn for %v", got.err)
		}
		e.link.leave()
		e.alive(ending)
		r.wantEnd()
		r.hangUp()
		e.ended()
	})
}

// TestPeerClosesInTheMiddleOfAHalfClose ends the stream before and after the peer's bye: only the latter is orderly.
func TestPeerClosesInTheMiddleOfAHalfClose(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		e.tell(Close{Reason: envelope.ReasonShutdown})
		r.want(aBye(envelope.ReasonShutdown))
		r.hangUp()
		if m := e.ended(); m.Reason != ReasonLost {
			t.Errorf("ended %+v", m)
		}
	})
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		mine := e.goCall(t.Context(), "mine", nil)
		r.want(aCall(1, "mine", nil))
		r.say(aBye(envelope.ReasonShutdown))
		r.want(aBye(envelope.ReasonShutdown))
		r.hangUp()
		mine.wantLink(t, envelope.ReasonShutdown, true, true)
		if m := e.ended(); m.Reason != envelope.ReasonShutdown || !m.ByPeer {
			t.Errorf("ended %+v", m)
		}
	})
}

// TestHalfCloseEndsInAnImmediateClose has this node close at once in the middle, for a lost pong or lost trust.
func TestHalfCloseEndsInAnImmediateClose(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		mine := e.goCall(t.Context(), "mine", nil)
		e.tell(Close{Reason: envelope.ReasonShutdown})
		e.tell(Close{Reason: envelope.ReasonIdle}) // the first counts
		synctest.Wait()
		e.tell(Close{Reason: envelope.ReasonRevoked})
		r.want(aCall(1, "mine", nil), aBye(envelope.ReasonShutdown), aBye(envelope.ReasonRevoked))
		r.wantEnd()
		mine.wantLink(t, envelope.ReasonRevoked, false, true)
		r.hangUp()
		if m := e.ended(); m.Reason != envelope.ReasonRevoked {
			t.Errorf("ended %+v", m)
		}
	})
}

// both returns two sessions that are the ends of one connection, both up.
func (w *world) both(change ...func(*Config)) (a, b *end) {
	w.Helper()
	near, far := w.pipe()
	ca, cb := w.config(ours, theirs), w.config(theirs, ours)
	for _, f := range change {
		f(ca)
		f(cb)
	}
	b = w.spawn(cb, far, handshake.Responder, false)
	a = w.spawn(ca, near, handshake.Initiator, false)
	a.alive(open)
	b.alive(open)
	return a, b
}

// TestTwoSessionsCloseTogether has both ends begin a half-close in the same moment, or one of them, with many calls in
// flight each way and more being made: each call that was begun gets its reply, the others are told to go elsewhere.
func TestTwoSessionsCloseTogether(t *testing.T) {
	for name, begin := range map[string]func(a, b *end){
		"both": func(a, b *end) {
			a.tell(Close{Reason: envelope.ReasonRotated})
			b.tell(Close{Reason: envelope.ReasonShutdown})
		},
		"initiator": func(a, b *end) { a.tell(Close{Reason: envelope.ReasonRotated}) },
		"responder": func(a, b *end) { b.tell(Close{Reason: envelope.ReasonShutdown}) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				a, b := w.both()
				var join sync.WaitGroup
				var mu sync.Mutex
				answered, elsewhere := 0, 0
				for _, e := range []*end{a, b} {
					e.served.serve(func(s *stub, m envelope.Envelope) {
						time.Sleep(time.Duration(1+m.ID%7) * time.Second)
						echo(s, m)
					})
					for i := range 50 {
						join.Go(func() {
							for {
								_, err := e.link.Call(t.Context(), "echo", "", i)
								mu.Lock()
								if err == nil {
									answered++
								} else if Unsent(err) {
									elsewhere++
								} else {
									t.Errorf("a call was lost: %v", err)
								}
								mu.Unlock()
								if err != nil {
									return
								}
							}
						})
					}
				}
				time.Sleep(5 * time.Second)
				begin(a, b)
				join.Wait()
				ma, mb := a.ended(), b.ended()
				if answered < 100 || elsewhere != 100 {
					t.Errorf("%d calls were answered, %d told to go elsewhere", answered, elsewhere)
				}
				if ma.Err != nil || mb.Err != nil || strings.HasPrefix(string(ma.Reason+mb.Reason), "lost") {
					t.Errorf("ended %+v and %+v", ma, mb)
				}
			})
		})
	}
}
