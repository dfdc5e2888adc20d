package session

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// wantProtocol fails unless the session ends with a bye `protocol` that the peer can read, and says nothing else.
func (r *raw) wantProtocol(e *end) {
	r.Helper()
	r.want(aBye(envelope.ReasonProtocol))
	r.wantEnd()
	r.hangUp()
	m := e.ended()
	if m.Reason != envelope.ReasonProtocol || m.ByPeer || m.Err == nil || m.Text != "" {
		r.Errorf("ended %+v", m)
	}
}

// TestHostileEnvelopesEndTheSessionAndNoOther sends each plaintext that must be refused, under a good tag, as the
// first word of a peer and as a later one.
func TestHostileEnvelopesEndTheSessionAndNoOther(t *testing.T) {
	_, hostile := envelopes(t)
	bubble(t, func(t *testing.T, w *world) {
		bystander, other := w.open(handshake.Responder)
		sent := 0
		for i, h := range hostile {
			if len(h.plain) > frame.DefaultLimit-channel.Overhead {
				continue // a frame that is refused on its header: see TestBadFramesEndTheSession
			}
			sent++
			r := other
			e := bystander
			if first := i%2 == 0; first {
				e, r = w.connect(w.config(ours, theirs), handshake.Responder)
				r.Handshake()
				r.want(helloOf(e.config))
			} else {
				e, r = w.open(handshake.Initiator)
			}
			r.Write(r.Frames(h.plain, aCall(1, "echo", "never handled")))
			r.wantProtocol(e)
			if n := len(e.served.called()) + len(e.served.sent()) + len(e.served.cancelled()); n != 0 {
				t.Errorf("%s: %d envelopes were handled", h.name, n)
			}
			if t.Failed() {
				t.Fatalf("after %s: %.100x", h.name, h.plain)
			}
		}
		other.say(aCall(1, "echo", "still here"))
		other.want(aReply(1, "still here"))
		bystander.alive(open)
		if got := w.log.Warnings(); got != sent || sent < 200 {
			t.Errorf("%d warnings for %d breaches", got, sent)
		}
	})
}

// TestGoodEnvelopesEndNoSession sends each plaintext that must be accepted. Byes end the session as they say.
func TestGoodEnvelopesEndNoSession(t *testing.T) {
	good, _ := envelopes(t)
	bubble(t, func(t *testing.T, w *world) {
		for _, v := range good {
			e, r := w.open(handshake.Responder)
			r.Write(r.Frames(v.plain))
			for _, m := range e.heard() {
				if m, ok := m.(Ended); ok && !m.ByPeer {
					t.Errorf("%s: ended %+v", v.name, m)
				}
			}
			if w.log.Warnings() != 0 {
				t.Fatalf("%s: taken for a violation: %.100x", v.name, v.plain)
			}
		}
	})
}

// TestBadFramesEndTheSession has faults outside of the envelopes (wire.md §3, §5).
func TestBadFramesEndTheSession(t *testing.T) {
	header := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for name, bad := range map[string]func(r *raw) []byte{
		"length 0":              func(*raw) []byte { return header(0) },
		"length over the limit": func(*raw) []byte { return header(frame.DefaultLimit + 1) }, // on the header alone
		"length 2^31":           func(*raw) []byte { return header(1 << 31) },
		"length 2^32-1":         func(*raw) []byte { return header(1<<32 - 1) },
		"a body shorter than a tag": func(*raw) []byte {
			return frame.Append(nil, make([]byte, channel.Overhead-1))
		},
		"a body of one byte": func(*raw) []byte { return frame.Append(nil, []byte{1}) },
		"a body of zeros":    func(*raw) []byte { return frame.Append(nil, make([]byte, 100)) },
		"an empty plaintext": func(r *raw) []byte { return r.Frames(nil) },
		"a frame left out":   func(r *raw) []byte { r.Frames(aPing(1)); return r.Frames(aPing(2)) },
		"a frame of our own": func(r *raw) []byte {
			r.Send, r.Recv = r.Recv, r.Send
			b := r.Frames(aPing(1))
			r.Send, r.Recv = r.Recv, r.Send
			return b
		},
		"a plaintext unsealed": func(*raw) []byte {
			return frame.Append(nil, aCall(1, "echo", "this is not encrypted at all"))
		},
		"a large body that does not open": func(*raw) []byte { return frame.Append(nil, make([]byte, frame.DefaultLimit)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				nonce := r.Recv.Nonce()
				b := bad(r)
				if r.Recv.Nonce() != nonce { // it was used to seal
					r.Recv = channel.NewCipherState(r.Noise.Result().RecvKey())
					for range nonce {
						if _, err := r.Recv.Seal(nil, nil); err != nil {
							t.Fatal(err)
						}
					}
				}
				r.Write(b)
				r.wantProtocol(e)
			})
		})
	}
}

// TestAnyFlippedBitEndsTheSession flips each bit of a frame's body. What came before it counts, what comes after it does
// not.
func TestAnyFlippedBitEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		size := len(aSend("note", nil)) + channel.Overhead
		for bit := range size * 8 {
			e, r := w.open(handshake.Responder)
			before := r.Frames(aSend("before", nil))
			b := r.Frames(aSend("note", nil))
			b[frame.HeaderSize+bit/8] ^= 1 << (bit % 8)
			r.Write(append(append(before, b...), r.Frames(aSend("after", nil))...))
			r.wantProtocol(e)
			if sends := e.served.sent(); len(sends) != 1 || string(sends[0].Name) != "before" {
				t.Fatalf("bit %d: %d sends were handled", bit, len(sends))
			}
		}
	})
}

// TestReplayedFrameEndsTheSession sends one frame twice.
func TestReplayedFrameEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		b := r.Frames(aCall(1, "echo", "once"))
		r.Write(b)
		r.want(aReply(1, "once"))
		r.Write(b)
		r.wantProtocol(e)
		if n := len(e.served.called()); n != 1 {
			t.Errorf("%d calls were handled", n)
		}
	})
}

// TestNothingBeginsAfterTheBye sends a call and a send behind a bye that half-closes (wire.md §7.3, half-close step 4),
// while a call of the session's keeps it open.
func TestNothingBeginsAfterTheBye(t *testing.T) {
	for name, late := range map[string][]byte{"call": aCall(1, "echo", nil), "call of a protocol name": aCall(1, "$/ping", nil), "send": aSend("note", nil)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				mine := e.goCall(t.Context(), "slow", nil)
				r.want(aCall(1, "slow", nil))
				r.say(aBye(envelope.ReasonRotated))
				r.want(aBye(envelope.ReasonRotated))
				r.say(aSend("$/later", nil), aPing(5), aCancel(9)) // these may
				r.want(aPong(5))
				e.alive(draining)
				r.Write(r.Frames(late))
				r.wantProtocol(e)
				if err := mine.wait(t); !errors.Is(err, ErrLinkLost) {
					t.Errorf("the call failed with %v", err)
				}
			})
		})
	}
}

// TestViolationByACallEndsTheSession is what the handlers' side reports: a second use of an id in flight, for one.
func TestViolationByACallEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		e.served.violate(func() error { return errTest })
		r.Write(r.Frames(aCall(1, "echo", nil), aSend("after", nil)))
		r.wantProtocol(e)
		if m := e.ended(); !errors.Is(m.Err, errTest) {
			t.Errorf("ended for %v, want %v", m.Err, errTest)
		}
		if n := len(e.served.sent()); n != 0 {
			t.Errorf("%d sends were handled after the violation", n)
		}
	})
}
