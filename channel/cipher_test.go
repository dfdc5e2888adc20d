package channel

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// direction is one direction of a vector: its key and its messages in order.
type direction struct {
	name     string
	key      [32]byte
	messages []vectors.NoiseTransport
}

// directions returns both directions of every handshake in the vectors. Transport messages are the same in all dialects.
func directions(t testing.TB) (all []direction) {
	t.Helper()
	for _, name := range []string{vectors.NoiseNative, vectors.NoisePrologue, vectors.NoiseBEAM} {
		for _, v := range vectors.Noise(t, name).Vectors {
			there := direction{name: name + "/" + v.Name + "/there", key: [32]byte(v.KeyInitiatorToResponder)}
			back := direction{name: name + "/" + v.Name + "/back", key: [32]byte(v.KeyResponderToInitiator)}
			for _, m := range v.Transport {
				switch m.Direction {
				case vectors.ToResponder:
					there.messages = append(there.messages, m)
				case vectors.ToInitiator:
					back.messages = append(back.messages, m)
				default:
					t.Fatalf("%s: direction %q", v.Name, m.Direction)
				}
			}
			for _, d := range []direction{there, back} {
				if len(d.messages) == 0 {
					t.Fatalf("%s has no messages", d.name)
				}
				all = append(all, d)
			}
		}
	}
	return all
}

var testKey = [32]byte([]byte("\x9f\x12\x88\xe3\xc0\x5b\x71\x4d\xfa\x06\xb9\x2e\x67\xd4\x33\xa8\x1c\xf5\x80\x49\xbe\x07\x92\x6d\x5a\xe1\x34\xcb\x78\x0f\xa6\x53"))

func mustSeal(t testing.TB, c *CipherState, plaintext string) []byte {
	t.Helper()
	out, err := c.Seal(nil, []byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVectorsSealAndOpen(t *testing.T) {
	for _, d := range directions(t) {
		t.Run(d.name, func(t *testing.T) {
			send, recv := NewCipherState(d.key), NewCipherState(d.key)
			for _, m := range d.messages {
				if send.Nonce() != m.N || recv.Nonce() != m.N {
					t.Fatalf("nonces %d and %d, want %d", send.Nonce(), recv.Nonce(), m.N)
				}
				sealed, err := send.Seal([]byte("before"), m.Plaintext)
				if err != nil || string(sealed) != "before"+string(m.Ciphertext) {
					t.Fatalf("message %d: got %x, %v, want %x, appended", m.N, sealed, err, m.Ciphertext)
				}
				opened, err := recv.Open([]byte("before"), m.Ciphertext)
				if err != nil || string(opened) != "before"+string(m.Plaintext) {
					t.Fatalf("message %d: got %x, %v, want %x, appended", m.N, opened, err, m.Plaintext)
				}
			}
		})
	}
}

func TestSealAndOpenInPlace(t *testing.T) {
	for _, d := range directions(t) {
		send, recv := NewCipherState(d.key), NewCipherState(d.key)
		for _, m := range d.messages {
			buf := make([]byte, len(m.Plaintext), len(m.Plaintext)+Overhead)
			copy(buf, m.Plaintext)
			sealed, err := send.Seal(buf[:0], buf)
			if err != nil || !bytes.Equal(sealed, m.Ciphertext) {
				t.Fatalf("%s, message %d: got %x, %v, want %x", d.name, m.N, sealed, err, m.Ciphertext)
			}
			if &sealed[0] != &buf[:1][0] {
				t.Fatalf("%s, message %d: sealing in place took another buffer", d.name, m.N)
			}
			opened, err := recv.Open(sealed[:0], sealed)
			if err != nil || !bytes.Equal(opened, m.Plaintext) {
				t.Fatalf("%s, message %d: got %x, %v, want %x", d.name, m.N, opened, err, m.Plaintext)
			}
			if len(opened) > 0 && &opened[0] != &sealed[0] {
				t.Fatalf("%s, message %d: opening in place took another buffer", d.name, m.N)
			}
		}
	}
}

// requireDead fails the test unless c refuses sealed, the message that it would have to open next, and every other.
func requireDead(t *testing.T, c *CipherState, sealed []byte) {
	t.Helper()
	n := c.Nonce()
	for _, b := range [][]byte{sealed, nil, make([]byte, Overhead)} {
		if got, err := c.Open([]byte("before"), b); err != ErrAuth || string(got) != "before" {
			t.Errorf("after the failure: got %q, %v, want ErrAuth", got, err)
		}
	}
	if c.Nonce() != n {
		t.Error("after the failure the counter goes on")
	}
}

// TestAnyFlippedBitFails flips every bit of a sealed message. The state is dead after that: it refuses the message as
// it was.
func TestAnyFlippedBitFails(t *testing.T) {
	sealed := mustSeal(t, NewCipherState(testKey), "a message")
	for bit := range len(sealed) * 8 {
		changed := bytes.Clone(sealed)
		changed[bit/8] ^= 1 << (bit % 8)
		c := NewCipherState(testKey)
		got, err := c.Open([]byte("before"), changed)
		if err != ErrAuth || string(got) != "before" {
			t.Fatalf("bit %d: got %q, %v, want ErrAuth", bit, got, err)
		}
		requireDead(t, c, sealed)
	}
}

func TestTruncatedAndExtendedMessagesFail(t *testing.T) {
	sealed := mustSeal(t, NewCipherState(testKey), "a message")
	long := append(bytes.Clone(sealed), make([]byte, 20)...)
	for n := range long {
		if n == len(sealed) {
			continue
		}
		want := ErrAuth
		if n < Overhead {
			want = ErrShort
		}
		c := NewCipherState(testKey)
		if got, err := c.Open([]byte("before"), long[:n]); err != want || string(got) != "before" {
			t.Fatalf("%d bytes: got %q, %v, want %v", n, got, err, want)
		}
		requireDead(t, c, sealed)
	}
}

// TestOrderIsKept shows that a message opens only in its turn: none can be left out, repeated, exchanged, or come from
// the other direction.
func TestOrderIsKept(t *testing.T) {
	send, back := NewCipherState(testKey), NewCipherState([32]byte{1})
	var sealed [3][]byte
	for i := range sealed {
		sealed[i] = mustSeal(t, send, fmt.Sprint("message ", i))
	}
	other := mustSeal(t, back, "message 0")
	for name, order := range map[string][][]byte{
		"left out":        {sealed[0], sealed[2]},
		"repeated":        {sealed[0], sealed[0]},
		"exchanged":       {sealed[1]},
		"repeated later":  {sealed[0], sealed[1], sealed[0]},
		"other direction": {other},
	} {
		c := NewCipherState(testKey)
		for i, b := range order {
			_, err := c.Open(nil, b)
			if last := i == len(order)-1; last && err != ErrAuth || !last && err != nil {
				t.Errorf("%s: message %d of the order: %v", name, i, err)
			}
		}
		requireDead(t, c, sealed[2])
	}
}

// TestCounterEndsBeforeTheReservedNonce runs both ends past the last nonce, 2^64-2.
func TestCounterEndsBeforeTheReservedNonce(t *testing.T) {
	send, recv := NewCipherState(testKey), NewCipherState(testKey)
	send.n, recv.n = math.MaxUint64-2, math.MaxUint64-2
	aead, err := chacha20poly1305.New(testKey[:])
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(math.MaxUint64 - 2); n < math.MaxUint64; n++ {
		sealed := mustSeal(t, send, "late")
		nonce := binary.LittleEndian.AppendUint64(make([]byte, 4), n)
		if want := aead.Seal(nil, nonce, []byte("late"), nil); !bytes.Equal(sealed, want) {
			t.Errorf("nonce %d: got %x, want %x", n, sealed, want)
		}
		if got, err := recv.Open(nil, sealed); err != nil || string(got) != "late" {
			t.Errorf("nonce %d: got %q, %v", n, got, err)
		}
	}
	over := aead.Seal(nil, []byte("\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"), []byte("late"), nil)
	for range 2 {
		if got, err := send.Seal([]byte("before"), []byte("late")); err != ErrExhausted || string(got) != "before" {
			t.Errorf("Seal: got %q, %v, want ErrExhausted", got, err)
		}
		if got, err := recv.Open([]byte("before"), over); err != ErrExhausted || string(got) != "before" {
			t.Errorf("Open: got %q, %v, want ErrExhausted", got, err)
		}
		if send.Nonce() != math.MaxUint64 || recv.Nonce() != math.MaxUint64 {
			t.Errorf("nonces %d and %d", send.Nonce(), recv.Nonce())
		}
	}
}

// TestAllocationsPerMessage counts exactly, sealing and opening apart, into another buffer and in place.
func TestAllocationsPerMessage(t *testing.T) {
	for _, size := range []int{0, 1, 64, 1 << 10, 1 << 16} {
		send, recv := NewCipherState(testKey), NewCipherState(testKey)
		plaintext := make([]byte, size)
		sealed, opened := make([]byte, 0, size+Overhead), make([]byte, 0, size)
		first := mustSeal(t, NewCipherState(testKey), string(plaintext))
		for name, run := range map[string]func() error{
			"seal": func() error {
				_, err := send.Seal(sealed, plaintext)
				return err
			},
			"seal in place": func() error {
				_, err := send.Seal(sealed, sealed[:size])
				return err
			},
			"open": func() error {
				recv.n = 0
				_, err := recv.Open(opened, first)
				return err
			},
			"open in place": func() error {
				recv.n = 0
				b := append(sealed, first...)
				_, err := recv.Open(b[:0], b)
				return err
			},
		} {
			if n := testing.AllocsPerRun(20, func() {
				if err := run(); err != nil {
					t.Fatal(err)
				}
			}); n != allocsPerMessage {
				t.Errorf("%s of %d bytes: %v allocations, want %v", name, size, n, allocsPerMessage)
			}
		}
	}
}

// TestKeysNeverPrint prints cipher states in many ways and looks for the key.
func TestKeysNeverPrint(t *testing.T) {
	c := NewCipherState(testKey)
	mustSeal(t, c, "used")
	for _, thing := range []any{c, *c, []*CipherState{c}, struct{ C *CipherState }{c}, struct{ c *CipherState }{c}, struct{ c CipherState }{*c}} {
		for way, text := range printed(thing) {
			if shows(text, testKey[:]) {
				t.Errorf("%s of %T: %s", way, thing, text)
			}
		}
	}
	if bare := printed(struct{ k [32]byte }{testKey}); !shows(bare["%v"], testKey[:]) || !shows(bare["%#v"], testKey[:]) {
		t.Error("a bare key is not found where it is printed: this test proves nothing")
	}
}

// printed returns v as text, by the way it was printed.
func printed(v any) map[string]string {
	texts := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		texts[verb] = fmt.Sprintf(verb, v)
	}
	if b, err := json.Marshal(v); err == nil {
		texts["json"] = string(b)
	}
	var text, object bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&object, nil)).Info("x", "v", v)
	texts["slog text"], texts["slog json"] = text.String(), object.String()
	return texts
}

// shows reports whether text has some 4 bytes in a row of secret in one of the forms in which bytes are printed.
func shows(text string, secret []byte) bool {
	for i := 0; i < len(secret); i += 4 {
		b := secret[i : i+4]
		list := func(format, separator string) string {
			return fmt.Sprintf(strings.Join([]string{format, format, format, format}, separator), b[0], b[1], b[2], b[3])
		}
		for _, form := range []string{
			string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), base64.StdEncoding.EncodeToString(b[:3]),
			list("%d", " "), list("%d", ","), list("%#x", ", "), list("%x", " "), list("%X", " "),
		} {
			if strings.Contains(text, form) {
				return true
			}
		}
	}
	return false
}

// FuzzOpen gives a cipher state any bytes as its first message and, if that opens, as the next. A message that opens
// seals to the same bytes. A message that does not open ends the state.
func FuzzOpen(f *testing.F) {
	all := directions(f)
	key := all[0].key
	for _, d := range all {
		for i, m := range d.messages {
			f.Add([]byte(m.Ciphertext), []byte(d.messages[(i+1)%len(d.messages)].Ciphertext))
		}
	}
	f.Add([]byte(nil), make([]byte, Overhead))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		c, again := NewCipherState(key), NewCipherState(key)
		for _, sealed := range [][]byte{first, second} {
			plaintext, err := c.Open(nil, sealed)
			if err != nil {
				if !errors.Is(err, ErrShort) && !errors.Is(err, ErrAuth) || plaintext != nil {
					t.Fatalf("%x, %v", plaintext, err)
				}
				requireDead(t, c, sealed)
				return
			}
			if got, err := again.Seal(nil, plaintext); err != nil || !bytes.Equal(got, sealed) {
				t.Fatalf("%x opens, and seals to %x, %v", sealed, got, err)
			}
		}
	})
}

func benchmarkSizes(b *testing.B, run func(b *testing.B, size int)) {
	for _, c := range []struct {
		name string
		size int
	}{{"64B", 64}, {"1KiB", 1 << 10}, {"1MiB", 1 << 20}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(c.size))
			b.ReportAllocs()
			run(b, c.size)
		})
	}
}

func BenchmarkSeal(b *testing.B) {
	benchmarkSizes(b, func(b *testing.B, size int) {
		c := NewCipherState(testKey)
		buf := make([]byte, size, size+Overhead)
		for b.Loop() {
			if _, err := c.Seal(buf[:0], buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	benchmarkSizes(b, func(b *testing.B, size int) {
		c := NewCipherState(testKey)
		sealed := mustSeal(b, c, string(make([]byte, size)))
		room := make([]byte, 0, size)
		for b.Loop() {
			c.n = 0 // the same message each time
			if _, err := c.Open(room, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}
