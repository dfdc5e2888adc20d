package handshake

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"errors"
	"hash"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// dialectOfFile says in which dialect the handshakes of a file are.
var dialectOfFile = map[string]Dialect{
	vectors.NoiseNative: Native, vectors.NoisePrologue: Native, vectors.NoiseBEAM: BEAM,
}

// TestTheOtherRuleFails shows that the two transcripts differ: every handshake of each file, in the bytes of the other
// dialect, fails at the first message that authenticates.
func TestTheOtherRuleFails(t *testing.T) {
	for name, other := range map[string]Dialect{vectors.NoiseNative: BEAM, vectors.NoiseBEAM: Native} {
		for _, v := range vectors.Noise(t, name).Vectors {
			t.Run(name+"/"+v.Name, func(t *testing.T) {
				f := newFixed(v).in(other)
				if f.static[Initiator].PublicKey() != f.static[Responder].PublicKey() {
					i := mustNew(t, f.config(Initiator))
					if m1 := mustWrite(t, i); !bytes.Equal(m1, f.message1) {
						t.Errorf("message 1: got %x, want %x", m1, f.message1)
					}
					if err := i.Read(f.message2); !errors.Is(err, ErrMessage2) {
						t.Errorf("message 2: got %v, want ErrMessage2", err)
					}
					requireNoResult(t, i)
				}
				r := responderAt3(t, f.config(Responder), f.message1)
				if err := r.Read(f.message3); !errors.Is(err, ErrMessage3) {
					t.Errorf("message 3: got %v, want ErrMessage3", err)
				}
				requireNoResult(t, r)
			})
		}
	}
}

// TestOnlyOneFormOfBEAMMessagesPasses changes each byte of the header of each message, and its length.
func TestOnlyOneFormOfBEAMMessagesPasses(t *testing.T) {
	f := newFixed(vectors.Noise(t, vectors.NoiseBEAM).Vectors[0]).in(BEAM)
	states := []func() *State{
		func() *State { return mustNew(t, f.config(Responder)) },
		func() *State { return initiatorAt2(t, f.config(Initiator)) },
		func() *State { return responderAt3(t, f.config(Responder), f.message1) },
	}
	for n, message := range [][]byte{f.message1, f.message2, f.message3} {
		refused := func(body []byte, want error) {
			t.Helper()
			s := states[n]()
			if err := s.Read(body); !errors.Is(err, want) {
				t.Errorf("message %d, %x: got %v, want %v", n+1, body, err, want)
			}
			requireNoResult(t, s)
		}
		for i := range binaryHeader {
			refused(flip(message, i), ErrBinary)
		}
		for size := range len(message) {
			refused(message[:size], ErrSize)
		}
		refused(append(bytes.Clone(message), 0), ErrSize)
		mustRead(t, states[n](), message)
	}
}

// TestHostileFirstFramesAreRefused gives each hostile first frame's body to a responder of the dialect that its size
// tells. Most tell none.
func TestHostileFirstFramesAreRefused(t *testing.T) {
	for _, v := range vectors.HostileTerms(t, "handshake_message_1") {
		dialect, ok := DialectOf(len(v.ETF))
		if !ok {
			continue
		}
		s := mustNew(t, counting(t).in(dialect).config(Responder))
		if err := s.Read(v.ETF); !errors.Is(err, ErrBinary) {
			t.Errorf("%s: got %v, want ErrBinary", v.Name, err)
		}
	}
}

func TestDialectOfAFirstFrame(t *testing.T) {
	want := map[int]Dialect{32: Native, 48: Native, 38: BEAM}
	for size := range 200 {
		got, ok := DialectOf(size)
		if d, known := want[size]; ok != known || got != d {
			t.Errorf("%d: got %v, %v, want %v, %v", size, got, ok, d, known)
		}
	}
}

func TestDialectNames(t *testing.T) {
	for d, name := range map[Dialect]string{Native: "native", BEAM: "beam"} {
		if got, err := ParseDialect(name); d.String() != name || got != d || err != nil {
			t.Errorf("%v is parsed as %v, %v, want %s", d, got, err, name)
		}
	}
	for _, name := range []string{"", "BEAM", "auto", Dialect(2).String()} {
		if _, err := ParseDialect(name); !errors.Is(err, ErrDialect) {
			t.Errorf("%q: got %v, want ErrDialect", name, err)
		}
	}
}

// TestBEAMHash shows when the hash is SHA-256: whenever it was not given exactly 32 bytes.
func TestBEAMHash(t *testing.T) {
	data := bytes.Repeat([]byte("abcdefg"), 20)
	h := newBEAMHash()
	for size := range len(data) {
		for _, first := range []int{0, 1, size / 2, size} {
			if first > size {
				continue
			}
			h.Reset()
			h.Write(data[:first])
			h.Write(data[first:size])
			sum := sha256.Sum256(data[:size])
			want := sum[:]
			if size == 32 {
				want = data[:32]
			}
			for range 2 {
				if got := h.Sum([]byte("before")); !bytes.Equal(got, append([]byte("before"), want...)) {
					t.Fatalf("%d bytes: got %x, want %x", size, got, want)
				}
			}
		}
	}
	if _, ok := h.(encoding.BinaryMarshaler); ok {
		t.Error("the hash's state can be saved")
	}
	if _, ok := h.(hash.Cloner); ok {
		t.Error("the hash can be cloned")
	}
}
