package handshake

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// errorNames are the names that noise_xx_failures.json gives to errors.
var errorNames = map[string]error{
	"ErrSize":      ErrSize,
	"ErrEphemeral": ErrEphemeral,
	"ErrMessage2":  ErrMessage2,
	"ErrMessage3":  ErrMessage3,
	"ErrKey":       ErrKey,
	"ErrSelf":      ErrSelf,
	"ErrWrongKey":  ErrWrongKey,
	"ErrUntrusted": ErrUntrusted,
}

// TestFailureVectors gives each failure to the end that must refuse it.
func TestFailureVectors(t *testing.T) {
	seen := make(map[string]bool)
	for _, v := range vectors.Failures(t).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			want := errorNames[v.Error]
			if want == nil {
				t.Fatalf("unknown error %s", v.Error)
			}
			seen[v.Error] = true
			c := Config{
				Role:     Responder,
				Static:   must(identity.NewKeyPair(v.StaticPrivate)),
				Prologue: v.Prologue,
				Trusted: func(k identity.PublicKey) bool {
					return slices.ContainsFunc(v.Trusted, func(b vectors.Hex) bool { return bytes.Equal(b, k[:]) })
				},
				Rand: bytes.NewReader(v.EphemeralPrivate),
			}
			if v.Role == Initiator.String() {
				c.Role = Initiator
				c.Expect = must(identity.NewPublicKey(v.Expect))
			}
			s, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			last := len(v.Messages) - 1
			for i, body := range v.Messages {
				if write, _ := s.Next(); write {
					if got, err := s.Write(nil); err != nil || !bytes.Equal(got, body) {
						t.Fatalf("message %d: got %x, %v, want %x", i+1, got, err, body)
					}
					continue
				}
				err := s.Read(body)
				if i < last && err != nil {
					t.Fatalf("message %d: %v", i+1, err)
				}
				if i == last && !errors.Is(err, want) {
					t.Fatalf("message %d: got %v, want %v", i+1, err, want)
				}
				for name, other := range errorNames {
					if i == last && other != want && errors.Is(err, other) {
						t.Errorf("message %d: %v is a %s as well", i+1, err, name)
					}
				}
			}
			requireOver(t, s)
			if refusable := v.Error == "ErrUntrusted" && c.Role == Responder; refusable != !panics(func() { s.Result() }) {
				t.Errorf("whether there is a result: want %v", refusable)
			}
		})
	}
	for name := range errorNames {
		if !seen[name] {
			t.Errorf("no vector ends in %s", name)
		}
	}
}

// TestFailureVectorsMatchTheReference compares noise_xx_failures.json with the output of the reference in these
// scenarios.
func TestFailureVectorsMatchTheReference(t *testing.T) {
	f := failureFile{t: t}
	f.message1()
	f.message2()
	f.message3()
	sameAsFile(t, vectors.NoiseFailures, vectors.NoiseFailureFile{Protocol: protocol, Payloads: "empty", Vectors: f.vectors})
}

// failureFile makes the failures. All use the keys of "counting" in noise_xx_native.json, and other is a third key pair.
type failureFile struct {
	t       *testing.T
	vectors []vectors.NoiseFailure
}

var (
	staticI, ephemeralI = count(0x01), count(0x41)
	staticR, ephemeralR = count(0x21), count(0x61)
	staticO, ephemeralO = count(0x91), count(0xb1)
)

func public(private []byte) vectors.Hex { return mustPrivate(private).PublicKey().Bytes() }

// lowOrder are the canonical encodings of all points of low order: Curve25519's and its twist's.
var lowOrder = []struct {
	name string
	key  string
}{
	{"zero", "0000000000000000000000000000000000000000000000000000000000000000"},
	{"one", "0100000000000000000000000000000000000000000000000000000000000000"},
	{"order_8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"},
	{"other_order_8", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"},
	{"minus_one", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
}

// notCanonical are encodings of 2^255-19 and above.
var notCanonical = []struct {
	name string
	key  string
}{
	{"p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
	{"p_plus_nine", "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
	{"all_ones", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
}

// bit255 returns the alias of a key that X25519 cannot distinguish from it.
func bit255(key []byte) []byte {
	key = bytes.Clone(key)
	key[31] |= 0x80
	return key
}

// flip returns body with the lowest bit of its byte i flipped.
func flip(body []byte, i int) vectors.Hex {
	body = bytes.Clone(body)
	body[i] ^= 1
	return body
}

// responder adds a failure of a responder that trusts the initiator's key alone.
func (f *failureFile) responder(name, why, err string, messages ...vectors.Hex) {
	f.vectors = append(f.vectors, vectors.NoiseFailure{
		Name: name, Why: why, Role: "responder", StaticPrivate: staticR, EphemeralPrivate: ephemeralR,
		Trusted: []vectors.Hex{public(staticI)}, Messages: messages, Error: err,
	})
}

// initiator adds a failure of an initiator that dialled the responder's key and trusts it alone, and returns it.
func (f *failureFile) initiator(name, why, err string, message2 vectors.Hex) *vectors.NoiseFailure {
	f.vectors = append(f.vectors, vectors.NoiseFailure{
		Name: name, Why: why, Role: "initiator", StaticPrivate: staticI, EphemeralPrivate: ephemeralI,
		Expect: public(staticR), Trusted: []vectors.Hex{public(staticR)},
		Messages: []vectors.Hex{public(ephemeralI), message2}, Error: err,
	})
	return &f.vectors[len(f.vectors)-1]
}

func (f *failureFile) message1() {
	good := public(ephemeralI)
	f.responder("message1_0_bytes", "message 1 is 32 bytes", "ErrSize", vectors.Hex{})
	f.responder("message1_31_bytes", "message 1 is 32 bytes", "ErrSize", good[:31])
	f.responder("message1_33_bytes", "message 1 is 32 bytes: no payload", "ErrSize", append(bytes.Clone(good), 0))
	for _, k := range lowOrder {
		f.responder("message1_ephemeral_low_order_"+k.name, "an ephemeral key of low order", "ErrEphemeral", vectors.Unhex(k.key))
	}
	for _, k := range notCanonical {
		f.responder("message1_ephemeral_not_canonical_"+k.name, "an ephemeral key not below 2^255-19", "ErrEphemeral", vectors.Unhex(k.key))
	}
	f.responder("message1_ephemeral_bit_255", "an ephemeral key with bit 255 set", "ErrEphemeral", bit255(good))
}

func (f *failureFile) message2() {
	// answer is the answer of a responder with these inputs to the initiator's message 1.
	answer := func(prologue string, static, show, ephemeral []byte) vectors.Hex {
		r := newReference(false, []byte(prologue), static, ephemeral)
		r.showS = show
		if err := r.read(public(ephemeralI)); err != nil {
			f.t.Fatal(err)
		}
		return r.write()
	}
	good := answer("", staticR, nil, ephemeralR)
	f.initiator("message2_95_bytes", "message 2 is 96 bytes", "ErrSize", good[:95])
	f.initiator("message2_97_bytes", "message 2 is 96 bytes: no payload", "ErrSize", append(bytes.Clone(good), 0))
	for _, k := range lowOrder {
		body := append(vectors.Unhex(k.key), good[32:]...)
		f.initiator("message2_ephemeral_low_order_"+k.name, "an ephemeral key of low order", "ErrEphemeral", body)
	}
	body := append(vectors.Hex(bit255(good[:32])), good[32:]...)
	f.initiator("message2_ephemeral_bit_255", "an ephemeral key with bit 255 set", "ErrEphemeral", body)
	f.initiator("message2_ephemeral_flipped", "one bit of the ephemeral key differs", "ErrMessage2", flip(good, 0))
	f.initiator("message2_static_flipped", "one bit of the encrypted static key differs", "ErrMessage2", flip(good, 32))
	f.initiator("message2_static_tag_flipped", "one bit of the static key's tag differs", "ErrMessage2", flip(good, 79))
	f.initiator("message2_payload_tag_flipped", "one bit of the payload's tag differs", "ErrMessage2", flip(good, 95))
	f.initiator("message2_other_prologue", "the responder's prologue is another", "ErrMessage2", answer("b", staticR, nil, ephemeralR)).Prologue = vectors.Hex("a")
	f.initiator("message2_prologue_missing", "the responder has no prologue", "ErrMessage2", good).Prologue = vectors.Hex("a")
	f.initiator("message2_prologue_unknown", "the responder alone has a prologue", "ErrMessage2", answer("a", staticR, nil, ephemeralR))

	beam := vectors.Noise(f.t, vectors.NoiseBEAM).Vectors[0]
	v := f.initiator("message2_beam_transcript", "message 2 of "+beam.Name+" in noise_xx_beam.json, whose MixHash differs", "ErrMessage2", beam.Messages[1].Body)
	v.StaticPrivate, v.EphemeralPrivate = beam.InitiatorStaticPrivate, beam.InitiatorEphemeralPrivate
	v.Expect, v.Trusted = beam.ResponderStaticPublic, []vectors.Hex{beam.ResponderStaticPublic}
	v.Messages[0] = beam.InitiatorEphemeralPublic

	replay := newReference(false, nil, staticR, ephemeralR)
	if err := replay.read(public(ephemeralO)); err != nil {
		f.t.Fatal(err)
	}
	f.initiator("message2_replayed", "the answer to another message 1", "ErrMessage2", replay.write())

	f.initiator("message2_static_low_order", "a static key of low order, properly encrypted", "ErrKey", answer("", staticR, make([]byte, 32), ephemeralR))
	f.initiator("message2_static_alias", "the static key with bit 255 set, properly encrypted: X25519 ignores it", "ErrKey",
		answer("", staticR, bit255(public(staticR)), ephemeralR))
	f.initiator("message2_claims_other_key", "the static key of a third node, whose private key the responder has not", "ErrMessage2",
		answer("", staticR, public(staticO), ephemeralR))
	f.initiator("message2_own_key", "the initiator's own static key", "ErrSelf", answer("", staticI, nil, ephemeralR))
	v = f.initiator("message2_wrong_key", "a trusted peer, but not the one that was dialled", "ErrWrongKey", answer("", staticO, nil, ephemeralR))
	v.Trusted = []vectors.Hex{public(staticR), public(staticO)}
	f.initiator("message2_untrusted", "the peer that was dialled, but it is not trusted any more", "ErrUntrusted", good).Trusted = []vectors.Hex{public(staticO)}
}

func (f *failureFile) message3() {
	// exchange returns the three messages of an initiator with these inputs and the responder.
	exchange := func(static, show, ephemeral []byte) [3]vectors.Hex {
		i := newReference(true, nil, static, ephemeral)
		i.showS = show
		r := newReference(false, nil, staticR, ephemeralR)
		m1 := i.write()
		if err := r.read(m1); err != nil {
			f.t.Fatal(err)
		}
		m2 := r.write()
		if err := i.read(m2); err != nil {
			f.t.Fatal(err)
		}
		return [3]vectors.Hex{m1, m2, i.write()}
	}
	add := func(name, why, err string, m [3]vectors.Hex, message3 vectors.Hex) {
		f.responder(name, why, err, m[0], m[1], message3)
	}
	good := exchange(staticI, nil, ephemeralI)
	add("message3_63_bytes", "message 3 is 64 bytes", "ErrSize", good, good[2][:63])
	add("message3_65_bytes", "message 3 is 64 bytes: no payload", "ErrSize", good, append(bytes.Clone(good[2]), 0))
	add("message3_static_flipped", "one bit of the encrypted static key differs", "ErrMessage3", good, flip(good[2], 0))
	add("message3_static_tag_flipped", "one bit of the static key's tag differs", "ErrMessage3", good, flip(good[2], 47))
	add("message3_payload_tag_flipped", "one bit of the payload's tag differs", "ErrMessage3", good, flip(good[2], 63))
	other := exchange(staticI, nil, ephemeralO)
	add("message3_replayed", "message 3 of another handshake", "ErrMessage3", good, other[2])
	low := exchange(staticI, make([]byte, 32), ephemeralI)
	add("message3_static_low_order", "a static key of low order, properly encrypted", "ErrKey", low, low[2])
	alias := exchange(staticI, bit255(public(staticI)), ephemeralI)
	add("message3_static_alias", "the static key with bit 255 set, properly encrypted: X25519 ignores it", "ErrKey", alias, alias[2])
	claim := exchange(staticO, public(staticI), ephemeralI)
	add("message3_claims_other_key", "the trusted initiator's static key, whose private key this one has not", "ErrMessage3", claim, claim[2])
	self := exchange(staticR, nil, ephemeralI)
	add("message3_own_key", "the responder's own static key", "ErrSelf", self, self[2])
	untrusted := exchange(staticO, nil, ephemeralI)
	add("message3_untrusted", "a stranger: it gets one encrypted refusal", "ErrUntrusted", untrusted, untrusted[2])
}
