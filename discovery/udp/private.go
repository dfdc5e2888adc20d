package udp

import (
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
	"github.com/seed-f6ddb928/peernet-go/private"
)

// maxSenders bounds the addresses with a limiter of their own. The others share one.
const maxSenders = 1024

// perSender limits the private announces of one address. A node sends one for every 16 of its peers, every five seconds and
// more often when it starts.
var perSender = limiter.Rate{Burst: 64, Every: time.Second / 32}

// A covert is what a run remembers in private mode. It is not safe for concurrent use.
type covert struct {
	own     [2]map[nonce]struct{} // of what was sent in this round of announces and in the last, which may still come back
	all     limiter.Bucket
	senders *limiter.Keys[netip.Addr, limiter.Bucket, *limiter.Bucket]
}

type nonce [private.NonceSize]byte

func newCovert() *covert {
	return &covert{senders: limiter.NewKeys[netip.Addr, limiter.Bucket](maxSenders)}
}

// begin begins a round of announces.
func (c *covert) begin() { c.own[0], c.own[1] = make(map[nonce]struct{}), c.own[0] }

// sent notes datagrams of this round.
func (c *covert) sent(list [][]byte) {
	for _, datagram := range list {
		if p, err := private.ParsePacket(datagram); err == nil {
			c.own[0][p.Nonce()] = struct{}{}
		}
	}
}

func (c *covert) isOwn(n nonce) bool {
	_, now := c.own[0][n]
	_, before := c.own[1][n]
	return now || before
}

// allows reports whether a datagram from src may be looked at, which means to compare it with this many keys: three HMACs for
// each (wire.md §8.3).
func (c *covert) allows(now time.Time, src netip.Addr, keys int) bool {
	return c.senders.Of(now, src).Take(now, perSender) && c.all.Take(now, limiter.RateForKeys(keys))
}

// takePrivate is take in private mode: wire.md §8.3.
func (r *run) takePrivate(payload []byte, o lan.Origin) func(*Stats) {
	packet, err := private.ParsePacket(payload)
	if err != nil {
		return func(s *Stats) { s.Junk++ }
	}
	on, from, ok := r.origin(o)
	if !ok {
		return func(s *Stats) { s.OffLink++ }
	}
	r.mu.Lock()
	own := r.covert.isOwn(packet.Nonce())
	allowed := !own && r.covert.allows(time.Now(), from, r.self.Private.Len())
	r.mu.Unlock()
	switch {
	case own:
		return func(s *Stats) { s.Own++ }
	case !allowed:
		return func(s *Stats) { s.Excess++ }
	}
	// Recognised or not: answers to peers alone would reveal who they are.
	defer r.heard(heardKey{addr: netip.AddrPortFrom(from, 0), on: on.Index})
	key, port, err := r.self.Private.Hear(payload)
	if err != nil {
		return func(s *Stats) { s.Unknown++ }
	}
	r.sight(discovery.Sighting{Key: key, Addr: netip.AddrPortFrom(from, port), Interface: on.Name, TTL: announceTTL})
	return func(s *Stats) { s.Heard++ }
}
