package docs_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
	"github.com/seed-f6ddb928/peernet-go/private"
)

// keyring returns the keyring of a node in private mode that trusts one key.
func keyring(t *testing.T, static, trusted vectors.Hex, seconds int64) *private.Keyring {
	t.Helper()
	pair, err := identity.NewKeyPair(static)
	if err != nil {
		t.Fatal(err)
	}
	k := private.New(private.Config{Static: pair, Trusted: func(identity.PublicKey) bool { return true },
		Now: func() time.Time { return time.Unix(seconds, 0) }})
	if err := k.Add(identity.PublicKey(trusted)); err != nil {
		t.Fatal(err)
	}
	return k
}

// privateVector returns the vector that A.9 is made of.
func privateVector(t *testing.T) vectors.NoiseHandshake {
	t.Helper()
	for _, v := range vectors.Noise(t, vectors.NoisePrivate).Vectors {
		if v.Name == "smaller_knocks" {
			return v
		}
	}
	t.Fatal("no vector smaller_knocks")
	panic("unreachable")
}

func checkPrivateSteps(t *testing.T, _ page, b block) {
	v := privateVector(t)
	static, err := identity.NewKeyPair(v.InitiatorStaticPrivate)
	if err != nil {
		t.Fatal(err)
	}
	z, err := static.DH(v.ResponderStaticPublic)
	if err != nil {
		t.Fatal(err)
	}
	extracted := mac([]byte("PeerNet private mode 1"), z)
	k := mac(extracted, slices.Concat(v.InitiatorStaticPublic, v.ResponderStaticPublic, []byte{1}))
	epoch := []byte{0, 0, 0, 0, 0, 0x59, 0xe2, 0xc0} // 5,890,752
	knock := mac(k, slices.Concat([]byte{1}, epoch, v.InitiatorEphemeralPublic))[:16]
	steps := newTranscript(t, v, nil).steps[0]
	b.count(t, 6)
	for i, want := range [][]byte{z, extracted, k, epoch, knock, steps[len(steps)-1]} {
		same(t, b[i].comment, b[i].bytes, want)
	}
	same(t, "the vector's K", k, v.PairSecret)
	same(t, "the vector's knock", knock, v.Knock)
	if *v.Time/300 != 5890752 {
		t.Errorf("the vector's time is %d", *v.Time)
	}
}

func checkPrivateFrame(t *testing.T, _ page, b block) {
	v := privateVector(t)
	m := runHandshake(t, v, handshake.Native, nil)
	for i := range m.messages {
		same(t, "message", newTranscript(t, v, nil).messages[i], m.messages[i])
	}
	same(t, "frame", b.bytes(), frame.Append(nil, m.messages[0]))
	same(t, "the vector's frame", b.bytes(), v.Messages[0].Frame)
}

func checkPrivateTags(t *testing.T, _ page, b block) {
	v, plain := privateVector(t), countingVector(t)
	m, other := runHandshake(t, v, handshake.Native, nil), runHandshake(t, plain, handshake.Native, nil)
	same(t, "tags", b.bytes(), slices.Concat(m.messages[1][64:80], m.messages[1][80:], m.messages[2][32:48], m.messages[2][48:], m.hash[:]))
	if m.k1 != other.k1 || m.k2 != other.k2 || !bytes.Equal(m.messages[1][:64], other.messages[1][:64]) || !bytes.Equal(m.messages[2][:32], other.messages[2][:32]) {
		t.Error("what the page says is the same is not")
	}
}

func checkPrivateFirstFrames(t *testing.T, _ page, b block) {
	v := privateVector(t)
	refuseFirst(t, b, keyring(t, v.ResponderStaticPrivate, v.InitiatorStaticPublic, *v.Time))
}

func checkPrivateAnnounce(t *testing.T, p page, b block) {
	var file struct {
		Vectors []struct {
			Name           string        `json:"name"`
			Why            string        `json:"why"`
			ReceiverStatic vectors.Hex   `json:"receiver_static_private"`
			Trusted        []vectors.Hex `json:"trusted"`
			Time           int64         `json:"time"`
			Packet         vectors.Hex   `json:"packet"`
			Error          string        `json:"error"`
			PublicKey      vectors.Hex   `json:"public_key"`
			Port           uint16        `json:"port"`
		} `json:"vectors"`
	}
	vectors.Load(t, "announce_private.json", &file)
	same(t, "packet", b.bytes(), file.Vectors[0].Packet)
	v := privateVector(t)
	k := keyring(t, v.ResponderStaticPrivate, v.InitiatorStaticPublic, *v.Time)
	key, port, err := k.Hear(b.bytes())
	if err != nil || !bytes.Equal(key[:], v.InitiatorStaticPublic) || port != 7100 {
		t.Errorf("%v, %d, %v", key, port, err)
	}
	b.count(t, 3+private.EntriesPerPacket)
	offset := 0
	for i, row := range p.table(t, "8.3 offset") {
		length := 0
		if i < 3 {
			length = len(b[i].bytes)
		} else {
			for _, entry := range b[3:] {
				length += len(entry.bytes)
			}
		}
		if number(t, row[0]) != offset || number(t, row[1]) != length {
			t.Errorf("the field %s is not where the table has it", row[2])
		}
		offset += length
	}
	if offset != private.PacketSize {
		t.Errorf("the fields have %d bytes", offset)
	}
	offset = 0
	for _, row := range p.table(t, "8.3 byte") {
		if number(t, row[0]) != offset {
			t.Errorf("the field %s of an entry is not where the table has it", row[2])
		}
		offset += number(t, row[1])
	}
	if offset != private.EntrySize {
		t.Errorf("an entry has %d bytes", offset)
	}
}

// TestPrivateConstantsAreTheCodes compares what §4.6 says of sizes and times.
func TestPrivateConstantsAreTheCodes(t *testing.T) {
	if private.EpochLength != 300*time.Second || private.KnockSize != handshake.KnockSize || handshake.KnockSize != 16 {
		t.Error("the page says 300 s and 16 bytes")
	}
}
