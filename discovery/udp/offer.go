package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// OfferSize is the length of the announce of an offer in bytes.
const OfferSize = 4 + 1 + 2 + identity.PublicKeySize + 2

// The fields of such an announce with one possible value: wire.md §8.4.
const (
	offerMagic   = "PNEO"
	offerVersion = 1
)

// ErrNumber is returned for the announce of an offer with a number that no offer has.
var ErrNumber = errors.New("offer with a number out of range")

// An OfferAnnounce says that a node offers a pairing by a code with this number: wire.md §14. Nothing in it is authenticated.
type OfferAnnounce struct {
	Announce
	Number uint16 // 10 to 999
}

// Append appends the 41 bytes of a to b: wire.md §8.4. It does not look whether the other side would accept them.
func (a OfferAnnounce) Append(b []byte) []byte {
	b = append(b, offerMagic...)
	b = append(b, offerVersion)
	b = binary.BigEndian.AppendUint16(b, a.Port)
	b = append(b, a.Key[:]...)
	return binary.BigEndian.AppendUint16(b, a.Number)
}

// ParseOfferAnnounce reads the payload of one datagram: wire.md §8.4. It keeps nothing of b. It fails as [ParseAnnounce]
// does, and with [ErrNumber].
func ParseOfferAnnounce(b []byte) (OfferAnnounce, error) {
	fields, ok := bytes.CutPrefix(b, []byte(offerMagic))
	switch {
	case len(b) != OfferSize:
		return OfferAnnounce{}, ErrSize
	case !ok:
		return OfferAnnounce{}, ErrMagic
	case fields[0] != offerVersion:
		return OfferAnnounce{}, ErrVersion
	}
	a := OfferAnnounce{Announce{Port: binary.BigEndian.Uint16(fields[1:])}, binary.BigEndian.Uint16(b[OfferSize-2:])}
	switch {
	case a.Port == 0:
		return OfferAnnounce{}, ErrPort
	case !discovery.IsOfferNumber(a.Number):
		return OfferAnnounce{}, ErrNumber
	}
	key, err := identity.NewPublicKey(fields[3 : 3+identity.PublicKeySize])
	if err != nil {
		return OfferAnnounce{}, err
	}
	a.Key = key
	return a, nil
}

// announceOffer announces the pairing that the node offers, at once if it is another one than before, then every offerEvery.
// In private mode no offer is announced.
func (r *run) announceOffer() {
	number := r.self.Offers.Own()
	now := time.Now()
	switch {
	case number == 0 || r.covert != nil:
		r.offered, r.offerDue = 0, time.Time{}
		return
	case r.due.IsZero() || number == r.offered && now.Before(r.offerDue): // zero: the interfaces are not known yet
		return
	}
	r.announceOn(nil, func(port uint16) [][]byte {
		return [][]byte{OfferAnnounce{Announce{Port: port, Key: r.self.Key}, number}.Append(nil)}
	})
	r.offered, r.offerDue = number, now.Add(offerEvery)
}

// takeOffer is take for the announce of an offer.
func (r *run) takeOffer(payload []byte, o lan.Origin) func(*Stats) {
	a, err := ParseOfferAnnounce(payload)
	switch {
	case err != nil:
		return func(s *Stats) { s.Junk++ }
	case a.Key == r.self.Key:
		return func(s *Stats) { s.Own++ }
	}
	on, from, ok := r.origin(o)
	if !ok {
		return func(s *Stats) { s.OffLink++ }
	}
	offer := discovery.Offer{Number: a.Number, Key: a.Key, Addr: netip.AddrPortFrom(from, a.Port), Interface: on.Name}
	r.self.Offers.Hear(time.Now(), offer, offerTTL)
	return func(s *Stats) { s.Heard++ }
}
