package private

import (
	"bytes"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestOnlyThePairedNodeRecognisesAnEntry(t *testing.T) {
	a, b, c, d := newNode(t, 0x01), newNode(t, 0x21), newNode(t, 0x41), newNode(t, 0x61)
	pairUp(t, a, b)
	pairUp(t, c, b)
	d.trust(t, a, b, c) // nobody trusts it
	packets := a.announce(t, 7100)
	if len(packets) != 1 || len(packets[0]) != PacketSize {
		t.Fatalf("%d packets", len(packets))
	}
	if key, port, err := b.Hear(packets[0]); err != nil || key != a.key() || port != 7100 {
		t.Errorf("the paired node hears %v, %d, %v", key, port, err)
	}
	for name, n := range map[string]*node{"the sender": a, "a peer's other peer": c, "an untrusted node": d} {
		if key, _, err := n.Hear(packets[0]); !errors.Is(err, ErrNobody) {
			t.Errorf("%s hears %v, %v", name, key, err)
		}
	}
}

// TestPacketsAnHourApartShareNoField compares all fields of what one node sends, at one moment and an hour later, with one
// peer and with as many as fit.
func TestPacketsAnHourApartShareNoField(t *testing.T) {
	for _, peers := range []int{1, 7, EntriesPerPacket} {
		a := newNode(t, 0x01)
		for i := range peers {
			a.trust(t, newNode(t, byte(0x02+i)))
		}
		var packets []Packet
		for _, later := range []time.Duration{0, 0, time.Second, time.Hour, 24 * time.Hour} {
			a.at = start.Add(later)
			for _, b := range a.announce(t, 7100) {
				if key := a.key(); bytes.Contains(b, key[:4]) {
					t.Error("the packet has a part of the key")
				}
				packets = append(packets, mustParse(t, b))
			}
		}
		fields := make(map[string]bool)
		for _, p := range packets {
			for _, field := range append([]string{string(p[nonceAt:entriesAt])}, entries(p)...) {
				if field = field[:TagSize]; fields[field] { // the port alone is too short to differ always
					t.Errorf("%d peers: two packets have the field %x", peers, field)
				}
				fields[field] = true
			}
		}
	}
}

// TestPortDoesNotShow announces several ports with the same randomness: only the bytes that hide the port differ.
func TestPortDoesNotShow(t *testing.T) {
	var first []byte
	for _, port := range []uint16{1, 7100, 65535} {
		a, b := newNode(t, 0x01), newNode(t, 0x21)
		pairUp(t, a, b)
		packet := a.announce(t, port)[0]
		if _, got, err := b.Hear(packet); err != nil || got != port {
			t.Errorf("port %d is heard as %d, %v", port, got, err)
		}
		e := a.entryFor(t, b, packet, port)
		at := bytes.Index(packet, e)
		if at < 0 || bytes.Equal(e[TagSize:], []byte{byte(port >> 8), byte(port)}) {
			t.Errorf("port %d: %x in %x", port, e, packet)
		}
		if first == nil {
			first = packet
		}
		copy(packet[at+TagSize:], first[at+TagSize:at+EntrySize])
		if !bytes.Equal(packet, first) {
			t.Errorf("port %d changes more than two bytes", port)
		}
	}
}

// TestManyPeersFillSeveralPackets lets each of 40 peers find its entry, in exactly one packet and at any position.
func TestManyPeersFillSeveralPackets(t *testing.T) {
	a := newNode(t, 0x01)
	var peers []*node
	for i := range 40 {
		p := newNode(t, byte(0x02+i))
		pairUp(t, a, p)
		peers = append(peers, p)
	}
	for _, n := range []int{EntriesPerPacket, EntriesPerPacket + 1, 2 * EntriesPerPacket, 40} {
		some := newNode(t, 0x01)
		some.trust(t, peers[:n]...)
		if got, want := len(some.announce(t, 1)), (n+15)/16; got != want {
			t.Errorf("%d peers: %d packets, want %d", n, got, want)
		}
	}
	positions := make(map[[2]int]bool)
	for round := range 20 {
		packets := a.announce(t, 7100)
		for _, p := range peers {
			found := 0
			for i, b := range packets {
				if key, port, err := p.Hear(b); err == nil && key == a.key() && port == 7100 {
					found++
				} else if !errors.Is(err, ErrNobody) {
					t.Fatal(err)
				} else {
					continue
				}
				if p == peers[0] {
					positions[[2]int{i, slices.Index(entries(mustParse(t, b)), string(a.entryFor(t, p, b, 7100)))}] = true
				}
			}
			if found != 1 {
				t.Fatalf("round %d: %d entries for one peer", round, found)
			}
		}
	}
	if len(positions) < 10 {
		t.Errorf("in 20 announces the entry of one peer was at %d positions", len(positions))
	}
}

func TestEmptyKeyringAnnouncesNothing(t *testing.T) {
	a, b := newNode(t, 0x01), newNode(t, 0x21)
	if packets := a.announce(t, 7100); len(packets) != 0 {
		t.Errorf("%d packets", len(packets))
	}
	pairUp(t, a, b)
	a.Remove(b.key())
	if packets := a.announce(t, 7100); len(packets) != 0 || a.Len() != 0 {
		t.Errorf("after the only peer has gone: %d packets", len(packets))
	}
}

// TestJunkAllocatesNothing bounds the memory that an untrusted node's datagram costs, for any number of trusted keys.
func TestJunkAllocatesNothing(t *testing.T) {
	b := newNode(t, 0x01)
	for i := range 50 {
		b.trust(t, newNode(t, byte(0x02+i)))
	}
	untrusted := newNode(t, 0x81)
	untrusted.trust(t, b)
	packet := untrusted.announce(t, 7100)[0]
	for name, c := range map[string]struct {
		datagram []byte
		most     float64
	}{
		"another length":       {packet[:180], 0},
		"another magic":        {append([]byte("PNET"), packet[4:]...), 0},
		"another version":      {append([]byte("PNEP\x00"), packet[5:]...), 0},
		"of an untrusted node": {packet, 5}, // three small ones, for any number of keys
	} {
		if got := testing.AllocsPerRun(100, func() { b.Hear(c.datagram) }); got > c.most {
			t.Errorf("%s: %v allocations, at most %v are allowed", name, got, c.most)
		}
	}
	if got := testing.AllocsPerRun(100, func() { b.Knocked([32]byte{1}, [KnockSize]byte{}) }); got > 5 {
		t.Errorf("a knock of an untrusted node: %v allocations", got)
	}
}

func TestAnnounceFailsWithItsRandomness(t *testing.T) {
	a, b := newNode(t, 0x01), newNode(t, 0x21)
	pairUp(t, a, b)
	for _, n := range []int64{0, 31, 32, 32 + 175} {
		a.config.Rand = io.LimitReader(mathrand.NewChaCha8([32]byte{}), n)
		if packets, err := a.Announce(7100); err == nil || packets != nil {
			t.Errorf("with %d bytes: %d packets, %v", n, len(packets), err)
		}
	}
}

// BenchmarkHear measures an untrusted node's datagram with 100 trusted keys.
func BenchmarkHear(b *testing.B) {
	n, untrusted := newNode(b, 0x01), newNode(b, 0xf1)
	for i := range 100 {
		n.trust(b, newNode(b, byte(0x02+i)))
	}
	untrusted.trust(b, n)
	packet := untrusted.announce(b, 7100)[0]
	for b.Loop() {
		n.Hear(packet)
	}
}
