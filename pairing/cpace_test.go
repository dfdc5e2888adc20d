package pairing

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"testing"

	"github.com/gtank/ristretto255"
)

func TestTheSuiteGivesTheVectorsOfTheDraft(t *testing.T) {
	v := draftVector(t)
	hash := sha512.Sum512(generatorString(v.PRS, v.CI, v.SID))
	g, err := ristretto255.NewIdentityElement().SetUniformBytes(hash[:])
	wantNil(t, err)
	wantBytes(t, "generator", g.Bytes(), v.G)

	a, err := newShare(v.PRS, v.CI, v.SID, randomOf(v.ScalarA))
	wantNil(t, err)
	b, err := newShare(v.PRS, v.CI, v.SID, randomOf(v.ScalarB))
	wantNil(t, err)
	wantBytes(t, "Ya", a.public[:], v.PointA)
	wantBytes(t, "Yb", b.public[:], v.PointB)

	for name, side := range map[string]struct {
		own   share
		other []byte
	}{"a": {a, v.PointB}, "b": {b, v.PointA}} {
		k, err := side.own.multiply(side.other)
		wantNil(t, err)
		wantBytes(t, "K of "+name, k[:], v.K)
		isk := sessionKey(v.SID, k, transcriptOf(v.PointA, v.DataA, v.PointB, v.DataB))
		wantBytes(t, "ISK of "+name, isk[:], v.ISK)
	}
}

// TestStringsOfTheDraft has the strings that stand in its text, of the same vector, and its vectors for prepend_len.
func TestStringsOfTheDraft(t *testing.T) {
	v := draftVector(t)
	want := append([]byte("\x11CPaceRistretto255\x08Password\x64"), make([]byte, 100)...)
	want = append(want, "\x18\x0bA_initiator\x0bB_responder\x10"...)
	want = append(want, v.SID...)
	wantBytes(t, "generator_string", generatorString(v.PRS, v.CI, v.SID), want)

	wantBytes(t, "prepend_len of nothing", lvCat(nil, nil), []byte{0})
	wantBytes(t, "prepend_len of 1234", lvCat(nil, []byte("1234")), []byte("\x041234"))
	counted := make([]byte, 128)
	for i := range counted {
		counted[i] = byte(i)
	}
	wantBytes(t, "prepend_len of 127", lvCat(nil, counted[:127]), append([]byte{0x7f}, counted[:127]...))
	wantBytes(t, "prepend_len of 128", lvCat(nil, counted), append([]byte{0x80, 1}, counted...))
}

func TestPointsOfTheDraft(t *testing.T) {
	v := draftVector(t)
	s := share{scalar: scalarOf([32]byte(v.Valid.Scalar))}
	k, err := s.multiply(v.Valid.Point)
	wantNil(t, err)
	wantBytes(t, "scalar_mult", k[:], v.Valid.Mult)
	wantBytes(t, "scalar_mult_vfy", k[:], v.Valid.Verify)
	for name, point := range map[string][]byte{
		"invalid": v.Invalid[0], "identity": v.Invalid[1], "empty": {}, "short": v.Valid.Point[:31],
		"long": append(bytes.Clone(v.Valid.Point), 0), "not reduced": append([]byte{0xed}, append(bytes.Repeat([]byte{0xff}, 30), 0x7f)...),
		"negative": {31: 0, 0: 1},
	} {
		if k, err := s.multiply(point); !errors.Is(err, ErrPoint) || k != [32]byte{} {
			t.Errorf("%s: %x, %v", name, k, err)
		}
	}
}

func TestASecretIsErased(t *testing.T) {
	v := draftVector(t)
	s, err := newShare(v.PRS, v.CI, v.SID, randomOf(v.ScalarA))
	wantNil(t, err)
	s.erase()
	if s.scalar.Equal(ristretto255.NewScalar()) != 1 {
		t.Error("the scalar is still there")
	}
}

func TestNoShareWithoutRandomBytes(t *testing.T) {
	if _, err := newShare(nil, nil, nil, randomOf(make([]byte, 31))); err == nil {
		t.Error("31 bytes are enough")
	}
	if _, err := newShare(nil, nil, nil, randomOf(make([]byte, 32))); !errors.Is(err, ErrPoint) {
		t.Errorf("a scalar of zero: %v", err)
	}
}

func wantBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s is %x, want %x", what, got, want)
	}
}
