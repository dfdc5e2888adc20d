package udp

import (
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/private"
)

// A covert is what a run remembers in private mode. It is not safe for concurrent use.
type covert struct {
	gate gate
	own  [2]map[nonce]struct{} // of what was sent in this round of announces and in the last, which may still come back
}

type nonce [private.NonceSize]byte

func newCovert(now time.Time) *covert { return &covert{gate: newGate(now)} }

// begin begins a round of announces.
func (c *covert) begin() { c.own[0], c.own[1] = make(map[nonce]struct{}), c.own[0] }

// sent notes datagrams of this round.
func (c *covert) sent(list [][]byte) {
	for _, datagram := range list {
		if p, err := private.ParsePacket(datagram); err == nil {
			c.own[0][p.Nonce] = struct{}{}
		}
	}
}

func (c *covert) isOwn(n nonce) bool {
	_, now := c.own[0][n]
	_, before := c.own[1][n]
	return now || before
}

// hearPrivate looks at one datagram in private mode. The checks are those of wire.md §8.3, the cheapest first.
func (r *run) hearPrivate(s *socket, payload, control []byte, src netip.Addr) {
	packet, err := private.ParsePacket(payload)
	if err != nil {
		r.count.junk.Add(1)
		return
	}
	l := hearing(*r.links.Load(), s.interfaceOf(control), src)
	if l == nil {
		r.count.offLink.Add(1)
		return
	}
	from := l.zoned(src)
	r.mu.Lock()
	own := r.covert.isOwn(packet.Nonce)
	admitted := !own && r.covert.gate.admit(time.Now(), from, r.self.Private.Len())
	r.mu.Unlock()
	switch {
	case own:
		r.count.own.Add(1)
		return
	case !admitted:
		r.count.excess.Add(1)
		return
	}
	key, port, err := r.self.Private.Hear(payload)
	if err == nil {
		r.count.heard.Add(1)
		r.sight(discovery.Sighting{Key: key, Addr: netip.AddrPortFrom(from, port), Interface: l.name, TTL: holds})
	} else {
		r.count.unknown.Add(1)
	}
	// Whoever it is: an answer to peers alone would tell who they are.
	r.heard(voice{addr: netip.AddrPortFrom(from, 0), link: l.index})
}
