package identity

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// keyVectors is testdata/public_keys.json. Its texts were made by an implementation of BIP 173 other than the one used
// here.
type keyVectors struct {
	Valid []struct {
		Name        string      `json:"name"`
		Key         vectors.Hex `json:"hex"`
		Bech32      string      `json:"bech32"`
		Base32      string      `json:"base32"`
		Fingerprint string      `json:"fingerprint"`
	} `json:"valid"`
	Invalid []struct {
		Name  string `json:"name"`
		Text  string `json:"text"`
		Error string `json:"error"`
		Why   string `json:"why"`
	} `json:"invalid"`
}

// keyErrors holds every reason to refuse a key.
var keyErrors = map[string]error{
	"ErrKeyText":     ErrKeyText,
	"ErrKeyChecksum": ErrKeyChecksum,
	"ErrKeyLength":   ErrKeyLength,
	"ErrKeyRange":    ErrKeyRange,
	"ErrKeyLowOrder": ErrKeyLowOrder,
}

func loadKeys(t testing.TB) keyVectors {
	t.Helper()
	data, err := os.ReadFile("testdata/public_keys.json")
	if err != nil {
		t.Fatal(err)
	}
	var v keyVectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Valid) == 0 || len(v.Invalid) == 0 {
		t.Fatal("no vectors")
	}
	return v
}

// checkError fails the test unless err has want as its only reason to refuse a key.
func checkError(t *testing.T, err, want error) {
	t.Helper()
	for name, reason := range keyErrors {
		if errors.Is(err, reason) != (reason == want) {
			t.Errorf("error %v: is %s = %t", err, name, errors.Is(err, reason))
		}
	}
}

func TestKeysAsText(t *testing.T) {
	for _, v := range loadKeys(t).Valid {
		t.Run(v.Name, func(t *testing.T) {
			key, err := NewPublicKey(v.Key)
			if err != nil {
				t.Fatal(err)
			}
			if got := key.String(); got != v.Bech32 {
				t.Errorf("String() = %s, want %s", got, v.Bech32)
			}
			if got := key.Fingerprint(); got != v.Fingerprint {
				t.Errorf("Fingerprint() = %s, want %s", got, v.Fingerprint)
			}
			if got, want := key.Short(), v.Bech32[:13]+"…"; got != want {
				t.Errorf("Short() = %s, want %s", got, want)
			}
			for _, text := range []string{v.Bech32, v.Base32, hex.EncodeToString(v.Key)} {
				for _, form := range []string{text, strings.ToLower(text), strings.ToUpper(text)} {
					if got, err := ParsePublicKey(form); got != key || err != nil {
						t.Errorf("ParsePublicKey(%q) = %s, %v", form, got, err)
					}
				}
			}
		})
	}
}

func TestWrongTextIsRefusedForItsReason(t *testing.T) {
	for _, v := range loadKeys(t).Invalid {
		t.Run(v.Name, func(t *testing.T) {
			want := keyErrors[v.Error]
			if want == nil {
				t.Fatalf("no error is called %s", v.Error)
			}
			key, err := ParsePublicKey(v.Text)
			checkError(t, err, want)
			if !key.IsZero() {
				t.Errorf("a key beside the error: %x", key[:])
			}
		})
	}
}

func TestTruncatedTextFails(t *testing.T) {
	for _, v := range loadKeys(t).Valid {
		for _, text := range []string{v.Bech32, v.Base32, hex.EncodeToString(v.Key)} {
			for n := range len(text) {
				if _, err := ParsePublicKey(text[:n]); err == nil {
					t.Errorf("%s: the first %d characters pass", text, n)
				}
			}
		}
	}
}

func TestEveryMistypedCharacterIsCaught(t *testing.T) {
	text := loadKeys(t).Valid[0].Bech32
	for i := range len(text) {
		for c := range 256 {
			if mistyped := text[:i] + string([]byte{byte(c)}) + text[i+1:]; mistyped != text {
				if _, err := ParsePublicKey(mistyped); err == nil {
					t.Errorf("%q passes", mistyped)
				}
			}
		}
	}
}

func TestNewPublicKey(t *testing.T) {
	for _, v := range loadKeys(t).Valid {
		given := bytes.Clone(v.Key)
		key, err := NewPublicKey(given)
		if err != nil {
			t.Fatal(err)
		}
		clear(given)
		if !bytes.Equal(key[:], v.Key) {
			t.Errorf("%s: %x, want %x", v.Name, key[:], v.Key)
		}
		for n := range len(v.Key) {
			_, err := NewPublicKey(v.Key[:n])
			checkError(t, err, ErrKeyLength)
		}
		_, err = NewPublicKey(append(v.Key, 0))
		checkError(t, err, ErrKeyLength)
	}
}

func TestLowOrderKeysShareNoSecret(t *testing.T) {
	private, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, PrivateKeySize))
	if err != nil {
		t.Fatal(err)
	}
	for _, low := range lowOrder {
		_, err := NewPublicKey(low[:])
		checkError(t, err, ErrKeyLowOrder)
		public, err := ecdh.X25519().NewPublicKey(low[:])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := private.ECDH(public); err == nil {
			t.Errorf("%x is not of low order", low[:])
		}
	}
}

func TestKeysFromVectorsAreInRange(t *testing.T) {
	for _, v := range vectors.Noise(t, vectors.NoiseNative).Vectors {
		for _, public := range []vectors.Hex{v.InitiatorStaticPublic, v.ResponderStaticPublic} {
			if _, err := NewPublicKey(public); err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
		}
	}
}

func TestKeyInJSON(t *testing.T) {
	v := loadKeys(t).Valid[0]
	key := PublicKey(v.Key)
	type document struct {
		Key  PublicKey         `json:"key"`
		Keys map[PublicKey]int `json:"keys"`
		None PublicKey         `json:"none,omitzero"`
	}
	data, err := json.Marshal(document{Key: key, Keys: map[PublicKey]int{key: 1}})
	if want := fmt.Sprintf(`{"key":%q,"keys":{%q:1}}`, v.Bech32, v.Bech32); string(data) != want || err != nil {
		t.Errorf("%s, %v, want %s", data, err, want)
	}
	var back document
	if err := json.Unmarshal(data, &back); err != nil || back.Key != key || back.Keys[key] != 1 {
		t.Errorf("read back: %+v, %v", back, err)
	}
	checkError(t, json.Unmarshal([]byte(`{"key":""}`), &back), ErrKeyText)
	if back.Key != key {
		t.Error("a key that was refused changed the one that was there")
	}
}

func TestCompareIsTheOrderOfBytes(t *testing.T) {
	keys := []PublicKey{{1, 0}, {0, 2}, {1}, {0, 1}, {31: 1}}
	slices.SortFunc(keys, PublicKey.Compare)
	want := []PublicKey{{31: 1}, {0, 1}, {0, 2}, {1}, {1, 0}}
	if !slices.Equal(keys, want) {
		t.Errorf("sorted: %x, want %x", keys, want)
	}
}

func TestLogsHoldTheShortKey(t *testing.T) {
	v := loadKeys(t).Valid[0]
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("message", "peer", PublicKey(v.Key))
	if want := " peer=" + v.Bech32[:13] + "…\n"; !strings.HasSuffix(log.String(), want) {
		t.Errorf("logged %q, want it to end in %q", log.String(), want)
	}
}

// keyForms returns the key's three forms as text, in lower case.
func keyForms(key PublicKey) []string {
	base32 := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(key[:])
	return []string{key.String(), strings.ToLower(base32), hex.EncodeToString(key[:])}
}

func FuzzParsePublicKey(f *testing.F) {
	loaded := loadKeys(f)
	for _, v := range loaded.Valid {
		f.Add(v.Bech32)
		f.Add(v.Base32)
		f.Add(hex.EncodeToString(v.Key))
	}
	for _, v := range loaded.Invalid {
		f.Add(v.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParsePublicKey(text)
		if err != nil {
			reasons := 0
			for _, reason := range keyErrors {
				if errors.Is(err, reason) {
					reasons++
				}
			}
			if reasons != 1 || !key.IsZero() {
				t.Errorf("%d reasons in %v, key %x", reasons, err, key[:])
			}
			return
		}
		if back, err := ParsePublicKey(key.String()); back != key || err != nil {
			t.Errorf("%s read back: %s, %v", key, back, err)
		}
		if again, err := NewPublicKey(key[:]); again != key || err != nil {
			t.Errorf("a key passed as text that does not pass as bytes: %v", err)
		}
		if forms := keyForms(key); !slices.Contains(forms, strings.ToLower(text)) {
			t.Errorf("%q is read as a key whose forms are %q", text, forms)
		}
	})
}
