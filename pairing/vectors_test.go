package pairing

import (
	"bytes"
	"crypto/sha512"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// write makes TestPairingsAreThoseOfTheVectors fill in what follows from the inputs of the vectors.
var write = flag.Bool("write-vectors", false, "fill in the results of testdata/vectors/pairing.json")

func TestPairingsAreThoseOfTheVectors(t *testing.T) {
	all := pairingVectors(t)
	for i, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			code, binding := mustCode(t, v.Code), v.binding()
			if got := string(code.password(nil)); got != v.Password {
				t.Errorf("the password is %q", got)
			}
			wantBytes(t, "the channel identifier", channelOf(code, binding), v.Channel)
			r, err := newRun(code, binding, randomOf(v.JoinerScalar))
			wantNil(t, err)
			s, err := newRun(code, binding, randomOf(v.OffererScalar))
			wantNil(t, err)
			k, err := r.own.multiply(s.own.public[:])
			wantNil(t, err)
			isk := sessionKey(binding.Hash[:], k, transcriptOf(r.own.public[:], nil, s.own.public[:], nil))
			mac, _, err := r.confirmationKey(s.own.public, true)
			wantNil(t, err)

			j, err := NewJoiner(code, binding, v.JoinerLabel, randomOf(v.JoinerScalar))
			wantNil(t, err)
			o, err := NewOffer(code, v.OffererLabel)
			wantNil(t, err)
			var messages [4][]byte
			messages[0] = j.Share()
			messages[1], err = o.Answer(binding, messages[0], randomOf(v.OffererScalar))
			wantNil(t, err)
			messages[2], err = j.Confirm(messages[1])
			wantNil(t, err)
			var joiner string
			messages[3], joiner, err = o.Verify(binding, messages[2])
			wantNil(t, err)
			offerer, err := j.Finish(messages[3])
			wantNil(t, err)
			if joiner != v.JoinerLabel || offerer != v.OffererLabel {
				t.Errorf("labels %q and %q", joiner, offerer)
			}
			if *write {
				all[i].ISK, all[i].MACKey, all[i].Messages = isk[:], mac[:], nil
				for _, m := range messages {
					all[i].Messages = append(all[i].Messages, m)
				}
				return
			}
			wantBytes(t, "the ISK", isk[:], v.ISK)
			wantBytes(t, "the key of the confirmations", mac[:], v.MACKey)
			if len(v.Messages) != len(messages) {
				t.Fatalf("%d messages", len(v.Messages))
			}
			for n, m := range messages {
				wantBytes(t, "message", m, v.Messages[n])
			}
		})
	}
	if *write {
		text, err := json.MarshalIndent(map[string]any{"vectors": all}, "", "  ")
		wantNil(t, err)
		wantNil(t, os.WriteFile(vectors.Path(t, "pairing.json"), append(text, '\n'), 0o644))
	}
}

// seed adds two messages of each vector: those of the same form.
func seed(f *testing.F, first, second int) {
	for _, v := range pairingVectors(f) {
		f.Add([]byte(v.Messages[first]))
		f.Add([]byte(v.Messages[second]))
	}
}

func FuzzShare(f *testing.F) {
	seed(f, 0, 1)
	s := share{scalar: scalarOf([32]byte{5})}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range []byte{kindJoinerShare, kindOffererShare} {
			m, err := parseShare(b, kind)
			if err != nil {
				if m != (shareMessage{}) {
					t.Error("a share with an error")
				}
				continue
			}
			if got := m.append(nil); !bytes.Equal(got, b) {
				t.Errorf("%x is appended as %x", b, got)
			}
			if k, err := s.multiply(m.point[:]); err == nil && k == [pointSize]byte{} {
				t.Errorf("%x makes the identity", b)
			}
		}
	})
}

func FuzzConfirmation(f *testing.F) {
	seed(f, 2, 3)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range []byte{kindJoinerConfirmation, kindOffererConfirmation} {
			m, err := parseConfirmation(b, kind)
			if err != nil {
				continue
			}
			if got := m.append(nil); !bytes.Equal(got, b) || len(m.label) > LabelLimit {
				t.Errorf("%x is appended as %x", b, got)
			}
		}
	})
}

func TestEveryCutMessageFails(t *testing.T) {
	for _, v := range pairingVectors(t) {
		for n, m := range v.Messages {
			parse := func(b []byte) error { _, err := parseShare(b, byte(n+1)); return err }
			shortest := ShareSize
			if n >= 2 {
				parse = func(b []byte) error { _, err := parseConfirmation(b, byte(n+1)); return err }
				shortest = 1 + sha512.Size // a shorter label is another message, which its tag refuses
			}
			wantNil(t, parse(m))
			for cut := range shortest {
				if parse(m[:cut]) == nil {
					t.Errorf("message %d cut to %d bytes is accepted", n+1, cut)
				}
			}
			if parse(append(bytes.Clone(m), make([]byte, LabelLimit+1)...)) == nil {
				t.Errorf("message %d with bytes after it is accepted", n+1)
			}
			for kind := range 256 {
				other := append([]byte{byte(kind)}, m[1:]...)
				if kind != n+1 && parse(other) == nil {
					t.Errorf("message %d is accepted with kind %d", n+1, kind)
				}
			}
		}
	}
}
