package handshake

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// A reference is one end of Noise_XX_25519_ChaChaPoly_SHA256 written from the Noise specification alone, over the
// standard library. It shares nothing with the package: it makes the vectors with a prologue and those that fail, and
// the package must agree with it byte for byte. It checks only tags, and can be made to lie.
type reference struct {
	initiator bool
	s, e      *ecdh.PrivateKey
	showS     []byte // if not nil, the public key that it claims in place of its own
	rs, re    []byte
	payloads  [3][]byte // of each message: none, but a knock in private mode, and the byte of a guest

	h, ck  []byte
	k      []byte // nil: no key yet
	n      uint64
	sent   int // messages written and read so far
	k1, k2 []byte
}

// referencePattern is the XX pattern of Noise §7.5, a row per message.
var referencePattern = [...]string{"e", "e ee s es", "s se"}

func newReference(initiator bool, prologue []byte, static, ephemeral []byte) *reference {
	const name = "Noise_XX_25519_ChaChaPoly_SHA256" // 32 bytes: it is h as it stands
	r := &reference{initiator: initiator, s: mustPrivate(static), e: mustPrivate(ephemeral), h: []byte(name), ck: []byte(name)}
	r.mixHash(prologue)
	return r
}

func mustPrivate(b []byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		panic(err)
	}
	return k
}

func (r *reference) mixHash(data []byte) {
	sum := sha256.Sum256(append(bytes.Clone(r.h), data...))
	r.h = sum[:]
}

func (r *reference) mixKey(secret []byte) {
	out := must(hkdf.Key(sha256.New, secret, r.ck, "", 64))
	r.ck, r.k, r.n = out[:32], out[32:], 0
}

func referenceNonce(n uint64) []byte {
	return binary.LittleEndian.AppendUint64(make([]byte, 4, 12), n)
}

func (r *reference) encryptAndHash(plaintext []byte) []byte {
	out := bytes.Clone(plaintext)
	if r.k != nil {
		out = must(chacha20poly1305.New(r.k)).Seal(nil, referenceNonce(r.n), plaintext, r.h)
		r.n++
	}
	r.mixHash(out)
	return out
}

func (r *reference) decryptAndHash(data []byte) ([]byte, error) {
	out := bytes.Clone(data)
	if r.k != nil {
		var err error
		if out, err = must(chacha20poly1305.New(r.k)).Open(nil, referenceNonce(r.n), data, r.h); err != nil {
			return nil, err
		}
		r.n++
	}
	r.mixHash(data)
	return out, nil
}

// dh does the DH of a token. Where X25519 yields zero, so does it, as an implementation without that check would.
func (r *reference) dh(token string) {
	private, public := r.e, r.re
	switch {
	case token == "es" && r.initiator, token == "se" && !r.initiator:
		public = r.rs
	case token == "es", token == "se":
		private = r.s
	}
	secret, err := private.ECDH(must(ecdh.X25519().NewPublicKey(public)))
	if err != nil {
		secret = make([]byte, 32)
	}
	r.mixKey(secret)
}

func (r *reference) write() []byte {
	var out []byte
	for token := range strings.SplitSeq(referencePattern[r.sent], " ") {
		switch token {
		case "e":
			e := r.e.PublicKey().Bytes()
			out = append(out, e...)
			r.mixHash(e)
		case "s":
			s := r.showS
			if s == nil {
				s = r.s.PublicKey().Bytes()
			}
			out = append(out, r.encryptAndHash(s)...)
		default:
			r.dh(token)
		}
	}
	out = append(out, r.encryptAndHash(r.payloads[r.sent])...)
	r.next()
	return out
}

func (r *reference) read(body []byte) error {
	take := func(n int) []byte {
		if len(body) < n {
			n = len(body)
		}
		b := body[:n]
		body = body[n:]
		return b
	}
	for token := range strings.SplitSeq(referencePattern[r.sent], " ") {
		switch token {
		case "e":
			r.re = bytes.Clone(take(32))
			r.mixHash(r.re)
		case "s":
			s, err := r.decryptAndHash(take(32 + 16))
			if err != nil {
				return err
			}
			r.rs = s
		default:
			r.dh(token)
		}
	}
	if payload, err := r.decryptAndHash(body); err != nil {
		return err
	} else if !bytes.Equal(payload, r.payloads[r.sent]) {
		return errors.New("another payload")
	}
	r.next()
	return nil
}

// next counts a message. After the last one it does Split.
func (r *reference) next() {
	if r.sent++; r.sent == len(referencePattern) {
		out := must(hkdf.Key(sha256.New, nil, r.ck, "", 64))
		r.k1, r.k2 = out[:32], out[32:]
	}
}

// referenceSecret is K of wire.md §4.6.
func referenceSecret(own *ecdh.PrivateKey, peer []byte) []byte {
	z := must(own.ECDH(must(ecdh.X25519().NewPublicKey(peer))))
	a, b := own.PublicKey().Bytes(), peer
	if bytes.Compare(a, b) > 0 {
		a, b = b, a
	}
	t := referenceHMAC([]byte("PeerNet private mode 1"), z)
	return referenceHMAC(t, a, b, []byte{1})
}

// referenceKnock is the knock of an initiator with that secret in an epoch.
func referenceKnock(secret []byte, smaller bool, epoch int64, e []byte) []byte {
	use := byte(2)
	if smaller {
		use = 1
	}
	return referenceHMAC(secret, binary.BigEndian.AppendUint64([]byte{use}, uint64(epoch)), e)[:16]
}

func referenceHMAC(key []byte, data ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, d := range data {
		m.Write(d)
	}
	return m.Sum(nil)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
