package private

import (
	"bytes"
	"errors"
	"testing"
)

func TestPacketIsReadAndWrittenByteForByte(t *testing.T) {
	read := 0
	for _, v := range announceVectors(t) {
		p, err := ParsePacket(v.Packet)
		if err != nil {
			continue
		}
		read++
		nonce := p.Nonce()
		got := append([]byte("PNEP\x01"), nonce[:]...)
		for i := range EntriesPerPacket {
			got = append(got, p.Entry(i)[:]...)
		}
		if !bytes.Equal(got, v.Packet) || !bytes.Equal(p[:], v.Packet) {
			t.Errorf("%s: %x is read as %x, with fields %x", v.Name, v.Packet, p, got)
		}
		for n := range v.Packet {
			if _, err := ParsePacket(v.Packet[:n]); !errors.Is(err, ErrSize) {
				t.Errorf("%s: cut to %d bytes: %v", v.Name, n, err)
			}
		}
		for n := range versionAt + 1 {
			b := bytes.Clone(v.Packet)
			b[n] ^= 1
			if _, err := ParsePacket(b); err == nil {
				t.Errorf("%s: byte %d changed, but it is accepted", v.Name, n)
			}
		}
	}
	if read == 0 {
		t.Fatal("no vector is a packet")
	}
}

// FuzzPacket reads any bytes. A packet that is accepted is written as the same bytes.
func FuzzPacket(f *testing.F) {
	for _, v := range announceVectors(f) {
		f.Add([]byte(v.Packet))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePacket(b)
		if err != nil {
			if !errors.Is(err, ErrSize) && !errors.Is(err, ErrMagic) && !errors.Is(err, ErrVersion) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(p[:], b) {
			t.Fatalf("%x is read as %x", b, p)
		}
	})
}

// FuzzHear gives a keyring any bytes. It accepts only an entry that a peer has made for it, with any port.
func FuzzHear(f *testing.F) {
	all := announceVectors(f)
	for _, v := range all {
		f.Add([]byte(v.Packet))
	}
	first := all[0]
	k := ringAt(f, first.ReceiverStatic, first.Time, first.Trusted...)
	made := referenceEntry(staticA, referencePublic(staticB), k.epoch(), first.Packet[nonceAt:entriesAt], 1)
	f.Fuzz(func(t *testing.T, b []byte) {
		key, port, err := k.Hear(b)
		if err != nil {
			if !key.IsZero() || port != 0 {
				t.Fatalf("%v, %d with %v", key, port, err)
			}
			return
		}
		if !bytes.Equal(key[:], first.PublicKey) || !bytes.Equal(b[nonceAt:entriesAt], first.Packet[nonceAt:entriesAt]) ||
			!bytes.Contains(b[entriesAt:], made[:TagSize]) {
			t.Fatalf("%x is accepted as an announce of %v", b, key)
		}
	})
}
