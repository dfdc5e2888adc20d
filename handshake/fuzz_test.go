package handshake

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// seeds calls add with message n of every vector: whole, cut, and with its last bit flipped.
func seeds(f *testing.F, n int, add func(message []byte)) {
	f.Helper()
	for _, name := range []string{vectors.NoiseNative, vectors.NoisePrologue, vectors.NoiseBEAM} {
		for _, v := range vectors.Noise(f, name).Vectors {
			for _, body := range [][]byte{v.Messages[n-1].Body, v.Messages[n-1].Frame[frame.HeaderSize:]} {
				add(body)
				add(body[:len(body)-1])
				add(flip(body, len(body)-1))
			}
		}
	}
	for _, v := range vectors.Failures(f).Vectors {
		if len(v.Messages) == n {
			add(v.Messages[n-1])
		}
	}
}

// requireOneOf fails unless err is one of wants.
func requireOneOf(t *testing.T, err error, wants ...error) {
	t.Helper()
	if !slices.ContainsFunc(wants, func(want error) bool { return errors.Is(err, want) }) {
		t.Fatalf("got %v, want one of %v", err, wants)
	}
}

// FuzzInitiatorRead gives an initiator of each dialect any bytes as message 2. It accepts only the message of the responder that it
// dialled. The valid message of another peer, as in some vectors, fails for its key.
func FuzzInitiatorRead(f *testing.F) {
	native := counting(f)
	beam := newFixed(vectors.Noise(f, vectors.NoiseBEAM).Vectors[0]).in(BEAM)
	seeds(f, 2, func(m []byte) { f.Add(m, false); f.Add(m, true) })
	f.Fuzz(func(t *testing.T, body []byte, isBEAM bool) {
		fix := native
		if isBEAM {
			fix = beam
		}
		s := initiatorAt2(t, fix.config(Initiator))
		err := s.Read(body)
		if bytes.Equal(body, fix.message2) {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		requireOneOf(t, err, ErrSize, ErrBinary, ErrEphemeral, ErrMessage2, ErrKey, ErrSelf, ErrWrongKey)
		requireNoResult(t, s)
	})
}

// FuzzResponderRead gives a responder of each dialect any bytes as messages 1 and 3. It accepts any valid key as message 1; after that
// only the message of the initiator that it trusts.
func FuzzResponderRead(f *testing.F) {
	native := counting(f)
	beam := newFixed(vectors.Noise(f, vectors.NoiseBEAM).Vectors[0]).in(BEAM)
	for i, fix := range []fixed{native, beam} {
		seeds(f, 1, func(m []byte) { f.Add(m, fix.message3, i == 1) })
		seeds(f, 3, func(m []byte) { f.Add(fix.message1, m, i == 1) })
	}
	f.Fuzz(func(t *testing.T, message1, message3 []byte, isBEAM bool) {
		fix := native
		if isBEAM {
			fix = beam
		}
		config := fix.config(Responder)
		config.Trusted = func(k identity.PublicKey) bool { return k == fix.static[Initiator].PublicKey() }
		s := mustNew(t, config)
		if err := s.Read(message1); err != nil {
			requireOneOf(t, err, ErrSize, ErrBinary, ErrEphemeral)
			requireNoResult(t, s)
			return
		}
		mustWrite(t, s)
		err := s.Read(message3)
		if bytes.Equal(message1, fix.message1) && bytes.Equal(message3, fix.message3) {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		requireOneOf(t, err, ErrSize, ErrBinary, ErrMessage3, ErrKey, ErrSelf, ErrUntrusted)
		requireOver(t, s)
	})
}
