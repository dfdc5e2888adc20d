package private

import (
	"crypto/subtle"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// KnockSize is the length of a knock in bytes: wire.md §4.6.
const KnockSize = 16

// Knock returns the knock that this node sends to the peer with key, beside the ephemeral key of its handshake. It is
// valid in this epoch and the next, and for no other handshake. ok is false if the peer is not in the keyring.
func (k *Keyring) Knock(key identity.PublicKey, ephemeral [32]byte) (knock [KnockSize]byte, ok bool) {
	m := newMessage(ephemeral[:])
	k.mu.RLock()
	defer k.mu.RUnlock()
	i, there := k.find(key)
	if !there {
		return [KnockSize]byte{}, false
	}
	p := &k.pairs[i]
	made := k.mac(p.secret(), m.of(p.use(useKnock, true), k.epoch()))
	return [KnockSize]byte(made[:KnockSize]), true
}

// Knocked returns the peer that has made knock for this node. ok is false if no peer of the keyring has made it, or not
// in the last minutes.
func (k *Keyring) Knocked(ephemeral [32]byte, knock [KnockSize]byte) (key identity.PublicKey, ok bool) {
	m := newMessage(ephemeral[:])
	k.mu.RLock()
	defer k.mu.RUnlock()
	found := -1
	k.each(useKnock, m, func(i int, made *[32]byte) {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(made[:KnockSize], knock[:]), i, found)
	})
	if found < 0 {
		return identity.PublicKey{}, false
	}
	return k.pairs[found].key, true
}
