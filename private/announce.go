package private

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	mathrand "math/rand/v2"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Announce returns the datagrams from which each peer of the keyring, and nobody else, learns that this node listens on
// port: one for every 16 peers, none for an empty keyring. They differ each time, and are valid in this epoch and the
// next. The entries lie in random order over all datagrams. The error is Config.Rand's.
func (k *Keyring) Announce(port uint16) ([][]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	packets := make([]Packet, (len(k.pairs)+EntriesPerPacket-1)/EntriesPerPacket)
	if len(packets) == 0 {
		return nil, nil
	}
	positions, err := k.randomize(packets)
	if err != nil {
		return nil, fmt.Errorf("private announce: %w", err)
	}
	epoch := k.epoch()
	for i := range k.pairs {
		p, to := &k.pairs[i], &packets[positions[i]/EntriesPerPacket]
		made := k.mac(p.secret(), newMessage(to[nonceAt:entriesAt]).of(p.use(useAnnounce, true), epoch))
		e := to.Entry(positions[i] % EntriesPerPacket)
		copy(e[:TagSize], made[:TagSize])
		binary.BigEndian.PutUint16(e[TagSize:], port^mask(&made))
	}
	list := make([][]byte, len(packets))
	for i := range packets {
		list[i] = packets[i][:]
	}
	return list, nil
}

// randomize fills packets with their first bytes and then random ones, and returns the numbers of their entries in random order.
func (k *Keyring) randomize(packets []Packet) (positions []int, err error) {
	var seed [32]byte
	if _, err := io.ReadFull(k.config.Rand, seed[:]); err != nil {
		return nil, err
	}
	for i := range packets {
		p := &packets[i]
		copy(p[:], packetMagic)
		p[versionAt] = packetVersion
		if _, err := io.ReadFull(k.config.Rand, p[nonceAt:]); err != nil {
			return nil, err
		}
	}
	return mathrand.New(mathrand.NewChaCha8(seed)).Perm(len(packets) * EntriesPerPacket), nil
}

// Hear returns the peer of the keyring that has made the datagram, and the port that it listens on. Anybody who has
// heard the datagram can send it again, from anywhere, until its epoch is over, and can change the port: it is a hint
// like any other. It fails with [ErrSize], [ErrMagic], [ErrVersion], [ErrNobody] or [ErrPort].
func (k *Keyring) Hear(datagram []byte) (identity.PublicKey, uint16, error) {
	packet, err := ParsePacket(datagram)
	if err != nil {
		return identity.PublicKey{}, 0, err
	}
	m := newMessage(packet[nonceAt:entriesAt])
	k.mu.RLock()
	defer k.mu.RUnlock()
	found, port := -1, 0
	k.each(useAnnounce, m, func(i int, made *[32]byte) {
		for j := range EntriesPerPacket {
			e := packet.Entry(j)
			match := subtle.ConstantTimeCompare(made[:TagSize], e[:TagSize])
			found = subtle.ConstantTimeSelect(match, i, found)
			port = subtle.ConstantTimeSelect(match, int(mask(made)^binary.BigEndian.Uint16(e[TagSize:])), port)
		}
	})
	switch {
	case found < 0:
		return identity.PublicKey{}, 0, ErrNobody
	case port == 0:
		return identity.PublicKey{}, 0, ErrPort
	}
	return k.pairs[found].key, uint16(port), nil
}

// mask returns the bits that hide the port of an entry. They come from the HMAC of the entry's tag.
func mask(made *[32]byte) uint16 { return binary.BigEndian.Uint16(made[TagSize:]) }
