package handshake

import (
	"bytes"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// asGuests returns the configs of both ends of f for a guest session, in which neither trusts the other.
func (f fixed) asGuests(t testing.TB) (initiator, responder Config) {
	initiator, responder = f.config(Initiator), f.config(Responder)
	initiator.Guest, initiator.Trusted = true, nil
	responder.Trusted = func(identity.PublicKey) bool {
		t.Error("a guest's key is asked for trust")
		return false
	}
	return initiator, responder
}

// guestMessage3 returns message 3 of f with that payload.
func guestMessage3(t testing.TB, f fixed, payload ...byte) []byte {
	t.Helper()
	c, _ := f.asGuests(t)
	s := initiatorAt2(t, c)
	mustRead(t, s, f.message2)
	hs := s.noise()
	b, _, _, err := hs.WriteMessage(nil, payload)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGuestIsProvedAndNotTrusted(t *testing.T) {
	f := counting(t)
	ic, rc := f.asGuests(t)
	for _, expect := range []identity.PublicKey{ic.Expect, {}} {
		ic.Expect = expect
		i, r := mustNew(t, ic), mustNew(t, rc)
		mustRead(t, r, mustWrite(t, i))
		mustRead(t, i, mustWrite(t, r))
		m3 := mustWrite(t, i)
		if len(m3) != GuestMessage3Size || !bytes.Equal(m3, guestMessage3(t, f, asGuest)) {
			t.Errorf("message 3 is %x", m3)
		}
		r.ExpectGuest()
		if _, size := r.Next(); size != GuestMessage3Size {
			t.Errorf("the responder waits for %d bytes", size)
		}
		mustRead(t, r, m3)
		a, b := i.Result(), r.Result()
		if !i.Done() || !r.Done() || !a.Guest || !b.Guest || a.Hash != b.Hash || a.SendKey() != b.RecvKey() {
			t.Errorf("results %+v and %+v", a, b)
		}
		if a.Remote != f.static[Responder].PublicKey() || b.Remote != f.static[Initiator].PublicKey() {
			t.Errorf("met %v and %v", a.Remote, b.Remote)
		}
		ic.Rand, rc.Rand = bytes.NewReader(f.ephemeral[Initiator]), bytes.NewReader(f.ephemeral[Responder])
	}
}

// TestGuestVectors has both ends make each handshake of noise_xx_guest.json, byte for byte.
func TestGuestVectors(t *testing.T) {
	for _, v := range vectors.Noise(t, vectors.NoiseGuest).Vectors {
		f := newFixed(v)
		ic, rc := f.asGuests(t)
		i, r := mustNew(t, ic), mustNew(t, rc)
		for n, ends := range [][2]*State{{i, r}, {r, i}, {i, r}} {
			if n == 2 {
				r.ExpectGuest()
			}
			body := mustWrite(t, ends[0])
			if !bytes.Equal(body, v.Messages[n].Body) || !bytes.Equal(frame.Append(nil, body), v.Messages[n].Frame) {
				t.Errorf("%s: message %d is %x", v.Name, n+1, body)
			}
			mustRead(t, ends[1], body)
		}
		a, b := i.Result(), r.Result()
		toHost, toGuest := a.SendKey(), a.RecvKey()
		if !a.Guest || !b.Guest || a.Hash != b.Hash || toHost != b.RecvKey() || toGuest != b.SendKey() {
			t.Errorf("%s: results %+v and %+v", v.Name, a, b)
		}
		if !bytes.Equal(a.Hash[:], f.hash) || !bytes.Equal(toHost[:], f.key1) || !bytes.Equal(toGuest[:], f.key2) {
			t.Errorf("%s: the result is %+v", v.Name, a)
		}
	}
}

// TestOrdinaryResultIsNoGuest: nothing of an ordinary handshake changes.
func TestOrdinaryResultIsNoGuest(t *testing.T) {
	f := counting(t)
	r := responderAt3(t, f.config(Responder), f.message1)
	mustRead(t, r, f.message3)
	if r.Result().Guest {
		t.Error("an ordinary initiator is a guest")
	}
}

func TestGuestMessagesThatFail(t *testing.T) {
	f := counting(t)
	good := guestMessage3(t, f, asGuest)
	for name, c := range map[string]struct {
		guest   bool
		message []byte
		want    error
	}{
		"guest where none is expected": {false, good, ErrSize},
		"peer where a guest comes":     {true, f.message3, ErrSize},
		"cut":                          {true, good[:64], ErrSize},
		"too long":                     {true, append(bytes.Clone(good), 0), ErrSize},
		"payload 00":                   {true, guestMessage3(t, f, 0), ErrGuest},
		"payload 02":                   {true, guestMessage3(t, f, 2), ErrGuest},
	} {
		t.Run(name, func(t *testing.T) {
			_, rc := f.asGuests(t)
			r := responderAt3(t, rc, f.message1)
			if c.guest {
				r.ExpectGuest()
			}
			if err := r.Read(c.message); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			requireNoResult(t, r)
		})
	}
	for bit := range 8 * len(good) {
		_, rc := f.asGuests(t)
		r := responderAt3(t, rc, f.message1)
		r.ExpectGuest()
		if err := r.Read(flip(good, bit/8)); !errors.Is(err, ErrMessage3) {
			t.Errorf("byte %d flipped: %v", bit/8, err)
		}
		requireNoResult(t, r)
	}
}

// TestGuestWithAnOwnKeyOrAWrongHostFails: what is not about trust is checked for guests as well.
func TestGuestWithAnOwnKeyOrAWrongHostFails(t *testing.T) {
	f := counting(t)
	ic, rc := f.asGuests(t)
	rc.Static = f.static[Initiator]
	i, r := mustNew(t, ic), mustNew(t, rc)
	mustRead(t, r, mustWrite(t, i))
	if err := i.Read(mustWrite(t, r)); !errors.Is(err, ErrSelf) {
		t.Errorf("a guest of itself: %v", err)
	}
	ic, rc = f.asGuests(t)
	ic.Expect = must(identity.NewKeyPair(staticO)).PublicKey()
	i, r = mustNew(t, ic), mustNew(t, rc)
	mustRead(t, r, mustWrite(t, i))
	if err := i.Read(mustWrite(t, r)); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another host: %v", err)
	}
}

func TestResponderForGuestsAloneTakesNobodyElse(t *testing.T) {
	f := counting(t)
	_, rc := f.asGuests(t)
	rc.Guest = true
	r := responderAt3(t, rc, f.message1)
	if err := r.Read(f.message3); !errors.Is(err, ErrSize) {
		t.Errorf("an ordinary initiator: %v", err)
	}
	rc.Rand = bytes.NewReader(f.ephemeral[Responder])
	mustRead(t, responderAt3(t, rc, f.message1), guestMessage3(t, f, asGuest))
}

func TestExpectGuestPanicsWhereNoGuestCanCome(t *testing.T) {
	f, knocks := privately(t)
	private := f.config(Responder)
	private.Knocks = knocks
	beam := counting(t).in(BEAM)
	for name, s := range map[string]*State{
		"initiator":  mustNew(t, f.config(Initiator)),
		"message 1":  mustNew(t, counting(t).config(Responder)),
		"in private": responderAt3(t, private, f.message1),
		"BEAM":       responderAt3(t, beam.config(Responder), beam.message1),
	} {
		if !panics(s.ExpectGuest) {
			t.Errorf("%s: ExpectGuest works", name)
		}
	}
}

func TestConfigsOfGuestsThatAreRefused(t *testing.T) {
	f, knocks := privately(t)
	for name, change := range map[string]func(*Config){
		"in private mode": func(c *Config) { c.Knocks = knocks },
		"BEAM":            func(c *Config) { c.Dialect = BEAM },
	} {
		for _, role := range []Role{Initiator, Responder} {
			c := f.config(role)
			c.Guest = true
			change(&c)
			if _, err := New(c); !errors.Is(err, ErrConfig) {
				t.Errorf("%s, %v: %v", name, role, err)
			}
		}
	}
}

// FuzzGuestRead gives a responder that expects a guest any bytes as message 3. It takes only the message of a guest.
func FuzzGuestRead(f *testing.F) {
	fix := counting(f)
	good := guestMessage3(f, fix, asGuest)
	for _, m := range [][]byte{guestMessage3(f, fix, 0), fix.message3, good[:64]} {
		f.Add(m)
	}
	for _, v := range vectors.Noise(f, vectors.NoiseGuest).Vectors {
		f.Add([]byte(v.Messages[2].Body))
		f.Add([]byte(flip(v.Messages[2].Body, GuestMessage3Size-1)))
	}
	seeds(f, 3, func(m []byte) { f.Add(m) })
	f.Fuzz(func(t *testing.T, message []byte) {
		_, rc := fix.asGuests(t)
		r := responderAt3(t, rc, fix.message1)
		r.ExpectGuest()
		err := r.Read(message)
		if bytes.Equal(message, good) {
			if err != nil || !r.Result().Guest {
				t.Fatal(err)
			}
			return
		}
		requireOneOf(t, err, ErrSize, ErrMessage3, ErrGuest)
		requireNoResult(t, r)
	})
}
