package session

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

var (
	halves     = []envelope.Reason{envelope.ReasonDuplicate, envelope.ReasonRotated, envelope.ReasonIdle, envelope.ReasonShutdown}
	immediates = []envelope.Reason{envelope.ReasonRefused, envelope.ReasonRevoked, envelope.ReasonConflict, envelope.ReasonBusy,
		envelope.ReasonProtocol, envelope.ReasonUnresponsive}
)

func TestReasonsThatHalfClose(t *testing.T) {
	for _, code := range append(slices.Clone(halves), "later", "a-code-of-tomorrow") {
		if !halfCloses(code) {
			t.Errorf("%s closes at once", code)
		}
	}
	for _, code := range immediates {
		if halfCloses(code) {
			t.Errorf("%s half-closes", code)
		}
	}
}

// TestImmediateClose holds wire.md §7.3: what waits is dropped, the bye is the last frame, and the peer can read it though it
// goes on sending.
func TestImmediateClose(t *testing.T) {
	for _, code := range immediates {
		t.Run(string(code), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				e.served.serve(nil)
				r.say(aCall(1, "slow", nil))
				mine := e.goCall(t.Context(), "mine", nil)
				r.want(aCall(1, "mine", nil))
				e.link.Close(Close{Reason: code, Text: "because", RetryAfter: time.Minute})
				synctest.Wait()
				r.say(aSend("late", nil), aPing(2)) // read and thrown away
				mine.wantLink(t, code, false, true)
				e.served.reply(1, "too late", nil)
				r.want(envelope.AppendBye(nil, envelope.Bye{Code: code, Text: "because", RetryAfter: time.Minute}))
				r.wantEnd()
				r.hangUp()
				if m := e.ended(); m.Reason != code || m.ByPeer || m.Text != "because" || m.RetryAfter != time.Minute || !m.WasUp {
					t.Errorf("ended %+v", m)
				}
				if n := len(e.served.sent()); n != 0 {
					t.Errorf("%d sends were handled after the decision", n)
				}
				if got := e.served.closed[0]; got != code {
					t.Errorf("the stub was told of the end for %s", got)
				}
			})
		})
	}
}

// TestImmediateCloseDropsWhatWaits has a peer that did not read: what TCP has taken is finished, the rest is not sent.
func TestImmediateCloseDropsWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		first := e.goCall(t.Context(), "first", make([]byte, 200_000))
		second := e.goCall(t.Context(), "second", nil)
		e.tell(Close{Reason: envelope.ReasonRevoked})
		first.wantLink(t, envelope.ReasonRevoked, false, true)
		second.wantLink(t, envelope.ReasonRevoked, false, false)
		r.want(aCall(1, "first", make([]byte, 200_000)), aBye(envelope.ReasonRevoked))
		r.wantEnd()
		r.hangUp()
		e.ended()
	})
}

// TestImmediateCloseIsOverInASecond has peers that do not cooperate: one reads nothing, one does not close, one never stops
// sending.
func TestImmediateCloseIsOverInASecond(t *testing.T) {
	for name, peer := range map[string]func(r *raw){
		"silent": func(*raw) {},
		"talks on": func(r *raw) {
			for err := error(nil); err == nil; {
				_, err = r.Conn.Write(make([]byte, 1000))
				time.Sleep(time.Millisecond)
			}
		},
		"floods": func(r *raw) {
			for err := error(nil); err == nil; {
				_, err = r.Conn.Write(make([]byte, 10_000))
			}
		},
	} {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, window full %v", name, full), func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) {
					e, r := w.open(handshake.Responder)
					if full {
						e.goCall(t.Context(), "big", make([]byte, 500_000))
					}
					e.tell(Close{Reason: envelope.ReasonConflict})
					go peer(r)
					time.Sleep(lingerAfterBye)
					if m := e.ended(); m.Reason != envelope.ReasonConflict || m.ByPeer {
						t.Errorf("ended %+v", m)
					}
				})
			})
		}
	}
}

// TestPeersImmediateBye holds the receiver's part: nothing is handled after it, nothing is sent, the connection is closed
// at once, whatever this side was doing.
func TestPeersImmediateBye(t *testing.T) {
	for _, code := range immediates {
		for _, during := range []string{"open", "own half-close", "peer's half-close", "blocked write"} {
			t.Run(string(code)+"/"+during, func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) {
					e, r := w.open(handshake.Responder)
					mine := e.goCall(t.Context(), "mine", nil)
					r.want(aCall(1, "mine", nil))
					switch during {
					case "own half-close":
						e.tell(Close{Reason: envelope.ReasonRotated})
						r.want(aBye(envelope.ReasonRotated))
					case "peer's half-close":
						r.say(aBye(envelope.ReasonRotated))
						r.want(aBye(envelope.ReasonRotated))
					case "blocked write":
						e.goCall(t.Context(), "big", make([]byte, 500_000))
					}
					r.say(envelope.AppendBye(nil, envelope.Bye{Code: code, Text: "why", RetryAfter: time.Second}),
						aCall(1, "echo", nil), aSend("late", nil), aPing(3))
					m := e.ended() // no time has passed
					if m.Reason != code || !m.ByPeer || m.Text != "why" || m.RetryAfter != time.Second {
						t.Errorf("ended %+v", m)
					}
					mine.wantLink(t, code, true, true)
					if during != "blocked write" {
						r.wantClosed()
					}
					if n := len(e.served.called()) + len(e.served.sent()); n != 0 {
						t.Errorf("%d envelopes were handled after the bye", n)
					}
				})
			})
		}
	}
}

// TestLastWordWaitsForTheFrameBeforeIt as long as the peer takes some of that frame each second (wire.md §7.3).
func TestLastWordWaitsForTheFrameBeforeIt(t *testing.T) {
	const size = 1_000_000
	for name, test := range map[string]struct {
		most    int
		every   time.Duration
		reads   time.Duration // for so long
		atLeast time.Duration // until the connection is closed
		atMost  time.Duration
		heard   bool
	}{
		"400 kB/s":                  {40_000, 100 * time.Millisecond, time.Minute, 2 * time.Second, 5 * time.Second, true},
		"130 kB/s":                  {65_000, 500 * time.Millisecond, time.Minute, 6 * time.Second, 9 * time.Second, true},
		"too slow for 10 s":         {20_000, 500 * time.Millisecond, time.Minute, 10 * time.Second, 10 * time.Second, false},
		"not at all":                {1, time.Hour, 0, time.Second, time.Second, false},
		"for 3 s, and then no more": {40_000, 100 * time.Millisecond, 3 * time.Second / 2, 2 * time.Second, 3 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				args := make([]byte, size)
				call := e.goCall(t.Context(), "big", args)
				synctest.Wait()
				start := time.Now()
				e.tell(Close{Reason: envelope.ReasonBusy})
				heard := make(chan bool, 1)
				go func() {
					got, buf := 0, make([]byte, test.most)
					for err := error(nil); err == nil && time.Since(start) < test.reads; {
						time.Sleep(test.every)
						var n int
						n, err = r.Conn.Read(buf)
						got += n
					}
					heard <- got > size
				}()
				call.wantLink(t, envelope.ReasonBusy, false, true)
				for all := e.heard(); !strings.HasPrefix(kinds(all)[len(all)-1], "ended") && time.Since(start) < time.Minute; all = e.heard() {
					time.Sleep(10 * time.Millisecond)
				}
				e.ended()
				took := time.Since(start)
				if took < test.atLeast || took > test.atMost {
					t.Errorf("closed after %v, want %v to %v", took, test.atLeast, test.atMost)
				}
				if got := <-heard; got != test.heard {
					t.Errorf("the peer heard all of it: %v", got)
				}
			})
		})
	}
}

// TestOwnWordsOfThisNodeAreUnknownCodes: a peer that says them is obeyed as for any code that is unknown, its retry included.
func TestOwnWordsOfThisNodeAreUnknownCodes(t *testing.T) {
	for _, code := range []envelope.Reason{ReasonLost, ReasonHandshake} {
		bubble(t, func(t *testing.T, w *world) {
			e, r := w.open(handshake.Responder)
			before := len(e.heard())
			said := envelope.Bye{Code: code, Text: "later", RetryAfter: time.Minute}
			r.say(envelope.AppendBye(nil, said))
			r.want(aBye(code))
			r.hangUp()
			said.Code = envelope.ReasonShutdown
			if m, ok := e.heard()[before].(HalfClosed); !ok || m.Bye != said {
				t.Errorf("%s: the owner heard %+v", code, e.heard()[before])
			}
			if m := e.ended(); m.Reason != envelope.ReasonShutdown || m.RetryAfter != time.Minute || !m.ByPeer {
				t.Errorf("%s: ended %+v", code, m)
			}
		})
	}
}

// TestLostConnection has the peer vanish: by the end of its stream, by a reset, by its machine.
func TestLostConnection(t *testing.T) {
	for name, vanish := range map[string]func(r *raw){
		"end of stream": func(r *raw) { r.hangUp() },
		"reset":         func(r *raw) { Reset(r.Conn) },
		"crash":         func(r *raw) { r.far.Crash() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Initiator)
				mine := e.goCall(t.Context(), "mine", nil)
				r.want(aCall(1, "mine", nil))
				vanish(r)
				want := ReasonLost
				if name == "crash" {
					want = envelope.ReasonUnresponsive
				}
				mine.wantLink(t, want, false, true)
				time.Sleep(2 * time.Second)
				if m := e.ended(); m.Reason != want || m.ByPeer || !m.WasUp || (m.Err != nil) != (name == "reset") {
					t.Errorf("ended %+v", m)
				}
			})
		})
	}
}

// TestActorThatIsStoppedLeavesNothing stops it in each state, as a parent that stops or fails does.
func TestActorThatIsStoppedLeavesNothing(t *testing.T) {
	for name, prepare := range map[string]func(e *end, r *raw){
		"open":     func(*end, *raw) {},
		"draining": func(e *end, r *raw) { e.tell(Close{Reason: envelope.ReasonIdle}) },
		"ending":   func(e *end, r *raw) { e.tell(Close{Reason: envelope.ReasonBusy}) },
		"blocked write": func(e *end, r *raw) {
			e.goCall(e.Context(), "big", make([]byte, 500_000))
		},
		"probing": func(e *end, r *raw) { e.link.Probe(Probe{Within: time.Hour}) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				mine := e.goCall(t.Context(), "mine", nil)
				prepare(e, r)
				synctest.Wait()
				w.System.Root.Stop(e.pid)
				if err := mine.wait(t); !errors.Is(err, ErrLinkLost) {
					t.Errorf("the call failed with %v", err)
				}
				e.ended()
			})
		})
	}
	for name, fail := range map[string]func(e *end, r *raw){
		"panics": func(e *end, _ *raw) { e.tell(func(*session) { panic("on purpose") }) },
		"panics in its reader": func(e *end, r *raw) {
			e.served.violate(func() error { panic("on purpose") })
			r.say(aCall(1, "echo", nil))
		},
		"panics in its writer": func(e *end, r *raw) {
			e.tell(func(s *session) {
				s.queue.mu.Lock()
				defer s.queue.mu.Unlock()
				s.queue.codec = nil // of pongs
			})
			synctest.Wait() // the reader answers the ping, and must not come before the actor
			r.say(aPing(1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder, func(c *Config) { c.Log = slog.New(slog.DiscardHandler) })
				mine := e.goCall(t.Context(), "mine", nil)
				r.want(aCall(1, "mine", nil))
				fail(e, r)
				for range 10 {
					_, _ = r.Conn.Write(r.Frames(aSend("note", nil))) // the reader waits for an actor that is no more
				}
				mine.wantLink(t, ReasonLost, false, true)
				if m := e.ended(); m.Reason != ReasonLost {
					t.Errorf("ended %+v", m)
				}
			})
		})
	}
	t.Run("proved", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			e, _ := w.detained(handshake.Responder)
			w.System.Root.Stop(e.pid)
			if m := e.ended(); m.Reason != ReasonLost || m.WasUp || m.Link == nil {
				t.Errorf("ended %+v", m)
			}
		})
	})
}

// TestClosedBeforeItIsAdmitted has the bye as the only envelope.
func TestClosedBeforeItIsAdmitted(t *testing.T) {
	for _, code := range []envelope.Reason{envelope.ReasonRefused, envelope.ReasonBusy, envelope.ReasonShutdown} {
		for _, role := range []handshake.Role{handshake.Initiator, handshake.Responder} {
			t.Run(string(code)+"/"+role.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) {
					e, r := w.detained(role)
					r.Write(r.Frames(aHello(), aPing(1), aCall(1, "echo", nil)))
					e.link.Close(Close{Reason: code})
					r.want(aBye(code))
					r.wantEnd()
					r.hangUp()
					if m := e.ended(); m.Reason != code || m.ByPeer || m.WasUp || m.Link == nil {
						t.Errorf("ended %+v", m)
					}
				})
			})
		}
	}
}
