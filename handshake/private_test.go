package handshake

import (
	"bytes"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// A ring has one knock: that of a vector.
type ring struct {
	from, to  identity.PublicKey
	ephemeral [32]byte
	knock     [KnockSize]byte
}

func (r ring) Knock(key identity.PublicKey, ephemeral [32]byte) ([KnockSize]byte, bool) {
	return r.knock, key == r.to && ephemeral == r.ephemeral
}

func (r ring) Knocked(ephemeral [32]byte, knock [KnockSize]byte) (identity.PublicKey, bool) {
	if ephemeral != r.ephemeral || knock != r.knock {
		return identity.PublicKey{}, false
	}
	return r.from, true
}

// privately returns the first handshake of noise_xx_private.json, and the ring of both its ends.
func privately(t testing.TB) (fixed, ring) {
	t.Helper()
	return newPrivate(vectors.Noise(t, vectors.NoisePrivate).Vectors[0])
}

func newPrivate(v vectors.NoiseHandshake) (fixed, ring) {
	f := newFixed(v)
	return f, ring{f.static[Initiator].PublicKey(), f.static[Responder].PublicKey(), [32]byte(v.InitiatorEphemeralPublic), [KnockSize]byte(v.Knock)}
}

// TestPrivateVectorsReplay runs each vector at both ends.
func TestPrivateVectorsReplay(t *testing.T) {
	for _, v := range vectors.Noise(t, vectors.NoisePrivate).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			f, knocks := newPrivate(v)
			ic, rc := f.config(Initiator), f.config(Responder)
			ic.Knocks, rc.Knocks = knocks, knocks
			i, r := mustNew(t, ic), mustNew(t, rc)
			for n, want := range [][]byte{f.message1, f.message2, f.message3} {
				from, to := i, r
				if n == 1 {
					from, to = r, i
				}
				if _, size := to.Next(); size != len(want) {
					t.Fatalf("message %d: the receiver waits for %d bytes", n+1, size)
				}
				if _, size := from.Next(); size != len(want) {
					t.Fatalf("message %d: the sender is told %d bytes", n+1, size)
				}
				if got := mustWrite(t, from); !bytes.Equal(got, want) {
					t.Fatalf("message %d:\ngot  %x\nwant %x", n+1, got, want)
				}
				mustRead(t, to, want)
			}
			a, b := i.Result(), r.Result()
			if ak, bk := a.SendKey(), b.SendKey(); !bytes.Equal(ak[:], f.key1) || !bytes.Equal(bk[:], f.key2) {
				t.Errorf("keys %x %x, want %x %x", ak, bk, f.key1, f.key2)
			}
			if !bytes.Equal(a.Hash[:], f.hash) || b.Hash != a.Hash {
				t.Errorf("hashes %x %x, want %x", a.Hash, b.Hash, f.hash)
			}
			if b.Remote != f.static[Initiator].PublicKey() {
				t.Errorf("the responder met %v", b.Remote)
			}
		})
	}
}

// TestInitiatorsWithoutAKnockGetNoAnswer checks wire.md §4.6: nothing is written, and not even a random number is
// drawn.
func TestInitiatorsWithoutAKnockGetNoAnswer(t *testing.T) {
	f, knocks := privately(t)
	random := bytes.Repeat([]byte{0xa5}, KnockSize)
	for name, c := range map[string]struct {
		message1 []byte
		want     error
	}{
		"without a knock":    {f.message1[:Message1Size], ErrSize},
		"cut":                {f.message1[:PrivateMessage1Size-1], ErrSize},
		"too long":           {append(bytes.Clone(f.message1), 0), ErrSize},
		"random":             {append(bytes.Clone(f.message1[:Message1Size]), random...), ErrKnock},
		"of another":         {append(public(ephemeralO), f.message1[Message1Size:]...), ErrKnock},
		"ephemeral is small": {append(make([]byte, Message1Size), f.message1[Message1Size:]...), ErrEphemeral},
	} {
		t.Run(name, func(t *testing.T) {
			rc := f.config(Responder)
			unread := bytes.NewReader(f.ephemeral[Responder])
			rc.Knocks, rc.Rand = knocks, unread
			r := mustNew(t, rc)
			if err := r.Read(c.message1); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			requireNoResult(t, r)
			if unread.Len() != 32 {
				t.Error("an ephemeral key was made")
			}
		})
	}
	for bit := range 8 * PrivateMessage1Size {
		rc := f.config(Responder)
		rc.Knocks = knocks
		r := mustNew(t, rc)
		m := bytes.Clone(f.message1)
		m[bit/8] ^= 1 << (bit % 8)
		if err := r.Read(m); !errors.Is(err, ErrKnock) && !errors.Is(err, ErrEphemeral) {
			t.Errorf("bit %d flipped: %v", bit, err)
		}
		requireNoResult(t, r)
	}
}

// TestBothEndsMustBePrivate has only one end in private mode.
func TestBothEndsMustBePrivate(t *testing.T) {
	f, knocks := privately(t)
	ic, rc := f.config(Initiator), f.config(Responder)
	ic.Knocks = knocks
	i, r := mustNew(t, ic), mustNew(t, rc)
	if err := r.Read(mustWrite(t, i)); !errors.Is(err, ErrSize) {
		t.Errorf("a knock where none is due: %v", err)
	}
	requireNoResult(t, r)

	ic, rc = f.config(Initiator), f.config(Responder)
	rc.Knocks = knocks
	i, r = mustNew(t, ic), mustNew(t, rc)
	if err := r.Read(mustWrite(t, i)); !errors.Is(err, ErrSize) {
		t.Errorf("no knock where one is due: %v", err)
	}
	requireNoResult(t, r)
}

// TestAnotherKeyThanTheOneThatKnockedFails lets a trusted peer prove its key in a handshake that another peer has
// begun.
func TestAnotherKeyThanTheOneThatKnockedFails(t *testing.T) {
	f, knocks := privately(t)
	ic, rc := f.config(Initiator), f.config(Responder)
	ic.Knocks, rc.Knocks = knocks, knocks
	ic.Static = must(identity.NewKeyPair(staticO))
	asked := false
	rc.Trusted = func(identity.PublicKey) bool { asked = true; return true }
	i, r := mustNew(t, ic), mustNew(t, rc)
	mustRead(t, r, mustWrite(t, i))
	mustRead(t, i, mustWrite(t, r))
	if err := r.Read(mustWrite(t, i)); !errors.Is(err, ErrOtherKnock) || errors.Is(err, ErrUntrusted) {
		t.Errorf("got %v, want ErrOtherKnock", err)
	}
	requireNoResult(t, r)
	if asked {
		t.Error("trust was asked")
	}
}

// TestTrustTakenAwayAfterTheKnockIsRefused takes trust from a peer between its knock and the proof of its key.
func TestTrustTakenAwayAfterTheKnockIsRefused(t *testing.T) {
	f, knocks := privately(t)
	rc := f.config(Responder)
	rc.Knocks = knocks
	rc.Trusted = func(identity.PublicKey) bool { return false }
	r := mustNew(t, rc)
	mustRead(t, r, f.message1)
	mustWrite(t, r)
	if err := r.Read(f.message3); !errors.Is(err, ErrUntrusted) {
		t.Errorf("got %v, want ErrUntrusted", err)
	}
	r.Result() // for the refusal
}

// TestAReplayedMessage1RevealsNothing checks wire.md §12 about a message 1 that is sent again: it is answered, but only
// the holder of the ephemeral key learns who answers.
func TestAReplayedMessage1RevealsNothing(t *testing.T) {
	f, knocks := privately(t)
	rc := f.config(Responder)
	rc.Knocks, rc.Rand = knocks, nil
	for range 2 {
		r := mustNew(t, rc)
		mustRead(t, r, f.message1)
		message2 := mustWrite(t, r)
		if key := f.static[Responder].PublicKey(); bytes.Contains(message2, key[:]) {
			t.Error("message 2 shows the static key")
		}
		thief := newReference(true, f.prologue, staticO, ephemeralO) // it knows all but the private half of e
		thief.mixHash(f.message1[:Message1Size])
		thief.mixHash(f.message1[Message1Size:])
		thief.next()
		if err := thief.read(message2); err == nil {
			t.Error("message 2 opens without the private half of the ephemeral key")
		}
	}
}

// TestInitiatorWithoutASecretSendsNothing takes trust away before the dial.
func TestInitiatorWithoutASecretSendsNothing(t *testing.T) {
	f, _ := privately(t)
	c := f.config(Initiator)
	c.Knocks = ring{}
	i := mustNew(t, c)
	b := []byte("as it was")
	got, err := i.Write(b)
	if u, ok := errors.AsType[*UntrustedError](err); !ok || u.Remote != c.Expect || !bytes.Equal(got, b) {
		t.Errorf("got %q, %v", got, err)
	}
	requireNoResult(t, i)
}

func TestPrivateWriteFailsWithItsRandomness(t *testing.T) {
	f, knocks := privately(t)
	c := f.config(Initiator)
	c.Knocks, c.Rand = knocks, bytes.NewReader(f.ephemeral[Initiator][:31])
	i := mustNew(t, c)
	if got, err := i.Write(nil); err == nil || len(got) != 0 {
		t.Errorf("got %x, %v", got, err)
	}
	requireNoResult(t, i)
}

// FuzzPrivateResponderRead gives a responder in private mode any bytes as message 1.
func FuzzPrivateResponderRead(f *testing.F) {
	fix, knocks := privately(f)
	for _, v := range vectors.Noise(f, vectors.NoisePrivate).Vectors {
		f.Add([]byte(v.Messages[0].Body))
		f.Add([]byte(v.Messages[0].Body[:Message1Size]))
		f.Add([]byte(flip(v.Messages[0].Body, Message1Size)))
	}
	f.Fuzz(func(t *testing.T, message1 []byte) {
		c := fix.config(Responder)
		c.Knocks = knocks
		r := mustNew(t, c)
		err := r.Read(message1)
		if bytes.Equal(message1, fix.message1) {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		requireOneOf(t, err, ErrSize, ErrEphemeral, ErrKnock)
		requireNoResult(t, r)
	})
}
