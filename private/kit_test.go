package private

import (
	mathrand "math/rand/v2"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A node is a keyring whose clock the test sets.
type node struct {
	*Keyring
	kp      identity.KeyPair
	at      time.Time
	trusted map[identity.PublicKey]bool
}

func newNode(tb testing.TB, first byte) *node {
	tb.Helper()
	n := &node{kp: keyPair(tb, count(first)), at: start, trusted: make(map[identity.PublicKey]bool)}
	n.Keyring = New(Config{
		Static:  n.kp,
		Trusted: func(k identity.PublicKey) bool { return n.trusted[k] },
		Now:     func() time.Time { return n.at },
		Rand:    mathrand.NewChaCha8([32]byte{first}),
	})
	return n
}

func (n *node) key() identity.PublicKey { return n.kp.PublicKey() }

// trust makes n trust others.
func (n *node) trust(tb testing.TB, others ...*node) {
	tb.Helper()
	for _, o := range others {
		n.trusted[o.key()] = true
		if err := n.Add(o.key()); err != nil {
			tb.Fatal(err)
		}
	}
}

// pairUp makes all of them trust each other.
func pairUp(tb testing.TB, nodes ...*node) {
	tb.Helper()
	for _, n := range nodes {
		for _, o := range nodes {
			if n != o {
				n.trust(tb, o)
			}
		}
	}
}

func (n *node) announce(tb testing.TB, port uint16) [][]byte {
	tb.Helper()
	packets, err := n.Announce(port)
	if err != nil {
		tb.Fatal(err)
	}
	return packets
}

func mustParse(tb testing.TB, b []byte) Packet {
	tb.Helper()
	p, err := ParsePacket(b)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func entries(p Packet) (list []string) {
	for i := range EntriesPerPacket {
		list = append(list, string(p.Entry(i)[:]))
	}
	return list
}

// entryFor returns the reference's entry of n, whose private key is the first, for a peer in a packet.
func (n *node) entryFor(tb testing.TB, peer *node, packet []byte, port uint16) []byte {
	tb.Helper()
	key := peer.key()
	return referenceEntry(count(0x01), key[:], n.epoch(), packet[nonceAt:entriesAt], port)
}
