package udp

import (
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// fail counts an error, if there is one, that stops nothing.
func (r *run) fail(err error) {
	if err != nil {
		r.counters.Count(func(s *Stats) { s.OtherErrors, s.LastError = s.OtherErrors+1, err })
	}
}

// giveUp ends the run: a socket cannot be read any more.
func (r *run) giveUp(err error) { r.failed <- err }

// hear reports the sender of one datagram, and counts what has become of it.
func (r *run) hear(payload []byte, o lan.Origin) {
	if r.covert != nil {
		r.counters.Count(r.takePrivate(payload, o))
	} else {
		r.counters.Count(r.take(payload, o))
	}
}

// take checks one datagram as wire.md §8.1 and §8.4 say, the cheapest checks first, and reports its sender, or the offer. It
// returns how to count the datagram.
func (r *run) take(payload []byte, o lan.Origin) func(*Stats) {
	var a OfferAnnounce // with number 0: of a node
	var err error
	if len(payload) == OfferSize {
		a, err = ParseOfferAnnounce(payload)
	} else {
		a.Announce, err = ParseAnnounce(payload)
	}
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
	at := netip.AddrPortFrom(from, a.Port)
	if a.Number != 0 {
		offer := discovery.Offer{Number: a.Number, Key: a.Key, Addr: at, Interface: on.Name}
		r.self.Offers.Hear(time.Now(), offer, offerTTL)
	} else {
		r.sight(discovery.Sighting{Key: a.Key, Addr: at, Interface: on.Name, TTL: announceTTL})
		r.heard(heardKey{a.Key, at, on.Index})
	}
	return func(s *Stats) { s.Heard++ }
}

// origin returns where a datagram came from.
func (r *run) origin(o lan.Origin) (on discovery.Interface, at netip.Addr, ok bool) {
	index, _ := o.Interface()
	return origin(*r.using.Load(), index, o.Src.Addr().Unmap())
}

// heard makes the loop answer a key if it is heard for the first time.
func (r *run) heard(k heardKey) {
	if r.self.ListenOnly {
		return
	}
	r.mu.Lock()
	fresh := r.answers.hear(time.Now(), k, r.options.Jitter())
	r.mu.Unlock()
	if !fresh {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default: // it wakes already
	}
}
