package handshake

import (
	"bytes"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// trustAll trusts every key.
func trustAll(identity.PublicKey) bool { return true }

// panics reports whether f panics.
func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

// requireOver fails the test unless s has failed: no message is due, and using it panics.
func requireOver(t *testing.T, s *State) {
	t.Helper()
	if write, size := s.Next(); write || size != 0 {
		t.Errorf("after the end Next tells %v, %d", write, size)
	}
	if s.Done() {
		t.Error("done after the failure")
	}
	if !panics(func() { s.Write(nil) }) {
		t.Error("Write works after the end")
	}
	for _, size := range []int{0, Message1Size, Message2Size, Message3Size, BEAMMessage1Size, BEAMMessage2Size, BEAMMessage3Size} {
		if !panics(func() { s.Read(make([]byte, size)) }) {
			t.Errorf("Read of %d bytes works after the end", size)
		}
	}
}

// requireNoResult fails the test unless s has failed and has no result.
func requireNoResult(t *testing.T, s *State) {
	t.Helper()
	requireOver(t, s)
	if !panics(func() { s.Result() }) {
		t.Error("a result after the failure")
	}
}

// fixed is a handshake whose keys are known, with the messages that it must consist of.
type fixed struct {
	dialect          Dialect
	prologue         []byte
	static           [2]identity.KeyPair // by Role
	ephemeral        [2][]byte
	message1         []byte
	message2         []byte
	message3         []byte
	hash, key1, key2 []byte
}

// newFixed returns a handshake of a file in its native form: without the header that messages of the BEAM dialect have.
func newFixed(v vectors.NoiseHandshake) fixed {
	return fixed{
		prologue:  *v.Prologue,
		static:    [2]identity.KeyPair{must(identity.NewKeyPair(v.InitiatorStaticPrivate)), must(identity.NewKeyPair(v.ResponderStaticPrivate))},
		ephemeral: [2][]byte{v.InitiatorEphemeralPrivate, v.ResponderEphemeralPrivate},
		message1:  v.Messages[0].Body, message2: v.Messages[1].Body, message3: v.Messages[2].Body,
		hash: v.HandshakeHash, key1: v.KeyInitiatorToResponder, key2: v.KeyResponderToInitiator,
	}
}

// in returns f with its messages in the form of dialect d, and with nothing else changed.
func (f fixed) in(d Dialect) fixed {
	f.dialect = d
	if d == BEAM {
		for _, m := range []*[]byte{&f.message1, &f.message2, &f.message3} {
			*m = append([]byte{131, 109, 0, 0, 0, byte(len(*m))}, *m...)
		}
	}
	return f
}

// config returns the config of one end, which trusts everybody and, as initiator, dialled the other.
func (f fixed) config(r Role) Config {
	c := Config{Role: r, Dialect: f.dialect, Static: f.static[r], Prologue: f.prologue, Trusted: trustAll, Rand: bytes.NewReader(f.ephemeral[r])}
	if r == Initiator {
		c.Expect = f.static[Responder].PublicKey()
	}
	return c
}

// counting returns the first handshake of noise_xx_native.json.
func counting(t testing.TB) fixed { return newFixed(vectors.Noise(t, vectors.NoiseNative).Vectors[0]) }

func mustNew(t testing.TB, c Config) *State {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustWrite(t testing.TB, s *State) []byte {
	t.Helper()
	b, err := s.Write(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustRead(t testing.TB, s *State, body []byte) {
	t.Helper()
	if err := s.Read(body); err != nil {
		t.Fatal(err)
	}
}

// initiatorAt2 returns an initiator that waits for message 2.
func initiatorAt2(t testing.TB, c Config) *State {
	t.Helper()
	s := mustNew(t, c)
	mustWrite(t, s)
	return s
}

// responderAt3 returns a responder that has answered message1 and waits for message 3.
func responderAt3(t testing.TB, c Config, message1 []byte) *State {
	t.Helper()
	s := mustNew(t, c)
	mustRead(t, s, message1)
	mustWrite(t, s)
	return s
}

func requireUntrusted(t *testing.T, err error, remote identity.PublicKey) {
	t.Helper()
	var untrusted *UntrustedError
	if !errors.Is(err, ErrUntrusted) || !errors.As(err, &untrusted) {
		t.Fatalf("got %v, want an UntrustedError", err)
	}
	if untrusted.Remote != remote {
		t.Errorf("the error names %v, want %v", untrusted.Remote, remote)
	}
}
