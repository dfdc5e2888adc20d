package session

import (
	"crypto/rand"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/private"
)

// ring returns the secrets that keys share with others, by a clock that is wrong by so much.
func (w *world) ring(keys identity.KeyPair, wrong time.Duration, others ...identity.KeyPair) *private.Keyring {
	w.Helper()
	k := private.New(private.Config{Static: keys, Trusted: func(identity.PublicKey) bool { return true },
		Now: func() time.Time { return clock.System.Now().Add(wrong) }})
	for _, o := range others {
		if err := k.Add(o.PublicKey()); err != nil {
			w.Fatal(err)
		}
	}
	return k
}

// privately returns the configuration of a node in private mode that trusts theirs.
func (w *world) privately() *Config {
	c := w.config(ours, theirs)
	c.Knocks = w.ring(ours, 0, theirs)
	return c
}

// knock makes the handshake that a raw initiator will do one in private mode.
func (r *raw) knock(keys identity.KeyPair, knocks handshake.Knocks, expect identity.PublicKey) {
	r.Helper()
	var err error
	r.Noise, err = handshake.New(handshake.Config{Static: keys, Rand: rand.Reader, Expect: expect, Knocks: knocks,
		Trusted: func(identity.PublicKey) bool { return true }})
	if err != nil {
		r.Fatal(err)
	}
}

// TestPairedNodesConnectInPrivateMode has both ends in it, with clocks five minutes apart.
func TestPairedNodesConnectInPrivateMode(t *testing.T) {
	for _, wrong := range []time.Duration{-5 * time.Minute, 0, 5 * time.Minute} {
		bubble(t, func(t *testing.T, w *world) {
			e, r := w.connect(w.privately(), handshake.Responder)
			r.knock(theirs, w.ring(theirs, wrong, ours), ours.PublicKey())
			r.Handshake()
			r.want(helloOf(e.config))
			r.say(aPing(3))
			r.want(aPong(3))
			e.alive(open)
		})
	}
}

// TestStrangersWithoutAKnockAreReset holds wire.md §4.6: no stranger gets message 2, whatever it sends.
func TestStrangersWithoutAKnockAreReset(t *testing.T) {
	for name, c := range map[string]struct {
		first func(r *raw) []byte
		want  error
	}{
		"message 1 of 32 bytes": {func(r *raw) []byte { return r.Message() }, ErrMode},
		"its header alone":      {func(*raw) []byte { return []byte{0, 0, 0, 32} }, ErrMode},
		"48 random bytes": {func(r *raw) []byte {
			b := frame.AppendHeader(nil, handshake.PrivateMessage1Size)
			b = append(b, r.Message()[frame.HeaderSize:]...) // a key
			return append(b, []byte("sixteen bytes...")...)
		}, handshake.ErrKnock},
		"the knock of an untrusted key": {func(r *raw) []byte {
			r.knock(untrusted, r.ring(untrusted, 0, ours), ours.PublicKey())
			return r.Message()
		}, handshake.ErrKnock},
		"a knock for another": {func(r *raw) []byte {
			r.knock(theirs, r.ring(theirs, 0, untrusted), untrusted.PublicKey())
			return r.Message()
		}, handshake.ErrKnock},
		"a stale knock": {func(r *raw) []byte {
			r.knock(theirs, r.ring(theirs, -10*time.Minute, ours), ours.PublicKey())
			return r.Message()
		}, handshake.ErrKnock},
		"a knock of the future": {func(r *raw) []byte {
			r.knock(theirs, r.ring(theirs, 10*time.Minute, ours), ours.PublicKey())
			return r.Message()
		}, handshake.ErrKnock},
		"a knock with another key": {func(r *raw) []byte {
			r.knock(theirs, r.ring(theirs, 0, ours), ours.PublicKey())
			b := r.Message()
			r.knock(theirs, r.ring(theirs, 0, ours), ours.PublicKey())
			copy(b[frame.HeaderSize:], r.Message()[frame.HeaderSize:][:handshake.Message1Size])
			return b
		}, handshake.ErrKnock},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.connect(w.privately(), handshake.Responder)
				r.Write(c.first(r))
				e.wantFailed(c.want)
				r.wantReset()
			})
		})
	}
}

// TestReplayedKnockOpensNoSession sends message 1 again: it is answered, which is all.
func TestReplayedKnockOpensNoSession(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.privately()
		e, r := w.connect(c, handshake.Responder)
		r.knock(theirs, w.ring(theirs, 0, ours), ours.PublicKey())
		first := r.Message()
		r.Write(first)
		r.ReadMessage()
		r.Write(r.Message()[:1])
		e.alive(handshaking)
		r.hangUp()

		e, r = w.connect(c, handshake.Responder)
		r.Write(first)
		var b [handshake.Message2Size]byte
		if err := frame.ReadExact(r.Conn, b[:]); err != nil {
			t.Fatal(err)
		}
		r.Write(frame.Append(nil, b[:handshake.Message3Size]))
		e.wantFailed(handshake.ErrMessage3)
		r.wantClosed()
	})
}

// TestOneEndInPrivateModeIsToldApart has each end report what may be wrong.
func TestOneEndInPrivateModeIsToldApart(t *testing.T) {
	t.Run("responder", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			e, r := w.connect(w.config(ours, theirs), handshake.Responder)
			r.knock(theirs, w.ring(theirs, 0, ours), ours.PublicKey())
			r.Write(r.Message()[:frame.HeaderSize])
			e.wantFailed(ErrMode)
			r.wantReset()
		})
	})
	for name, private := range map[string]bool{"private initiator": true, "initiator": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c := w.config(ours, theirs)
				size := frame.HeaderSize + handshake.Message1Size
				if private {
					c, size = w.privately(), frame.HeaderSize+handshake.PrivateMessage1Size
				}
				e, r := w.connect(c, handshake.Initiator)
				synctest.Wait()
				if n, err := r.Conn.Read(make([]byte, size+1)); n != size || err != nil {
					t.Errorf("read %d bytes, %v, want %d", n, err, size)
				}
				Reset(r.Conn)
				e.wantFailed(ErrUnanswered)
				if err := e.ended().Err; strings.Contains(err.Error(), "both clocks") != private {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}

// TestInitiatorWithoutASecretDialsInVain has trust taken away before the handshake.
func TestInitiatorWithoutASecretDialsInVain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.privately()
		c.Knocks = w.ring(ours, 0)
		e, r := w.connect(c, handshake.Initiator)
		e.wantFailed(handshake.ErrUntrusted)
		r.wantClosed()
	})
}

// A counted is Knocks that counts how often it computes, as if it had that many keys.
type counted struct {
	*private.Keyring
	keys, looks int
}

func (c *counted) Len() int { return c.keys }

func (c *counted) Knocked(ephemeral [32]byte, knock [handshake.KnockSize]byte) (identity.PublicKey, bool) {
	c.looks++
	return c.Keyring.Knocked(ephemeral, knock)
}

// TestWrongKnocksAreBounded: a stranger who knocks wrongly is reset, looked at or not, and few are looked at. A peer gets in all the
// same: at once at an address of a past session, and at another one when there is room.
func TestWrongKnocksAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.privately()
		look := &counted{Keyring: w.ring(ours, 0, theirs), keys: 5000}
		c.Knocks = look
		flood := func(most int) {
			t.Helper()
			look.looks = 0
			for range 100 {
				_, r := w.connect(c, handshake.Responder)
				body := theirs.PublicKey()
				r.Write(frame.Append(nil, append(body[:], make([]byte, handshake.KnockSize)...)))
				r.wantReset()
			}
			if look.looks > most {
				t.Errorf("%d of 100 wrong knocks were looked at, want at most %d", look.looks, most)
			}
		}
		knock := func() *raw {
			_, r := w.connect(c, handshake.Responder)
			r.knock(theirs, w.ring(theirs, 0, ours), ours.PublicKey())
			return r
		}
		flood(rateOfSource.Burst)
		r := knock()
		out, err := r.Noise.Write(frame.AppendHeader(nil, handshake.PrivateMessage1Size))
		if err != nil {
			t.Fatal(err)
		}
		r.Write(out)
		r.wantReset() // a stranger's neighbour that was never here
		time.Sleep(rateOfSource.Every)
		r = knock()
		r.Handshake()
		r.want(helloOf(c))
		r.say(aPing(3))
		r.want(aPong(3))
		flood(rateOfOwn.Burst + rateOfSource.Burst)
		time.Sleep(rateOfOwn.Every)
		r = knock()
		r.Handshake()
		r.want(helloOf(c))
	})
}

func TestKnocksAreBoundedInAllAndPastSourcesAreNot(t *testing.T) {
	var k knockLimiter
	var known trustedSources
	now := time.Now()
	source := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
	}
	known.remember(source(0))
	for keys, most := range map[int]int{5: 256, 1000: 65, 5000: 16} {
		now = now.Add(time.Hour)
		looked := 0
		for i := range 10_000 { // in one second
			at := now.Add(time.Duration(i) * time.Second / 10_000)
			if from := source(1 + i); k.take(at, from, known.bucket(from), keys, false) {
				k.take(at, from, nil, keys, true)
				looked++
			}
			if !k.take(at, source(0), known.bucket(source(0)), keys, false) {
				t.Fatal("the source of a past session has no room of its own")
			}
		}
		if looked < most || looked > 2*most {
			t.Errorf("%d keys: %d knocks of 10,000 are looked at in the first second, want %d to %d", keys, looked, most, 2*most)
		}
	}
}

func TestTrustedSourcesAreBounded(t *testing.T) {
	var known trustedSources
	source := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
	}
	for i := range 2 * maxTrustedSources {
		known.remember(source(i))
		if known.bucket(source(i)) == nil || len(known.buckets) > maxTrustedSources {
			t.Fatalf("%d sources are known, and the last one is not", len(known.buckets))
		}
	}
}
