package private

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// errorNames are the names that announce_private.json gives to errors.
var errorNames = map[string]error{
	"ErrSize": ErrSize, "ErrMagic": ErrMagic, "ErrVersion": ErrVersion, "ErrNobody": ErrNobody, "ErrPort": ErrPort,
}

// ringAt returns a keyring that trusts those keys, and whose clock stands still.
func ringAt(tb testing.TB, static []byte, seconds int64, trusted ...vectors.Hex) *Keyring {
	tb.Helper()
	k := New(Config{
		Static:  keyPair(tb, static),
		Trusted: func(identity.PublicKey) bool { return true },
		Now:     func() time.Time { return time.Unix(seconds, 0) },
	})
	for _, key := range trusted {
		if err := k.Add(identity.PublicKey(key)); err != nil {
			tb.Fatal(err)
		}
	}
	return k
}

func TestAnnounceVectors(t *testing.T) {
	seen := make(map[string]bool)
	for _, v := range announceVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			k := ringAt(t, v.ReceiverStatic, v.Time, v.Trusted...)
			key, port, err := k.Hear(v.Packet)
			if v.Error != "" {
				seen[v.Error] = true
				if want := errorNames[v.Error]; want == nil || !errors.Is(err, want) || !key.IsZero() || port != 0 {
					t.Errorf("%v, %d, %v, want %s", key, port, err, v.Error)
				}
				return
			}
			if err != nil || !bytes.Equal(key[:], v.PublicKey) || port != v.Port {
				t.Errorf("%v, %d, %v, want %x, %d", key, port, err, v.PublicKey, v.Port)
			}
		})
	}
	for name := range errorNames {
		if !seen[name] {
			t.Errorf("no vector ends in %s", name)
		}
	}
}

// TestKnockVectors makes and recognises the knocks in the vectors of package handshake.
func TestKnockVectors(t *testing.T) {
	for _, v := range vectors.Noise(t, vectors.NoisePrivate).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			i := ringAt(t, v.InitiatorStaticPrivate, *v.Time, v.ResponderStaticPublic)
			r := ringAt(t, v.ResponderStaticPrivate, *v.Time, v.InitiatorStaticPublic)
			if got := i.pairs[0].secret(); !bytes.Equal(got[:], v.PairSecret) {
				t.Errorf("secret %x, want %x", *got, v.PairSecret)
			}
			if *i.pairs[0].secret() != *r.pairs[0].secret() {
				t.Error("the two ends have different secrets")
			}
			e := [32]byte(v.InitiatorEphemeralPublic)
			knock, ok := i.Knock(identity.PublicKey(v.ResponderStaticPublic), e)
			if !ok || !bytes.Equal(knock[:], v.Knock) {
				t.Errorf("knock %x, %t, want %x", knock, ok, v.Knock)
			}
			if key, ok := r.Knocked(e, [KnockSize]byte(v.Knock)); !ok || !bytes.Equal(key[:], v.InitiatorStaticPublic) {
				t.Errorf("knocked: %v, %t", key, ok)
			}
		})
	}
}

// TestAnnounceVectorsMatchTheReference compares announce_private.json with the output of the reference.
func TestAnnounceVectorsMatchTheReference(t *testing.T) {
	const now, epoch = 1767225600, 5890752
	a, b, c := referencePublic(staticA), referencePublic(staticB), referencePublic(staticC)
	nonce := count(0xc0)[:16]
	from := func(sender, receiver []byte, epoch int64, port uint16) []byte {
		return referenceEntry(sender, receiver, epoch, nonce, port)
	}
	toB := referencePacket(nonce, map[int][]byte{5: from(staticA, b, epoch, 7100)})
	var list []heard
	add := func(name, why string, static []byte, at int64, packet []byte, trusted ...[]byte) *heard {
		h := heard{Name: name, Why: why, ReceiverStatic: static, Time: at, Packet: packet, Trusted: []vectors.Hex{}}
		for _, key := range trusted {
			h.Trusted = append(h.Trusted, key)
		}
		list = append(list, h)
		return &list[len(list)-1]
	}
	is := func(h *heard, key []byte, port uint16) { h.PublicKey, h.Port = key, port }
	not := func(h *heard, err string) { h.Error = err }

	is(add("smaller_announces", "from the smaller key to the larger, entry 5", staticB, now, toB, a), a, 7100)
	is(add("larger_announces", "from the larger key to the smaller, entry 0", staticA, now,
		referencePacket(nonce, map[int][]byte{0: from(staticB, a, epoch, 7100)}), b), b, 7100)
	is(add("one_of_two", "two entries, the last is for the receiver, which trusts both", staticB, now,
		referencePacket(nonce, map[int][]byte{2: from(staticA, c, epoch, 7100), 15: from(staticA, b, epoch, 7100)}), c, a), a, 7100)
	is(add("port_1", "the smallest port", staticB, now, referencePacket(nonce, map[int][]byte{5: from(staticA, b, epoch, 1)}), a), a, 1)
	is(add("port_65535", "the largest port", staticB, now, referencePacket(nonce, map[int][]byte{5: from(staticA, b, epoch, 65535)}), a), a, 65535)
	is(add("clock_5_minutes_ahead", "the receiver's clock is 300 s ahead", staticB, now+300, toB, a), a, 7100)
	is(add("clock_5_minutes_behind", "the receiver's clock is 300 s behind", staticB, now-300, toB, a), a, 7100)
	is(add("epoch_0", "1970", staticB, 0, referencePacket(nonce, map[int][]byte{5: from(staticA, b, 0, 7100)}), a), a, 7100)
	is(add("before_1970", "a clock that nobody has set", staticB, -1, referencePacket(nonce, map[int][]byte{5: from(staticA, b, -1, 7100)}), a), a, 7100)

	not(add("two_epochs_ahead", "the receiver's clock is 600 s ahead", staticB, now+600, toB, a), "ErrNobody")
	not(add("two_epochs_behind", "the receiver's clock is 301 s behind, in the second epoch before", staticB, now-301, toB, a), "ErrNobody")
	not(add("not_trusted", "the receiver does not trust the sender", staticB, now, toB, c), "ErrNobody")
	not(add("nobody_trusted", "the receiver trusts nobody", staticB, now, toB), "ErrNobody")
	not(add("for_another", "the entry is for another", staticC, now, toB, a), "ErrNobody")
	not(add("reflected", "what the receiver itself has sent", staticA, now, toB, b), "ErrNobody")
	not(add("other_nonce", "the entry is of another packet", staticB, now,
		referencePacket(count(0xd0)[:16], map[int][]byte{5: from(staticA, b, epoch, 7100)}), a), "ErrNobody")
	not(add("port_0", "the entry says port 0", staticB, now, referencePacket(nonce, map[int][]byte{5: from(staticA, b, epoch, 0)}), a), "ErrPort")
	not(add("empty", "no bytes", staticB, now, []byte{}, a), "ErrSize")
	not(add("short", "180 bytes", staticB, now, toB[:180], a), "ErrSize")
	not(add("long", "182 bytes", staticB, now, append(bytes.Clone(toB), 0), a), "ErrSize")
	not(add("magic", "an announce that is not private has PNET", staticB, now, append([]byte("PNET"), toB[4:]...), a), "ErrMagic")
	not(add("version", "version 2", staticB, now, append([]byte("PNEP\x02"), toB[5:]...), a), "ErrVersion")

	want, err := json.MarshalIndent(struct {
		Vectors []heard `json:"vectors"`
	}{list}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	path := vectors.Path(t, announceFile)
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
		t.Errorf("%s is not what the reference makes; go test ./private -run %s -update writes it", announceFile, t.Name())
	}
}
