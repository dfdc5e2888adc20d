package udp

import (
	"bytes"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// A vector is one of testdata/vectors/announce.json.
type vector struct {
	Name      string      `json:"name"`
	Packet    vectors.Hex `json:"packet"`
	Verdict   string      `json:"verdict"`
	Version   int         `json:"version"`
	Port      int         `json:"port"`
	PublicKey vectors.Hex `json:"public_key"`
}

func announceVectors(tb testing.TB) []vector {
	tb.Helper()
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	vectors.Load(tb, "announce.json", &file)
	if len(file.Vectors) == 0 {
		tb.Fatal("announce.json holds no vectors")
	}
	return file.Vectors
}

// refusals says why a vector is refused. Appendix A.7 of wire.md names those that the implementation which made the
// file accepts.
var refusals = map[string]error{
	"port_0":       ErrPort,
	"key_all_zero": identity.ErrKeyLowOrder,
	"key_all_ff":   identity.ErrKeyRange,
	"key_high_bit": identity.ErrKeyRange,

	"empty":             ErrSize,
	"magic_only":        ErrSize,
	"short_38":          ErrSize,
	"short_7":           ErrSize,
	"long_40":           ErrSize,
	"two_in_one_packet": ErrSize,
	"long_1400":         ErrSize,
	"magic_lower":       ErrMagic,
	"magic_pnid":        ErrMagic,
	"magic_shifted":     ErrMagic,
	"version_0":         ErrVersion,
	"version_2":         ErrVersion,
	"version_255":       ErrVersion,
	"zeros_39":          ErrMagic,
}

func TestAnnouncesAreThoseOfTheVectors(t *testing.T) {
	accepted := 0
	for _, v := range announceVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			a, err := ParseAnnounce(v.Packet)
			if why := refusals[v.Name]; why != nil {
				if !errors.Is(err, why) || a != (Announce{}) {
					t.Fatalf("parsed as %v, %v, want %v", a, err, why)
				}
				return
			}
			if err != nil || v.Verdict != "accept" || v.Version != announceVersion {
				t.Fatalf("%v; the vector says %s, version %d", err, v.Verdict, v.Version)
			}
			if int(a.Port) != v.Port || !bytes.Equal(a.Key[:], v.PublicKey) {
				t.Errorf("parsed as %v", a)
			}
			if got := a.Append([]byte{1, 2}); !bytes.Equal(got[2:], v.Packet) {
				t.Errorf("appended %x, want %x", got[2:], []byte(v.Packet))
			}
			accepted++
		})
	}
	if accepted == 0 {
		t.Error("no vector is accepted")
	}
}

func TestEveryCutAnnounceFails(t *testing.T) {
	whole := Announce{Port: 7100, Key: key(1)}.Append(nil)
	if len(whole) != AnnounceSize {
		t.Fatalf("%d bytes", len(whole))
	}
	for n := range whole {
		if _, err := ParseAnnounce(whole[:n]); !errors.Is(err, ErrSize) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := ParseAnnounce(append(whole, 0)); !errors.Is(err, ErrSize) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestEveryBitOfMagicAndVersionCounts(t *testing.T) {
	for bit := range 8 * len("PNET1") {
		b := Announce{Port: 7100, Key: key(1)}.Append(nil)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := ParseAnnounce(b); err == nil {
			t.Errorf("bit %d makes no difference", bit)
		}
	}
}

func FuzzAnnounce(f *testing.F) {
	for _, v := range announceVectors(f) {
		f.Add([]byte(v.Packet))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAnnounce(b)
		if err != nil {
			if a != (Announce{}) {
				t.Errorf("%v with an error", a)
			}
			return
		}
		if a.Port == 0 {
			t.Error("port 0 is accepted")
		}
		if _, err := identity.NewPublicKey(a.Key[:]); err != nil {
			t.Error(err)
		}
		if got := a.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("%x is appended as %x", b, got)
		}
	})
}
