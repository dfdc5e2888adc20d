package discovery

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of the offers that are remembered, a hundred bytes each: every machine on a link can forge them.
const (
	maxOffers       = 1024
	maxOffersNumber = 64 // with one number; one more takes the place of one of the host that has most, the one heard longest ago
)

// IsOfferNumber reports whether the number of an offer is one of wire.md §14.3: 10 to 999.
func IsOfferNumber(number uint16) bool { return number >= 10 && number <= 999 }

// An Offer says that a key was heard to offer a pairing by a code (wire.md §14) with this number. Nothing in it is
// authenticated.
type Offer struct {
	Number    uint16 // 10 to 999
	Key       identity.PublicKey
	Addr      netip.AddrPort // where the key is said to listen; IPv6 zones kept
	Interface string         // the network interface that heard it
}

// Offers is where the node says which pairing it offers, and the providers which they have heard of. A nil *Offers has none
// and takes none. It is safe for concurrent use.
type Offers struct {
	mu      sync.Mutex // guards the rest
	own     uint16
	changed chan struct{} // closed when own changes, and by Ask
	news    chan struct{} // closed when an offer is heard that was not known
	heard   map[uint16][]heardOffer
	count   int
}

// A heardOffer is an offer and when it ends.
type heardOffer struct {
	Offer
	until time.Time
}

// NewOffers returns a board with nothing on it.
func NewOffers() *Offers {
	return &Offers{changed: make(chan struct{}), news: make(chan struct{}), heard: make(map[uint16][]heardOffer)}
}

// Own returns the number that providers announce beside the node, 0 if none. In private mode it is always 0.
func (o *Offers) Own() uint16 {
	if o == nil {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.own
}

// SetOwn sets the number that is announced, at once; 0 ends it.
func (o *Offers) SetOwn(number uint16) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.own = number
	o.wake()
}

// Ask makes the providers that can ask do so at once: the node looks for an offer.
func (o *Offers) Ask() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wake()
}

// wake tells the providers that there is something to do. The caller holds mu.
func (o *Offers) wake() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// Changed returns a channel that is closed when Own changes or Ask is called next: for a provider, time to announce and to
// ask. A provider takes the channel before it calls Own, so that it misses nothing. It is nil if o is.
func (o *Offers) Changed() <-chan struct{} {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changed
}

// Hear notes an offer that a provider has heard, for ttl. It does not block.
func (o *Offers) Hear(now time.Time, offer Offer, ttl time.Duration) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.expire(now, offer.Number)
	i := slices.IndexFunc(list, func(h heardOffer) bool { return h.Key == offer.Key && h.Addr == offer.Addr })
	isNew := i < 0
	switch {
	case !isNew, len(list) == maxOffersNumber:
		if isNew {
			i = crowded(list)
		}
		list = slices.Delete(list, i, i+1)
		o.count--
	case o.count >= maxOffers:
		for number := range o.heard { // any other number: a forger of many loses one of its own, most likely
			if number != offer.Number {
				o.count -= len(o.heard[number])
				delete(o.heard, number)
				break
			}
		}
	}
	o.heard[offer.Number] = append(list, heardOffer{offer, now.Add(ttl)})
	o.count++
	if isNew {
		close(o.news)
		o.news = make(chan struct{})
	}
}

// crowded returns the first offer in list of the host that has most in it: one machine does not displace all others.
func crowded(list []heardOffer) (at int) {
	byHost := make(map[netip.Addr]int)
	for _, h := range list {
		byHost[h.Addr.Addr()]++
	}
	for i, h := range list {
		if byHost[h.Addr.Addr()] > byHost[list[at].Addr.Addr()] {
			at = i
		}
	}
	return at
}

// expire forgets the offers with a number that have ended, and returns the others. The caller holds mu.
func (o *Offers) expire(now time.Time, number uint16) []heardOffer {
	list := o.heard[number]
	before := len(list)
	list = slices.DeleteFunc(list, func(h heardOffer) bool { return !now.Before(h.until) })
	o.count -= before - len(list)
	if o.heard[number] = list; len(list) == 0 {
		delete(o.heard, number)
	}
	return list
}

// Find returns the offers with that number that hold, the one heard last first. news is closed when another offer is heard,
// with whatever number.
func (o *Offers) Find(now time.Time, number uint16) (list []Offer, news <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, h := range slices.Backward(o.expire(now, number)) {
		list = append(list, h.Offer)
	}
	return list, o.news
}
