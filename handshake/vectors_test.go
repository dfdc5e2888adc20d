package handshake

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

var update = flag.Bool("update", false, "write the vector files that the reference implementation makes")

const protocol = "Noise_XX_25519_ChaChaPoly_SHA256"

// sameAsFile fails the test unless v encodes to the vector file. With -update it writes the file instead.
func sameAsFile(t *testing.T, name string, v any) {
	t.Helper()
	want, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	path := vectors.Path(t, name)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
		t.Errorf("%s is not what the reference makes; go test ./handshake -run %s -update writes it", name, t.Name())
	}
}

// count returns 32 bytes that count up from first.
func count(first byte) []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// TestReferenceReproducesNativeVectors shows that the reference, which makes the other vectors, agrees with an
// implementation in another language.
func TestReferenceReproducesNativeVectors(t *testing.T) {
	for _, v := range vectors.Noise(t, vectors.NoiseNative).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			got := referenceHandshake(t, v)
			if a, b := must(json.Marshal(got)), must(json.Marshal(v)); !bytes.Equal(a, b) {
				t.Errorf("got  %s\nwant %s", a, b)
			}
		})
	}
}

// TestPrologueVectorsMatchTheReference compares noise_xx_prologue.json with the output of the reference.
func TestPrologueVectorsMatchTheReference(t *testing.T) {
	long := make([]byte, 255)
	for i := range long {
		long[i] = byte(i)
	}
	file := vectors.NoiseFile{Protocol: protocol, Payloads: "empty"}
	for _, c := range []struct {
		name     string
		prologue []byte
		keys     byte // first byte of the counting private keys
	}{
		{"namespace", []byte("example.org/chat"), 0x01}, // the keys of "counting" in noise_xx_native.json
		{"one_zero_byte", []byte{0}, 0x01},
		{"utf8", []byte("Küche 2"), 0x31},
		{"one_hash", bytes.Repeat([]byte{0xaa}, 32), 0x52},
		{"long", long, 0x73},
	} {
		prologue := vectors.Hex(c.prologue)
		v := vectors.NoiseHandshake{
			Name: c.name, Prologue: &prologue,
			InitiatorStaticPrivate: count(c.keys), InitiatorEphemeralPrivate: count(c.keys + 0x40),
			ResponderStaticPrivate: count(c.keys + 0x20), ResponderEphemeralPrivate: count(c.keys + 0x60),
		}
		for _, direction := range []string{vectors.ToResponder, vectors.ToInitiator} {
			for n, text := range []string{"", "hello", string(long)} {
				v.Transport = append(v.Transport, vectors.NoiseTransport{Direction: direction, N: uint64(n), Plaintext: vectors.Hex(text)})
			}
		}
		file.Vectors = append(file.Vectors, referenceHandshake(t, v))
	}
	sameAsFile(t, vectors.NoisePrologue, file)
}

// TestPrivateVectorsMatchTheReference compares noise_xx_private.json with the output of the reference.
func TestPrivateVectorsMatchTheReference(t *testing.T) {
	file := vectors.NoiseFile{Protocol: protocol, Payloads: "knock"}
	for _, c := range []struct {
		name     string
		prologue string
		swapped  bool // the initiator has the larger key
		time     int64
	}{
		{"smaller_knocks", "", false, 1767225600}, // the keys of "counting" in noise_xx_native.json
		{"larger_knocks", "", true, 1767225600},
		{"same_epoch", "", false, 1767225899},
		{"next_epoch", "", false, 1767225900},
		{"prologue", "example.org/chat", false, 1767225600},
		{"epoch_0", "", false, 299},
		{"before_1970", "", true, -1},
	} {
		prologue := vectors.Hex(c.prologue)
		v := vectors.NoiseHandshake{
			Name: c.name, Prologue: &prologue, Time: &c.time,
			InitiatorStaticPrivate: staticI, InitiatorEphemeralPrivate: ephemeralI,
			ResponderStaticPrivate: staticR, ResponderEphemeralPrivate: ephemeralR,
			Transport: []vectors.NoiseTransport{
				{Direction: vectors.ToResponder, Plaintext: vectors.Hex("hello")},
				{Direction: vectors.ToInitiator, Plaintext: vectors.Hex("hello")},
			},
		}
		if c.swapped {
			v.InitiatorStaticPrivate, v.ResponderStaticPrivate = v.ResponderStaticPrivate, v.InitiatorStaticPrivate
		}
		file.Vectors = append(file.Vectors, referenceHandshake(t, v))
	}
	sameAsFile(t, vectors.NoisePrivate, file)
}

// TestGuestVectorsMatchTheReference compares noise_xx_guest.json with the output of the reference.
func TestGuestVectorsMatchTheReference(t *testing.T) {
	file := vectors.NoiseFile{Protocol: protocol, Payloads: "guest"}
	for _, c := range []struct {
		name, prologue string
		keys           byte // first byte of the counting private keys
	}{
		{"counting", "", 0x01}, // the keys of "counting" in noise_xx_native.json
		{"namespace", "example.org/chat", 0x01},
		{"other_keys", "", 0x52},
	} {
		prologue := vectors.Hex(c.prologue)
		file.Vectors = append(file.Vectors, referenceHandshake(t, vectors.NoiseHandshake{
			Name: c.name, Prologue: &prologue,
			InitiatorStaticPrivate: count(c.keys), InitiatorEphemeralPrivate: count(c.keys + 0x40),
			ResponderStaticPrivate: count(c.keys + 0x20), ResponderEphemeralPrivate: count(c.keys + 0x60),
			Transport: []vectors.NoiseTransport{ // the hello of both ends
				{Direction: vectors.ToResponder, Plaintext: vectors.Hex("\x93\x02\xa7$/hello\x81\xa1v\x01")},
				{Direction: vectors.ToInitiator, Plaintext: vectors.Hex("\x93\x02\xa7$/hello\x81\xa1v\x01")},
			},
		}, asGuest))
	}
	sameAsFile(t, vectors.NoiseGuest, file)
}

// referenceHandshake returns v, completed from its name, prologue, private keys and plaintexts. Message 3 has that payload.
func referenceHandshake(t *testing.T, v vectors.NoiseHandshake, payload3 ...byte) vectors.NoiseHandshake {
	t.Helper()
	i := newReference(true, *v.Prologue, v.InitiatorStaticPrivate, v.InitiatorEphemeralPrivate)
	r := newReference(false, *v.Prologue, v.ResponderStaticPrivate, v.ResponderEphemeralPrivate)
	out := vectors.NoiseHandshake{
		Name: v.Name, Prologue: v.Prologue,
		InitiatorStaticPrivate: v.InitiatorStaticPrivate, InitiatorStaticPublic: i.s.PublicKey().Bytes(),
		InitiatorEphemeralPrivate: v.InitiatorEphemeralPrivate, InitiatorEphemeralPublic: i.e.PublicKey().Bytes(),
		ResponderStaticPrivate: v.ResponderStaticPrivate, ResponderStaticPublic: r.s.PublicKey().Bytes(),
		ResponderEphemeralPrivate: v.ResponderEphemeralPrivate, ResponderEphemeralPublic: r.e.PublicKey().Bytes(),
	}
	i.payloads[2], r.payloads[2] = payload3, payload3
	if v.Time != nil {
		epoch := *v.Time / 300
		if *v.Time%300 < 0 {
			epoch--
		}
		smaller := bytes.Compare(out.InitiatorStaticPublic, out.ResponderStaticPublic) < 0
		out.Time, out.PairSecret = v.Time, referenceSecret(i.s, out.ResponderStaticPublic)
		out.Knock = referenceKnock(out.PairSecret, smaller, epoch, out.InitiatorEphemeralPublic)
		i.payloads[0] = out.Knock
		r.payloads[0] = referenceKnock(referenceSecret(r.s, out.InitiatorStaticPublic), smaller, epoch, out.InitiatorEphemeralPublic)
	}
	for from, to := i, r; len(out.Messages) < 3; from, to = to, from {
		body := from.write()
		out.Messages = append(out.Messages, vectors.NoiseMessage{Body: body, Frame: frame.Append(nil, body)})
		if err := to.read(body); err != nil {
			t.Fatalf("message %d: %v", len(out.Messages), err)
		}
	}
	if !bytes.Equal(i.h, r.h) || !bytes.Equal(i.k1, r.k1) || !bytes.Equal(i.k2, r.k2) {
		t.Fatal("the two ends differ")
	}
	out.HandshakeHash, out.KeyInitiatorToResponder, out.KeyResponderToInitiator = i.h, i.k1, i.k2
	for _, m := range v.Transport {
		key := i.k1
		if m.Direction == vectors.ToInitiator {
			key = i.k2
		}
		m.Ciphertext = must(chacha20poly1305.New(key)).Seal(nil, referenceNonce(m.N), m.Plaintext, nil)
		m.Frame = frame.Append(nil, m.Ciphertext)
		out.Transport = append(out.Transport, m)
	}
	return out
}
