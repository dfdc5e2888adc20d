// Package private implements private mode with the secrets that paired nodes share: the knock that begins a handshake
// (wire.md §4.6), and the announce that only paired nodes can read (wire.md §8.3).
//
// Two nodes that have each other's static key share a secret without sending a message: the X25519 of the one's private
// and the other's public key. A [Keyring] holds these secrets, one for each trusted key. The knocks and announces that
// it makes look random to everybody else, and differ each time.
//
// A Keyring reads the wall clock: its knocks and announces are valid for some minutes. A node whose clock is wrong by
// more than five minutes may neither find others nor be found; at ten minutes it certainly does not.
package private

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// EpochLength is the length of an epoch. Knocks and announces of this epoch, the one before and the one after are
// accepted.
const EpochLength = 5 * time.Minute

// A Config is what a Keyring needs.
type Config struct {
	// Static is this node's identity. It must be set.
	Static identity.KeyPair

	// Trusted says whether a key is trusted now. It must be set, and be safe for concurrent use. It is called with the
	// keyring locked, so it must not call its methods.
	Trusted func(identity.PublicKey) bool

	// Now returns the wall-clock time. If nil, time.Now.
	Now func() time.Time

	// Rand is the source of nonces and of the random entries among the real ones. If nil, crypto/rand. It must be safe for
	// concurrent use.
	Rand io.Reader
}

// A Keyring holds the secret that this node shares with each peer that it trusts. It computes a secret once, when the
// peer is trusted, and forgets it when trust ends. It is safe for concurrent use. No way of printing or logging it
// shows a secret.
//
// Knocked and Hear always do the same work, three HMACs for each key, whichever key matches or none. So their time
// shows how many keys are trusted, but not which.
type Keyring struct {
	config Config
	self   identity.PublicKey
	mac    func(*[secretSize]byte, []byte) [32]byte // hmacSHA256; tests count its calls

	mu    sync.RWMutex // guards the rest
	pairs []pair       // in the order of their keys
}

// A pair is this node and a peer that it trusts.
type pair struct {
	key    identity.PublicKey // the peer's
	first  bool               // this node has the smaller key
	secret secret
}

// New returns an empty keyring.
func New(c Config) *Keyring {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return &Keyring{config: c, self: c.Static.PublicKey(), mac: hmacSHA256}
}

// Add computes the secret shared with key, unless it is there already, or the key is no longer trusted or is the node's
// own. So it may be called for each trusted key and for each change of trust, in any order: the keyring ends with the
// trusted keys, if Remove is called after Trusted denies a key. Add fails only for a key that [identity.NewPublicKey]
// refuses.
func (k *Keyring) Add(key identity.PublicKey) error {
	k.mu.RLock()
	_, there := k.find(key)
	k.mu.RUnlock()
	if there || key == k.self {
		return nil
	}
	s, err := newSecret(k.config.Static, key)
	if err != nil {
		return fmt.Errorf("the secret of a pair: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	i, there := k.find(key)
	if there || !k.config.Trusted(key) {
		*s() = [secretSize]byte{}
		return nil
	}
	k.pairs = slices.Insert(k.pairs, i, pair{key: key, first: k.self.Compare(key) < 0, secret: s})
	return nil
}

// Remove forgets the secret shared with key, and overwrites it.
func (k *Keyring) Remove(key identity.PublicKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i, there := k.find(key); there {
		*k.pairs[i].secret() = [secretSize]byte{} // mu is held, so that nothing else uses it
		k.pairs = slices.Delete(k.pairs, i, i+1)
	}
}

// Len returns the number of peers in the keyring.
func (k *Keyring) Len() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.pairs)
}

// find returns where the pair with key is in pairs, or would be. The caller holds mu.
func (k *Keyring) find(key identity.PublicKey) (i int, there bool) {
	return slices.BinarySearchFunc(k.pairs, key, func(p pair, key identity.PublicKey) int { return p.key.Compare(key) })
}

// epoch returns the number of the current epoch. Epoch 0 begins at 1970-01-01 00:00:00 UTC (wire.md §4.6).
func (k *Keyring) epoch() int64 {
	const length = int64(EpochLength / time.Second)
	s := k.config.Now().Unix()
	return (s - (s%length+length)%length) / length // rounded down, before 1970 too
}

// Uses of a pair's secret: the first byte of an authenticated message. Each node of a pair has its own, so that its
// messages cannot pass for the other node's.
const (
	useKnock    byte = 1 // of the node with the smaller key; the other's is 2
	useAnnounce byte = 3 // likewise, and 4
)

// use returns the use of this node if ours, otherwise that of the peer.
func (p *pair) use(first byte, ours bool) byte {
	if p.first == ours {
		return first
	}
	return first + 1
}

// A message is the input of an HMAC: use, epoch, and the bytes that it authenticates.
type message []byte

func newMessage(of []byte) message { return append(make(message, 9, 9+len(of)), of...) }

// of returns the message for a use in an epoch, in the same memory.
func (m message) of(use byte, epoch int64) message {
	m[0] = use
	binary.BigEndian.PutUint64(m[1:], uint64(epoch))
	return m
}

// each calls f, for all peers, with the peer's HMAC of the message in each epoch that is accepted now.
func (k *Keyring) each(first byte, m message, f func(i int, made *[32]byte)) {
	now := k.epoch()
	made := new([32]byte) // one for all, because it is on the heap: the compiler cannot know that f does not keep it
	for i := range k.pairs {
		p := &k.pairs[i]
		for _, e := range [...]int64{now - 1, now, now + 1} {
			*made = k.mac(p.secret(), m.of(p.use(first, false), e))
			f(i, made)
		}
	}
}
