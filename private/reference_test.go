package private

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

var update = flag.Bool("update", false, "write the vector file that the reference implementation makes")

// announceFile is the vector file of private announces.
const announceFile = "announce_private.json"

// A heard is one vector: a datagram and what a node hears in it.
type heard struct {
	Name           string        `json:"name"`
	Why            string        `json:"why"`
	ReceiverStatic vectors.Hex   `json:"receiver_static_private"`
	Trusted        []vectors.Hex `json:"trusted"`
	Time           int64         `json:"time"` // of the receiver, in seconds since 1970
	Packet         vectors.Hex   `json:"packet"`
	Error          string        `json:"error,omitempty"`
	PublicKey      vectors.Hex   `json:"public_key,omitempty"`
	Port           uint16        `json:"port,omitempty"`
}

func announceVectors(tb testing.TB) []heard {
	tb.Helper()
	var file struct {
		Vectors []heard `json:"vectors"`
	}
	vectors.Load(tb, announceFile, &file)
	if len(file.Vectors) == 0 {
		tb.Fatalf("%s holds none", announceFile)
	}
	return file.Vectors
}

// Keys that count up, as in the vectors of handshakes; the public key of the first is the smallest.
var (
	staticA = count(0x01)
	staticB = count(0x21)
	staticC = count(0x91)
)

// count returns 32 bytes that count up from first.
func count(first byte) []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func keyPair(tb testing.TB, private []byte) identity.KeyPair {
	tb.Helper()
	kp, err := identity.NewKeyPair(private)
	if err != nil {
		tb.Fatal(err)
	}
	return kp
}

// The reference is written from wire.md §4.6 and §8.3 alone, over crypto/hmac, and shares nothing with the package.

func referenceHMAC(key []byte, data ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, d := range data {
		m.Write(d)
	}
	return m.Sum(nil)
}

func referencePublic(private []byte) []byte {
	k, err := ecdh.X25519().NewPrivateKey(private)
	if err != nil {
		panic(err)
	}
	return k.PublicKey().Bytes()
}

// referenceSecret is K.
func referenceSecret(own, peer []byte) []byte {
	k, err := ecdh.X25519().NewPrivateKey(own)
	if err != nil {
		panic(err)
	}
	p, err := ecdh.X25519().NewPublicKey(peer)
	if err != nil {
		panic(err)
	}
	z, err := k.ECDH(p)
	if err != nil {
		panic(err)
	}
	a, b := k.PublicKey().Bytes(), peer
	if bytes.Compare(a, b) > 0 {
		a, b = b, a
	}
	return referenceHMAC(referenceHMAC([]byte("PeerNet private mode 1"), z), a, b, []byte{1})
}

// referenceEntry is the entry of a sender for one receiver.
func referenceEntry(sender, receiver []byte, epoch int64, nonce []byte, port uint16) []byte {
	use := byte(4)
	if bytes.Compare(referencePublic(sender), receiver) < 0 {
		use = 3
	}
	m := referenceHMAC(referenceSecret(sender, receiver), binary.BigEndian.AppendUint64([]byte{use}, uint64(epoch)), nonce)
	return append(m[:8:8], m[8]^byte(port>>8), m[9]^byte(port))
}

// referencePacket is a packet with the given entries; the others are counting bytes.
func referencePacket(nonce []byte, entries map[int][]byte) []byte {
	b := append([]byte("PNEP\x01"), nonce...)
	for i := range 16 {
		if e := entries[i]; e != nil {
			b = append(b, e...)
			continue
		}
		for j := range 10 {
			b = append(b, byte(0x10*i+j))
		}
	}
	return b
}
