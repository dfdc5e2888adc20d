package docs_test

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// A transcript is the state that both ends share in the handshake (wire.md §4.1), written from the page alone. The
// intermediate values on the page are compared with it.
type transcript struct {
	h, ck, k []byte
	n        uint64

	messages [3][]byte
	steps    [3][][]byte // the values that A.2 lists, by message
}

// newTranscript follows the steps of §4.1 to §4.6 with the keys of v, and with its knock if it has one.
func newTranscript(t *testing.T, v vectors.NoiseHandshake, prologue []byte) *transcript {
	t.Helper()
	dh := func(private, public []byte) []byte {
		s, err := ecdh.X25519().NewPrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ecdh.X25519().NewPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		z, err := s.ECDH(p)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	name := []byte("Noise_XX_25519_ChaChaPoly_SHA256")
	s := &transcript{h: name, ck: name}

	steps := [][]byte{name, s.mixHash(prologue)}
	steps = append(steps, s.mixHash(v.InitiatorEphemeralPublic))
	s.messages[0] = append(v.InitiatorEphemeralPublic[:32:32], s.encryptAndHash(v.Knock)...)
	s.steps[0] = append(steps, s.h)

	steps = [][]byte{s.mixHash(v.ResponderEphemeralPublic)}
	z := dh(v.InitiatorEphemeralPrivate, v.ResponderEphemeralPublic)
	s.mixKey(z)
	steps = append(steps, z, s.ck, s.k)
	m := append(v.ResponderEphemeralPublic[:32:32], s.encryptAndHash(v.ResponderStaticPublic)...)
	steps = append(steps, s.h)
	z = dh(v.InitiatorEphemeralPrivate, v.ResponderStaticPublic)
	s.mixKey(z)
	steps = append(steps, z, s.ck, s.k)
	s.messages[1] = append(m, s.encryptAndHash(nil)...)
	s.steps[1] = append(steps, s.h)

	m = s.encryptAndHash(v.InitiatorStaticPublic)
	steps = [][]byte{s.h}
	z = dh(v.InitiatorStaticPrivate, v.ResponderEphemeralPublic)
	s.mixKey(z)
	steps = append(steps, z, s.ck, s.k)
	s.messages[2] = append(m, s.encryptAndHash(nil)...)
	k1, k2 := hkdf(s.ck, nil)
	s.steps[2] = append(steps, s.h, k1, k2)
	return s
}

// mixHash returns the new h.
func (s *transcript) mixHash(d []byte) []byte {
	sum := sha256.Sum256(append(s.h[:32:32], d...))
	s.h = sum[:]
	return s.h
}

func (s *transcript) mixKey(z []byte) { s.ck, s.k = hkdf(s.ck, z); s.n = 0 }

func (s *transcript) encryptAndHash(p []byte) []byte {
	c := p
	if s.k != nil {
		aead, err := chacha20poly1305.New(s.k)
		if err != nil {
			panic(err) // only if the key has another length
		}
		c = aead.Seal(nil, binary.LittleEndian.AppendUint64(make([]byte, 4, 12), s.n), p, s.h)
		s.n++
	}
	s.mixHash(c)
	return c
}

func hkdf(ck, z []byte) (o1, o2 []byte) {
	t := mac(ck, z)
	o1 = mac(t, []byte{1})
	return o1, mac(t, append(o1[:32:32], 2))
}

func mac(key, d []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(d)
	return m.Sum(nil)
}
