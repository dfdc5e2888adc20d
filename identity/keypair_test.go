package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// Keys and secret of RFC 7748 §6.1.
const (
	alicePrivate = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
	alicePublic  = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
	bobPrivate   = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
	bobPublic    = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
	aliceAndBob  = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
)

// alice returns the key pair of alicePrivate.
func alice(t *testing.T) KeyPair {
	t.Helper()
	kp, err := NewKeyPair(vectors.Unhex(alicePrivate))
	if err != nil {
		t.Fatal(err)
	}
	return kp
}

func TestKeyPairsFromVectors(t *testing.T) {
	check := func(t *testing.T, private, public []byte) {
		t.Helper()
		given := bytes.Clone(private)
		kp, err := NewKeyPair(given)
		if err != nil {
			t.Fatal(err)
		}
		clear(given)
		if got := kp.PublicKey(); !bytes.Equal(got[:], public) {
			t.Errorf("public key %x, want %x", got[:], public)
		}
		if kp.IsZero() {
			t.Error("a key pair is zero")
		}
		if _, err := NewPublicKey(public); err != nil {
			t.Errorf("its public key: %v", err)
		}
	}
	for _, v := range vectors.Noise(t, vectors.NoiseNative).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			check(t, v.InitiatorStaticPrivate, v.InitiatorStaticPublic)
			check(t, v.InitiatorEphemeralPrivate, v.InitiatorEphemeralPublic)
			check(t, v.ResponderStaticPrivate, v.ResponderStaticPublic)
			check(t, v.ResponderEphemeralPrivate, v.ResponderEphemeralPublic)
		})
	}
}

func TestPrivateKeyOfAnotherLengthFails(t *testing.T) {
	for n := range 2 * PrivateKeySize {
		kp, err := NewKeyPair(make([]byte, n))
		if n == PrivateKeySize {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		checkError(t, err, ErrKeyLength)
		if !kp.IsZero() {
			t.Error("a key pair beside the error")
		}
	}
}

func TestDH(t *testing.T) {
	for _, v := range []struct{ private, public, remote string }{
		{alicePrivate, alicePublic, bobPublic},
		{bobPrivate, bobPublic, alicePublic},
	} {
		kp, err := NewKeyPair(vectors.Unhex(v.private))
		if err != nil {
			t.Fatal(err)
		}
		if got := kp.PublicKey(); hex.EncodeToString(got[:]) != v.public {
			t.Errorf("public key %x, want %s", got[:], v.public)
		}
		secret, err := kp.DH(vectors.Unhex(v.remote))
		if hex.EncodeToString(secret) != aliceAndBob || err != nil {
			t.Errorf("DH: %x, %v, want %s", secret, err, aliceAndBob)
		}
	}
}

func TestDHThatYieldsNoSecretFails(t *testing.T) {
	kp := alice(t)
	for _, low := range lowOrder {
		for _, bit := range []byte{0, 0x80} { // X25519 ignores bit 255
			low[31] |= bit
			secret, err := kp.DH(low[:])
			checkError(t, err, ErrKeyLowOrder)
			if secret != nil {
				t.Error("a secret beside the error")
			}
		}
	}
	for _, n := range []int{0, 31, 33, 64} {
		_, err := kp.DH(make([]byte, n))
		checkError(t, err, ErrKeyLength)
	}
	if _, err := (KeyPair{}).DH(make([]byte, 32)); !errors.Is(err, ErrNoKey) {
		t.Errorf("DH of the zero value: %v", err)
	}
}

func TestGenerateReadsExactlyThePrivateKey(t *testing.T) {
	random := bytes.NewReader(bytes.Repeat([]byte{9}, PrivateKeySize+1))
	kp, err := GenerateKeyPair(iotest.OneByteReader(random))
	if err != nil {
		t.Fatal(err)
	}
	if random.Len() != 1 {
		t.Errorf("%d bytes read, want %d", PrivateKeySize+1-random.Len(), PrivateKeySize)
	}
	same, err := NewKeyPair(bytes.Repeat([]byte{9}, PrivateKeySize))
	if err != nil {
		t.Fatal(err)
	}
	if kp.PublicKey() != same.PublicKey() {
		t.Error("the same randomness gave another key")
	}
	if _, err := GenerateKeyPair(strings.NewReader("too little")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("too little randomness: %v", err)
	}
	first, err := GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.PublicKey() == second.PublicKey() {
		t.Error("two keys are the same")
	}
}

func TestPrivateKeyNeverPrints(t *testing.T) {
	secret, kp := vectors.Unhex(alicePrivate), alice(t)
	type exported struct{ KeyPair KeyPair }
	type unexported struct{ keyPair KeyPair }
	type pointers struct {
		keyPair *KeyPair
		inner   *unexported
	}
	type embedded struct{ KeyPair }
	values := []any{
		kp, &kp, exported{kp}, &exported{kp}, unexported{kp}, &unexported{kp}, embedded{kp},
		pointers{&kp, &unexported{kp}}, []KeyPair{kp}, []any{kp, unexported{kp}}, map[string]any{"k": unexported{kp}},
		map[string]*KeyPair{"k": &kp}, fmt.Errorf("%v %s", kp, any(unexported{kp})),
		reflect.ValueOf(kp), reflect.ValueOf(unexported{kp}).Field(0), reflect.ValueOf(kp).Field(0),
		reflect.ValueOf(kp).Field(0).Elem(), reflect.ValueOf(unexported{kp}).Field(0).Field(0).Elem().Field(0),
	}
	var outputs []string
	for _, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%t", "%p", "%T", "%U", "%e"} {
			outputs = append(outputs, fmt.Sprintf(verb, value))
		}
		outputs = append(outputs, fmt.Sprint(value))
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "k", value)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "k", value)
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", slog.Group("g", "k", value))
		outputs = append(outputs, log.String())
		if data, err := json.Marshal(value); err == nil {
			outputs = append(outputs, string(data))
		}
	}
	forms := []string{
		string(secret),
		hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), fmt.Sprintf("% x", secret),
		strings.Trim(fmt.Sprintf("%d", secret), "[]"), strings.Trim(fmt.Sprintf("%o", secret), "[]"),
		strings.Trim(fmt.Sprintf("%b", secret), "[]"), strings.Trim(fmt.Sprintf("%c", secret), "[]"),
		strings.Trim(fmt.Sprintf("%U", secret), "[]"), strings.Trim(fmt.Sprintf("%#v", secret), "[]byte{}"),
		strings.Trim(fmt.Sprintf("%q", secret), `"`), base64.StdEncoding.EncodeToString(secret),
	}
	for _, output := range outputs {
		for _, form := range forms {
			// A third of the key is a leak too.
			if strings.Contains(output, form[:len(form)/3]) {
				t.Errorf("the private key is in %q", output)
			}
		}
	}
}

func TestKeyPairShowsItsPublicKey(t *testing.T) {
	kp := alice(t)
	public := kp.PublicKey().String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got, want := fmt.Sprintf(verb, kp), "KeyPair("+public+")"; got != want {
			t.Errorf("%s prints %s, want %s", verb, got, want)
		}
		if got := fmt.Sprintf(verb, KeyPair{}); got != "KeyPair()" {
			t.Errorf("%s prints %s for the zero value", verb, got)
		}
	}
	data, err := json.Marshal([]KeyPair{kp, {}})
	if want := fmt.Sprintf(`[%q,""]`, public); string(data) != want || err != nil {
		t.Errorf("JSON: %s, %v, want %s", data, err, want)
	}
	if got := kp.LogValue().String(); got != kp.PublicKey().Short() {
		t.Errorf("logged as %s", got)
	}
	if got := (KeyPair{}).LogValue().String(); got != "" {
		t.Errorf("the zero value is logged as %s", got)
	}
	if !(KeyPair{}).IsZero() || !(KeyPair{}).PublicKey().IsZero() {
		t.Error("the zero value has a key")
	}
	if other := kp; other != kp {
		t.Error("a copy differs")
	}
}
