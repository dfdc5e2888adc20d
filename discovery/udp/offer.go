package udp

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// OfferSize is the length of the announce of an offer in bytes.
const OfferSize = AnnounceSize + 2

// ErrNumber is returned for the announce of an offer with a number that no offer has.
var ErrNumber = errors.New("offer with a number out of range")

// An OfferAnnounce says that a node offers a pairing by a code with this number: wire.md §14. Nothing in it is authenticated.
type OfferAnnounce struct {
	Announce
	Number uint16 // 10 to 999
}

// Append appends the 41 bytes of a to b: wire.md §8.4. It does not look whether the other side would accept them.
func (a OfferAnnounce) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(a.appendAs(offerMagic, b), a.Number)
}

// ParseOfferAnnounce reads the payload of one datagram: wire.md §8.4. It keeps nothing of b. It fails as [ParseAnnounce]
// does, and with [ErrNumber].
func ParseOfferAnnounce(b []byte) (OfferAnnounce, error) {
	a, err := parseAs(offerMagic, b, OfferSize)
	if err != nil {
		return OfferAnnounce{}, err
	}
	number := binary.BigEndian.Uint16(b[AnnounceSize:])
	if !discovery.IsOfferNumber(number) {
		return OfferAnnounce{}, ErrNumber
	}
	return OfferAnnounce{a, number}, nil
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
