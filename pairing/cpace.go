package pairing

import (
	"crypto/sha512"
	"errors"
	"fmt"
	"io"

	"github.com/gtank/ristretto255"
)

// Names of the suite CPACE-RISTR255-SHA512 of draft-irtf-cfrg-cpace-21.
const (
	suiteDSI = "CPaceRistretto255"
	suiteISK = suiteDSI + "_ISK"
)

// Sizes in bytes.
const (
	pointSize  = 32
	scalarSize = 32
	iskSize    = sha512.Size
)

// ErrPoint is returned for bytes that are no point of the group, and for the point that makes every secret the same.
var ErrPoint = errors.New("invalid point")

// lvCat appends each part to b with its length in LEB128 before it: lv_cat of the draft.
func lvCat(b []byte, parts ...[]byte) []byte {
	for _, part := range parts {
		n := uint(len(part))
		for ; n >= 0x80; n >>= 7 {
			b = append(b, byte(n)|0x80)
		}
		b = append(b, byte(n))
		b = append(b, part...)
	}
	return b
}

// generatorString returns what the generator is hashed from. Zeros after the password fill the first block of the hash, so
// that the time of hashing the rest does not depend on the password.
func generatorString(password, channel, sid []byte) []byte {
	dsi := []byte(suiteDSI)
	zeros := max(0, sha512.BlockSize-1-len(lvCat(nil, password))-len(lvCat(nil, dsi)))
	return lvCat(nil, dsi, password, make([]byte, zeros), channel, sid)
}

// A share is one side's half of CPace: its secret scalar and its public point.
type share struct {
	scalar *ristretto255.Scalar
	public [pointSize]byte
}

// newShare makes the share of one run. It reads 32 bytes of random.
func newShare(password, channel, sid []byte, random io.Reader) (share, error) {
	var b [scalarSize]byte
	defer clear(b[:])
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return share{}, fmt.Errorf("making a secret for pairing: %w", err)
	}
	b[scalarSize-1] &= 0x1f // below 2^253, as the draft's sample_scalar
	text := generatorString(password, channel, sid)
	defer clear(text)
	hash := sha512.Sum512(text)
	defer clear(hash[:])
	generator, err := ristretto255.NewIdentityElement().SetUniformBytes(hash[:])
	if err != nil {
		return share{}, err
	}
	scalar := scalarOf(b)
	y := ristretto255.NewIdentityElement().ScalarMult(scalar, generator)
	generator.Set(ristretto255.NewIdentityElement())
	s := share{scalar: scalar, public: [pointSize]byte(y.Bytes())}
	if y.Equal(ristretto255.NewIdentityElement()) == 1 {
		return share{}, ErrPoint // one scalar in 2^252
	}
	return s, nil
}

// scalarOf returns the scalar whose little-endian bytes are b, reduced by the order of the group.
func scalarOf(b [scalarSize]byte) *ristretto255.Scalar {
	var wide [2 * scalarSize]byte
	defer clear(wide[:])
	copy(wide[:], b[:])
	scalar, err := ristretto255.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		panic(err) // it takes any 64 bytes
	}
	return scalar
}

// multiply returns the point that s shares with the other side's: scalar_mult_vfy of the draft. It fails with [ErrPoint].
func (s share) multiply(other []byte) (k [pointSize]byte, err error) {
	point, err := ristretto255.NewIdentityElement().SetCanonicalBytes(other)
	if err != nil {
		return k, ErrPoint
	}
	secret := ristretto255.NewIdentityElement().ScalarMult(s.scalar, point)
	defer secret.Set(ristretto255.NewIdentityElement())
	if secret.Equal(ristretto255.NewIdentityElement()) == 1 {
		return k, ErrPoint
	}
	return [pointSize]byte(secret.Bytes()), nil
}

// erase forgets the scalar. Copies that the library made of it stay until their memory is used again.
func (s *share) erase() {
	if s.scalar != nil {
		s.scalar.Zero()
	}
}

// sessionKey returns the ISK of the draft, in the setting with an initiator: of the shared point, and what each side has sent.
func sessionKey(sid []byte, k [pointSize]byte, transcript []byte) [iskSize]byte {
	text := append(lvCat(nil, []byte(suiteISK), sid, k[:]), transcript...)
	defer clear(text)
	return sha512.Sum512(text)
}

// transcriptOf returns the transcript_ir of the draft: the initiator's point and associated data, then the responder's.
func transcriptOf(initiator, initiatorData, responder, responderData []byte) []byte {
	return lvCat(nil, initiator, initiatorData, responder, responderData)
}
