package session

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

// guestHello is what both ends of a guest session say of themselves (wire.md §A.12).
var guestHello = []byte("\x93\x02\xa7$/hello\x81\xa1v\x01")

func takesGuests(c *Config) { c.TakesGuests = func() bool { return true } }

// letIn returns a session with a guest that is up, and the guest.
func (w *world) letIn(keys identity.KeyPair, change ...func(*Config)) (*end, *raw) {
	w.Helper()
	c := w.config(ours, theirs)
	takesGuests(c)
	for _, f := range change {
		f(c)
	}
	e, r := w.connect(c, handshake.Responder)
	r.BeginAsGuest(keys)
	r.Handshake()
	r.say(guestHello, aPing(1))
	r.want(guestHello, aPong(1))
	e.alive(open)
	return e, r
}

// TestGuestLearnsNothingOfTheNode holds wire.md §4.7 to the byte, also for a key that is trusted: nothing of its peer is touched.
func TestGuestLearnsNothingOfTheNode(t *testing.T) {
	for name, keys := range map[string]identity.KeyPair{"untrusted": untrusted, "trusted": theirs} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.letIn(keys, func(c *Config) {
					c.Boot = func(identity.PublicKey) [8]byte { return [8]byte{1} }
					c.Hello.Name = "kitchen"
				})
				if !e.link.IsGuest() || e.link.GuestHash() != r.Noise.Result().Hash || e.link.Remote() != keys.PublicKey() {
					t.Errorf("the link is one of a guest: %v, with the hash %x", e.link.IsGuest(), e.link.GuestHash())
				}
				if got, want := kinds(e.heard()), []string{"proved", "greeted", "up"}; !slices.Equal(got, want) {
					t.Errorf("the owner heard %v, want %v", got, want)
				}
				peers, total := e.config.Counters.Snapshot(func(identity.PublicKey) bool { return true })
				if len(peers) != 0 || total.Counts[counters.SessionsMade] != 0 || e.config.Counters.GuestStats().Sessions != 1 {
					t.Errorf("counted as %v", peers)
				}
				if e.config.IsTrustedSource(limiter.SourceOf(netip.MustParseAddr("10.0.0.1"))) {
					t.Error("where a guest comes from is trusted")
				}
				r.say(aCall(1, "echo", "hello"))
				r.want(aReply(1, "hello"))
				r.hangUp()
				e.ended()
			})
		})
	}
}

// TestGuestIsDroppedOnTheHeader: a node without handlers for guests reads no byte more, and says nothing.
func TestGuestIsDroppedOnTheHeader(t *testing.T) {
	for name, takes := range map[string]func() bool{"never": nil, "not now": func() bool { return false }} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c := w.config(ours, theirs)
				c.TakesGuests = takes
				e, r := w.connect(c, handshake.Responder)
				r.BeginAsGuest(theirs)
				r.Step()
				r.Step()
				r.Write(r.Message()[:frame.HeaderSize])
				synctest.Wait()
				if n, err := r.Conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("read %d bytes, %v", n, err)
				}
				var wrong *frame.SizeError
				if m := e.ended(); m.Reason != ReasonHandshake || !errors.As(m.Err, &wrong) || wrong.Got != handshake.GuestMessage3Size {
					t.Errorf("ended %+v", m)
				}
			})
		})
	}
}

// TestNoGuestComesInTheBEAMDialect: after a first frame of that dialect the header of a guest's message 3 is wrong, also where guests
// are taken.
func TestNoGuestComesInTheBEAMDialect(t *testing.T) {
	for _, size := range []int{handshake.GuestMessage3Size, handshake.GuestMessage3Size + 6} { // with the head of a binary
		bubble(t, func(t *testing.T, w *world) {
			c := w.beamConfig()
			takesGuests(c)
			near, far := w.pipe()
			w.conns = append(w.conns, far)
			e := w.spawn(c, near, handshake.Responder, false)
			r := kit.NewRawPeer(w, far, handshake.Initiator, theirs, ours.PublicKey())
			var err error
			r.Noise, err = handshake.New(handshake.Config{Dialect: handshake.BEAM, Static: theirs, Expect: ours.PublicKey(),
				Trusted: func(identity.PublicKey) bool { return true }})
			if err != nil {
				t.Fatal(err)
			}
			r.Step()
			r.Step()
			r.Write(frame.AppendHeader(nil, size))
			synctest.Wait()
			if n, err := r.Conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("read %d bytes, %v", n, err)
			}
			var wrong *frame.SizeError
			if m := e.ended(); m.Reason != ReasonHandshake || !errors.As(m.Err, &wrong) || wrong.Got != uint32(size) {
				t.Errorf("ended %+v", m)
			}
		})
	}
}

// TestGuestMessageIsDroppedIfABitIsWrong: nothing is said, as for any other message 3 that does not open.
func TestGuestMessageIsDroppedIfABitIsWrong(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.config(ours, theirs)
		takesGuests(c)
		e, r := w.connect(c, handshake.Responder)
		r.BeginAsGuest(theirs)
		r.Step()
		r.Step()
		m := r.Message()
		m[len(m)-1] ^= 1
		r.Write(m)
		synctest.Wait()
		if n, err := r.Conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("read %d bytes, %v", n, err)
		}
		if m := e.ended(); !errors.Is(m.Err, handshake.ErrMessage3) {
			t.Errorf("ended %+v", m)
		}
	})
}

// TestStrangersSeeTheSameBytesWhereGuestsAreTaken: an ordinary stranger is refused as ever.
func TestStrangersSeeTheSameBytesWhereGuestsAreTaken(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.config(ours, theirs)
		takesGuests(c)
		e, r := w.connect(c, handshake.Responder)
		r.Begin(handshake.Initiator, untrusted, ours.PublicKey())
		r.Handshake()
		r.want([]byte("\x93\x02\xa5$/bye\x93\xa7refused\xa0\x00"))
		r.wantEnd()
		r.hangUp()
		if m := e.ended(); !errors.Is(m.Err, handshake.ErrUntrusted) {
			t.Errorf("ended %+v", m)
		}
	})
}

// TestGuestThatExceedsItsBoundsEndsItsSession has what a trusted peer may do, and a guest may not.
func TestGuestThatExceedsItsBoundsEndsItsSession(t *testing.T) {
	for name, bytesOf := range map[string]func(r *raw) []byte{
		"a frame of 64 KiB and a byte": func(*raw) []byte { return frame.AppendHeader(nil, MaxGuestFrame+1) },
		"a part":                       func(r *raw) []byte { return r.Frames(aPart(1, 64<<10)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.letIn(untrusted)
				r.Write(bytesOf(r))
				r.want(aBye(envelope.ReasonProtocol))
				r.wantEnd()
				r.hangUp()
				if m := e.ended(); m.Reason != envelope.ReasonProtocol {
					t.Errorf("ended %+v", m)
				}
			})
		})
	}
}

// aPart returns the first part of a call of size bytes.
func aPart(chain uint64, size int) []byte {
	call := aCall(1, "echo", bytes.Repeat([]byte{1}, size))
	b := envelope.AppendPartHead(nil, chain, 32<<10, false)
	b = append(b, call[:32<<10]...)
	return b
}

// TestLargestFrameOfAGuestIsServed, and a result that is longer becomes an error.
func TestLargestFrameOfAGuestIsServed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.letIn(untrusted)
		args := bytes.Repeat([]byte{1}, MaxGuestFrame-16-11)
		call := aCall(1, "echo", args)
		if len(call) != MaxGuestFrame-16 {
			t.Fatalf("the call has %d bytes", len(call))
		}
		r.say(call)
		r.want(aReply(1, args))
		e.served.mu.Lock()
		e.served.answer = func(s *stub, env envelope.Envelope) {
			s.link.Reply(env.ID, make([]byte, MaxGuestFrame), nil)
			s.pending.Add(-1)
		}
		e.served.mu.Unlock()
		r.say(aCall(2, "echo", nil))
		plain, err := r.Next()
		if err != nil || !bytes.Contains(plain, []byte("too_large")) || !bytes.Contains(plain, []byte("a guest gets at most 65536: ask for less")) {
			t.Errorf("heard %q, %v", plain, err)
		}
		r.hangUp()
		e.ended()
	})
}

// TestGuestHasNoStreams: the option means nothing, and values and the like come to nothing, as in version 1.
func TestGuestHasNoStreams(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.letIn(untrusted)
		r.say(must(envelope.Msgpack.AppendCall(nil, 1, "echo", envelope.Options{IsStream: true, Credit: 1 << 20}, "hello")),
			envelope.AppendCredit(nil, envelope.StreamID{Call: 1, Mine: true}, 1))
		r.want(aReply(1, "hello"))
		e.served.mu.Lock()
		isStream := e.served.calls[0].Options.IsStream
		e.served.mu.Unlock()
		if isStream {
			t.Error("the handler is asked for a stream")
		}
		r.hangUp()
		e.ended()
	})
}

// TestFloodOfAGuestIsSlowedDown: frames of almost nothing, and bytes.
func TestFloodOfAGuestIsSlowedDown(t *testing.T) {
	for name, c := range map[string]struct {
		envelope []byte
		n        int
	}{
		"pings": {aPing(7), 10 * PaceOfGuest >> 10},
		"bytes": {aSend("nothing", make([]byte, 63<<10)), 10 * PaceOfGuest >> 16},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.letIn(untrusted)
				began := time.Now()
				go func() {
					for {
						if _, err := r.Read(); err != nil {
							return
						}
					}
				}()
				for range c.n {
					if _, err := r.Conn.Write(r.Frames(c.envelope)); err != nil {
						t.Fatal(err)
					}
				}
				for range 10_000 {
					if synctest.Wait(); e.link.framesIn.Load() >= uint64(c.n) {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				if took := time.Since(began); took < 7*time.Second || took > 12*time.Second {
					t.Errorf("it took %v", took)
				}
				r.hangUp()
				time.Sleep(time.Second) // of a reader that waits
				e.ended()
			})
		})
	}
}

// TestGuestThatIsRefusedAndDoesNotReadEnds is ErrFlood, after fewer calls than a peer has.
func TestGuestThatIsRefusedAndDoesNotReadEnds(t *testing.T) {
	q := newQueue(2<<20, func() bool { return false })
	q.limitGuest()
	n := 0
	for q.pushRefusal(newEnvelope(nil)) {
		n++
	}
	if n != guestRefusals {
		t.Errorf("%d refusals wait", n)
	}
}

// TestGuestInPrivateMode holds the last paragraphs of wire.md §4.7.
func TestGuestInPrivateMode(t *testing.T) {
	for _, c := range []struct {
		takes bool
		guest bool // asks to be one
		want  string
	}{
		{false, true, "[handshake private mode is on at one end only]"},
		{true, true, "[]"},
		{true, false, "dropped"},
	} {
		t.Run(fmt.Sprintf("takes guests %v, comes as one %v", c.takes, c.guest), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				config := w.privately()
				config.TakesGuests = func() bool { return c.takes }
				e, r := w.connect(config, handshake.Responder)
				if c.guest {
					r.BeginAsGuest(untrusted)
				} else {
					r.Begin(handshake.Initiator, theirs, ours.PublicKey())
				}
				r.Write(r.Message())
				synctest.Wait()
				switch {
				case !c.takes:
					r.wantReset()
					if m := e.ended(); !errors.Is(m.Err, ErrMode) {
						t.Errorf("ended %+v", m)
					}
				case c.guest:
					r.Step()
					r.Handshake()
					r.say(guestHello, aPing(1))
					r.want(guestHello, aPong(1))
					r.hangUp()
				default:
					r.Step()
					r.Write(r.Message()[:frame.HeaderSize])
					synctest.Wait()
					if n, err := r.Conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
						t.Errorf("read %d bytes, %v", n, err)
					}
				}
			})
		})
	}
}

// TestGuestOfAPrivateNodeIsDroppedAfterTheOffer: the last handler for guests goes between message 1 and message 3.
func TestGuestOfAPrivateNodeIsDroppedAfterTheOffer(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var takes atomic.Bool
		takes.Store(true)
		c := w.privately()
		c.TakesGuests = takes.Load
		e, r := w.connect(c, handshake.Responder)
		r.BeginAsGuest(untrusted)
		r.Step()
		r.Step()
		takes.Store(false)
		r.Step()
		r.TakeKeys()
		synctest.Wait()
		if n, err := r.Conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("read %d bytes, %v, want the end of the connection", n, err)
		}
		r.hangUp()
		e.ended()
	})
}

// TestInitiatorComesAsAGuest to a host that it does not trust and whose key it does not know.
func TestInitiatorComesAsAGuest(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.config(ours), w.config(theirs)
		takesGuests(b)
		near, far := w.pipe()
		host := w.spawn(b, far, handshake.Responder, false)
		guest := w.spawnAsGuest(a, near)
		if got, want := kinds(guest.heard()), []string{"proved", "greeted", "up"}; !slices.Equal(got, want) {
			t.Fatalf("the owner heard %v, want %v", got, want)
		}
		if guest.link.GuestHash() != host.link.GuestHash() || guest.link.Remote() != theirs.PublicKey() {
			t.Errorf("met %v", guest.link.Remote())
		}
		raw, err := guest.link.Call(t.Context(), "$/test", "", "hello")
		var got string
		if err != nil || raw.Decode(&got) != nil || got != "hello" {
			t.Errorf("answered %q, %v", got, err)
		}
		if _, err := guest.link.Call(t.Context(), "echo", "", make([]byte, MaxGuestFrame)); !errors.Is(err, envelope.ErrTooLarge) {
			t.Errorf("too large: %v", err)
		}
		guest.link.Close(Close{Reason: envelope.ReasonIdle})
		if m := host.ended(); m.Reason != envelope.ReasonIdle || !m.ByPeer {
			t.Errorf("the host's ended %+v", m)
		}
		guest.ended()
	})
}
