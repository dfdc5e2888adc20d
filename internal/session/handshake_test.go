package session

import (
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
)

// wantFailed fails unless the handshake has failed, with that error, and nobody heard of anything else.
func (e *end) wantFailed(want error) {
	e.Helper()
	m := e.ended()
	if m.Reason != ReasonHandshake || m.ByPeer || m.WasUp || m.Link != nil || want != nil && !errors.Is(m.Err, want) || m.Err == nil {
		e.Errorf("ended %+v, want a failed handshake: %v", m, want)
	}
	if got, want := kinds(e.heard()), []string{"ended handshake"}; !slices.Equal(got, want) {
		e.Errorf("the owner heard %v, want %v", got, want)
	}
}

// wantClosed fails unless the connection has ended, in whatever way, with nothing sent before.
func (r *raw) wantClosed() {
	r.Helper()
	synctest.Wait()
	if err := r.Conn.SetReadDeadline(time.Now().Add(1)); err != nil {
		r.Fatal(err)
	}
	defer r.Conn.SetReadDeadline(time.Time{})
	var b [1]byte
	n, err := r.Conn.Read(b[:])
	if _, late := errors.AsType[net.Error](err); n != 0 || err == nil || late && err.(net.Error).Timeout() {
		r.Errorf("read %d bytes, %v, want a closed connection", n, err)
	}
}

// TestConnectionCutAtEveryByteOfTheHandshake ends the peer's stream after each number of bytes.
func TestConnectionCutAtEveryByteOfTheHandshake(t *testing.T) {
	for _, how := range []string{"closed", "reset"} {
		t.Run("responder "+how, func(t *testing.T) {
			const message1, message3 = frame.HeaderSize + handshake.Message1Size, frame.HeaderSize + handshake.Message3Size
			bubble(t, func(t *testing.T, w *world) {
				for n := range message1 + message3 {
					e, r := w.connect(w.config(ours, theirs), handshake.Responder)
					if n < message1 {
						r.Write(r.Message()[:n])
					} else {
						r.Write(r.Message())
						r.ReadMessage()
						r.Write(r.Message()[:n-message1])
					}
					e.alive(handshaking)
					if how == "reset" {
						Reset(r.Conn)
					} else {
						r.halfClose()
						if n < message1 {
							r.wantReset() // an orderly end here would mean something else (wire.md §4.3)
						} else {
							r.wantClosed()
						}
					}
					e.wantFailed(nil)
				}
			})
		})
		t.Run("initiator "+how, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				for n := range frame.HeaderSize + handshake.Message2Size {
					e, r := w.connect(w.config(ours, theirs), handshake.Initiator)
					r.ReadMessage()
					r.Write(r.Message()[:n])
					e.alive(handshaking)
					if how == "reset" {
						Reset(r.Conn)
					} else {
						r.halfClose()
						r.wantClosed()
					}
					e.wantFailed(nil)
				}
			})
		})
	}
}

// halfClose ends what the raw end sends.
func (r *raw) halfClose() {
	r.Helper()
	if err := r.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		r.Fatal(err)
	}
	synctest.Wait()
}

// TestEachByteOfTheHandshakeMatters flips one bit in each byte of what the peer sends, headers included.
func TestEachByteOfTheHandshakeMatters(t *testing.T) {
	t.Run("message 1", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			for i := range frame.HeaderSize {
				e, r := w.connect(w.config(ours, theirs), handshake.Responder)
				m := r.Message()
				m[i] ^= 0x40
				r.Write(m)
				e.wantFailed(nil)
				r.wantReset()
			}
			e, r := w.connect(w.config(ours, theirs), handshake.Responder)
			m := r.Message()
			m[len(m)-1] |= 0x80 // bit 255 of e
			r.Write(m)
			e.wantFailed(handshake.ErrEphemeral)
			r.wantReset()
		})
	})
	t.Run("message 2", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			for i := range frame.HeaderSize + handshake.Message2Size {
				e, r := w.connect(w.config(ours, theirs), handshake.Initiator)
				r.ReadMessage()
				m := r.Message()
				m[i] ^= 0x40
				r.Write(m)
				e.wantFailed(nil)
				r.wantClosed()
			}
		})
	})
	t.Run("message 3", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			for i := range frame.HeaderSize + handshake.Message3Size {
				e, r := w.connect(w.config(ours, theirs), handshake.Responder)
				r.Write(r.Message())
				r.ReadMessage()
				m := r.Message()
				m[i] ^= 0x40
				r.Write(m)
				e.wantFailed(nil)
				r.wantClosed()
			}
		})
	})
}

// TestFirstFrameOfAnotherKindIsReset holds wire.md §3: on the header alone, with the connection left open.
func TestFirstFrameOfAnotherKindIsReset(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		for _, header := range [][]byte{{0, 0, 0, 0}, {0, 0, 0, 31}, {0, 0, 0, 33}, {0, 0, 0, 38}, {0xff, 0xff, 0xff, 0xff}, []byte("GET ")} {
			e, r := w.connect(w.config(ours, theirs), handshake.Responder)
			r.Write(header)
			e.wantFailed(nil)
			if _, ok := errors.AsType[*frame.SizeError](e.ended().Err); !ok {
				t.Errorf("%x: %v", header, e.ended().Err)
			}
			r.wantReset()
		}
	})
}

// TestHandshakeDeadline leaves each role waiting for the next message, with a part of it or nothing.
func TestHandshakeDeadline(t *testing.T) {
	for _, c := range []struct {
		name  string
		role  handshake.Role
		begin func(r *raw)
		reset bool
	}{
		{"silence", handshake.Responder, func(*raw) {}, true},
		{"half of message 1", handshake.Responder, func(r *raw) { r.Write(r.Message()[:20]) }, true},
		{"no message 3", handshake.Responder, func(r *raw) { r.Write(r.Message()); r.ReadMessage() }, true},
		{"half of message 3", handshake.Responder, func(r *raw) { r.Write(r.Message()); r.ReadMessage(); r.Write(r.Message()[:40]) }, true},
		{"no message 2", handshake.Initiator, func(r *raw) { r.ReadMessage() }, false},
		{"half of message 2", handshake.Initiator, func(r *raw) { r.ReadMessage(); r.Write(r.Message()[:50]) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.connect(w.config(ours, theirs), c.role)
				start := time.Now()
				c.begin(r)
				time.Sleep(10*time.Second - time.Since(start) - 1)
				e.alive(handshaking)
				time.Sleep(time.Nanosecond)
				e.wantFailed(nil)
				if c.reset {
					r.wantReset()
				} else {
					r.wantClosed()
				}
			})
		})
	}
}

// TestNotUpInTimeIsUnresponsive has a handshake that succeeds and a peer that says nothing after it, or a node that
// does not admit the session.
func TestNotUpInTimeIsUnresponsive(t *testing.T) {
	for _, role := range []handshake.Role{handshake.Initiator, handshake.Responder} {
		t.Run("silent peer of "+role.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				start := time.Now()
				c := w.config(ours, theirs)
				e, r := w.connect(c, role)
				r.Handshake()
				r.want(helloOf(c))
				if role == handshake.Initiator {
					r.want(aPing(1))
				}
				r.want(aBye(envelope.ReasonUnresponsive))
				if d := time.Since(start); d != 10*time.Second {
					t.Errorf("after %v, want 10s", d)
				}
				r.wantEnd()
				r.hangUp()
				if m := e.ended(); m.Reason != envelope.ReasonUnresponsive || m.ByPeer || m.WasUp || m.Err == nil {
					t.Errorf("ended %+v", m)
				}
			})
		})
		t.Run("not admitted "+role.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.detained(role)
				r.want(aBye(envelope.ReasonUnresponsive))
				r.wantEnd()
				r.hangUp()
				if m := e.ended(); m.Reason != envelope.ReasonUnresponsive || m.ByPeer || m.WasUp || m.Link == nil {
					t.Errorf("ended %+v", m)
				}
			})
		})
	}
}

// TestHandshakeTricklesByteByByte sends the handshake and the first envelopes byte by byte.
func TestHandshakeTricklesByteByByte(t *testing.T) {
	trickle := func(r *raw, b []byte) {
		for i := range b {
			r.Write(b[i : i+1])
			synctest.Wait()
		}
	}
	for _, role := range []handshake.Role{handshake.Initiator, handshake.Responder} {
		t.Run(role.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.connect(w.config(ours, theirs), role)
				for !r.Noise.Done() {
					if write, _ := r.Noise.Next(); write {
						trickle(r, r.Message())
					} else {
						r.ReadMessage()
					}
				}
				r.TakeKeys()
				r.want(helloOf(e.config))
				if role == handshake.Initiator {
					r.want(aPing(1))
				}
				trickle(r, r.Frames(aHello(), aPing(3), aCall(1, "echo", "bit by bit")))
				r.want(aPong(3), aReply(1, "bit by bit"))
				e.alive(open)
			})
		})
	}
}

// TestDifferentNamespacesDoNotConnect has two ends that disagree about the prologue.
func TestDifferentNamespacesDoNotConnect(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.config(ours, theirs)
		c.Prologue = []byte("example.org/chat")
		e, r := w.connect(c, handshake.Initiator)
		r.ReadMessage()
		r.Write(r.Message())
		e.wantFailed(handshake.ErrMessage2)
		r.wantClosed()
	})
}

// TestHandshakesWaitForTheirTurnToCompute holds all slots, and frees one in time or not.
func TestHandshakesWaitForTheirTurnToCompute(t *testing.T) {
	for _, role := range []handshake.Role{handshake.Initiator, handshake.Responder} {
		t.Run(role.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c := w.config(ours, theirs)
				take := func() {
					for range cap(c.Compute) {
						c.Compute <- struct{}{}
					}
				}
				take()
				e, r := w.connect(c, role)
				time.Sleep(9 * time.Second)
				e.alive(handshaking)
				<-c.Compute
				r.Handshake()
				e.alive(open)
				c.Compute <- struct{}{}

				late, r := w.connect(c, role)
				if role == handshake.Responder {
					r.Write(r.Message())
				}
				time.Sleep(10 * time.Second)
				late.wantFailed(nil)
				if role == handshake.Responder {
					r.wantReset()
				} else {
					r.wantClosed()
				}
			})
		})
	}
}

// TestCloseDuringTheHandshake stops a handshake at each point at which it may wait: from outside, and by the end of the
// actor itself.
func TestCloseDuringTheHandshake(t *testing.T) {
	for _, c := range []struct {
		name  string
		role  handshake.Role
		state state
		begin func(r *raw)
	}{
		{"waits for message 1", handshake.Responder, handshaking, func(*raw) {}},
		{"waits for message 3", handshake.Responder, handshaking, func(r *raw) { r.Write(r.Message()); r.ReadMessage() }},
		{"refuses", handshake.Responder, ending, func(r *raw) {
			r.Begin(handshake.Initiator, untrusted, ours.PublicKey())
			r.Handshake()
		}},
		{"waits for message 2", handshake.Initiator, handshaking, func(r *raw) { r.ReadMessage() }},
	} {
		for how, stop := range map[string]func(e *end){
			"Close": func(e *end) { e.tell(Close{Reason: envelope.ReasonBusy}) },
			"Stop":  func(e *end) { e.System.Root.Stop(e.pid) },
		} {
			t.Run(c.name+"/"+how, func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) {
					e, r := w.connect(w.config(ours, theirs), c.role)
					c.begin(r)
					e.alive(c.state)
					stop(e)
					m := e.ended()
					if m.WasUp || m.ByPeer || m.Link != nil {
						t.Errorf("ended %+v", m)
					}
					if c.name == "waits for message 1" {
						r.wantReset()
					}
				})
			})
		}
	}
}

// TestBadConfigFailsTheHandshake dials our own key, which package handshake refuses to begin.
func TestBadConfigFailsTheHandshake(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		near, far := w.pipe()
		w.conns = append(w.conns, far)
		c := w.config(ours, theirs)
		e := &end{world: w, config: c}
		p := Params{Config: c, Conn: near, Role: handshake.Initiator, Expect: ours.PublicKey()}
		e.owner = w.System.Root.Spawn(actorkit.RootProps(w.Pool, c.Log, func() actor.Actor { return (*owner)(e) }))
		p.Owner = e.owner
		w.ends = append(w.ends, e)
		w.System.Root.Send(e.owner, actorkit.Props(w.Pool, c.Log, func() actor.Actor { return newSession(p) }))
		e.wantFailed(handshake.ErrSelf)
		if _, err := far.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("read: %v, want a reset", err)
		}
	})
}

// TestSessionOverAPipe runs over a connection that knows neither half-close nor addresses, and that hands over bytes
// only when both ends are there.
func TestSessionOverAPipe(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		near, far := net.Pipe()
		w.conns = append(w.conns, far)
		c := w.config(ours, theirs)
		r := w.raw(far, handshake.Initiator, ours.PublicKey())
		e := w.spawn(c, near, handshake.Responder, false)
		r.Handshake()
		r.want(helloOf(c))
		r.Write(r.Frames(aHello(), aCall(1, "echo", "over a pipe")))
		r.want(aReply(1, "over a pipe"))
		if e.link.Addr().IsValid() {
			t.Errorf("addr %v of a pipe", e.link.Addr())
		}
		e.tell(Close{Reason: envelope.ReasonRevoked})
		r.want(aBye(envelope.ReasonRevoked))
		r.wantEnd()
		if m := e.ended(); m.Reason != envelope.ReasonRevoked || !m.WasUp {
			t.Errorf("ended %+v", m)
		}
	})
}
