package pairing

import (
	"bytes"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// A vector is one of testdata/vectors/pairing.json.
type vector struct {
	Name          string        `json:"name"`
	Code          string        `json:"code"`
	Password      string        `json:"password"`
	Initiator     vectors.Hex   `json:"initiator"`
	Responder     vectors.Hex   `json:"responder"`
	Hash          vectors.Hex   `json:"handshake_hash"`
	Channel       vectors.Hex   `json:"channel_identifier"`
	JoinerScalar  vectors.Hex   `json:"joiner_scalar"`
	OffererScalar vectors.Hex   `json:"offerer_scalar"`
	JoinerLabel   string        `json:"joiner_label"`
	OffererLabel  string        `json:"offerer_label"`
	ISK           vectors.Hex   `json:"isk"`
	MACKey        vectors.Hex   `json:"mac_key"`
	Messages      []vectors.Hex `json:"messages"` // of the joiner, the offerer, the joiner, the offerer
}

func pairingVectors(tb testing.TB) []vector {
	tb.Helper()
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	vectors.Load(tb, "pairing.json", &file)
	if len(file.Vectors) == 0 {
		tb.Fatal("pairing.json holds no vectors")
	}
	return file.Vectors
}

// binding returns the session of v.
func (v vector) binding() Binding {
	return Binding{[32]byte(v.Hash), identity.PublicKey(v.Initiator), identity.PublicKey(v.Responder)}
}

// A suiteVector is testdata/vectors/cpace.json: the draft's vector of the suite.
type suiteVector struct {
	Name    string      `json:"name"`
	PRS     vectors.Hex `json:"prs"`
	CI      vectors.Hex `json:"ci"`
	SID     vectors.Hex `json:"sid"`
	G       vectors.Hex `json:"generator"`
	ScalarA vectors.Hex `json:"scalar_a"`
	DataA   vectors.Hex `json:"data_a"`
	PointA  vectors.Hex `json:"point_a"`
	ScalarB vectors.Hex `json:"scalar_b"`
	DataB   vectors.Hex `json:"data_b"`
	PointB  vectors.Hex `json:"point_b"`
	K       vectors.Hex `json:"k"`
	ISK     vectors.Hex `json:"isk_ir"`
	Valid   struct {
		Scalar vectors.Hex `json:"scalar"`
		Point  vectors.Hex `json:"point"`
		Mult   vectors.Hex `json:"scalar_mult"`
		Verify vectors.Hex `json:"scalar_mult_vfy"`
	} `json:"valid"`
	Invalid []vectors.Hex `json:"invalid"`
}

func draftVector(tb testing.TB) suiteVector {
	tb.Helper()
	var file struct {
		Vectors []suiteVector `json:"vectors"`
	}
	vectors.Load(tb, "cpace.json", &file)
	if len(file.Vectors) != 1 {
		tb.Fatalf("cpace.json holds %d vectors", len(file.Vectors))
	}
	return file.Vectors[0]
}

// randomOf returns a source of random bytes that gives b.
func randomOf(b ...[]byte) *bytes.Reader { return bytes.NewReader(bytes.Join(b, nil)) }

func mustCode(tb testing.TB, text string) Code {
	tb.Helper()
	c, err := ParseCode(text)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// bindingOf returns a session, another for each number.
func bindingOf(n byte) Binding {
	return Binding{[32]byte{n, 1}, identity.PublicKey{9, n}, identity.PublicKey{10, n}}
}

func wantNil(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
