package memnet

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

// A TamperFunc may change bytes in flight: it is given those that were written, before they are queued for delivery, and
// changes b in place; b is its own only until it returns. For a stream, stream is the number of the Dial that made the
// connection, counted from 1 and the same in both directions, from and to tell the direction, and offset is where b[0]
// stands in that direction's bytes. How a stream is cut into calls means nothing. For a datagram stream and offset are 0.
// Addresses carry no zone and IPv4 is never in its IPv6 form.
//
// It is called by the goroutine that writes, with no lock held, so it may use the Network and its connections; calls for
// one direction of one stream come one after the other, others at the same time.
type TamperFunc func(from, to netip.AddrPort, stream uint64, offset int64, b []byte)

// conditions are what SetDelay, SetTrickle and SetTamper have set. A value is never changed once it is stored.
type conditions struct {
	base, jitter time.Duration
	chunk        int // bytes; 0: no trickle
	every        time.Duration
	tamper       TamperFunc
}

// direct reports whether bytes arrive at the moment they are written.
func (c *conditions) direct() bool { return c.base == 0 && c.jitter == 0 && c.every == 0 }

// delay draws how long one packet travels.
func (c *conditions) delay(r *rand.Rand) time.Duration {
	if c.jitter > 0 {
		return c.base + time.Duration(r.Int64N(int64(c.jitter)))
	}
	return c.base
}

// rand returns the source of one sender's jitter: number tells the senders apart.
func (n *Network) rand(number uint64) *rand.Rand {
	return rand.New(rand.NewPCG(n.seed, number))
}

// set changes the conditions, and makes every connection deliver what arrives under the new ones.
func (n *Network) set(change func(*conditions)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := *n.conditions.Load()
	change(&c)
	n.conditions.Store(&c)
	for l := range n.links {
		l.deliver()
	}
}

// SetDelay makes every packet sent from now on travel for base and a random part of jitter, one way, also within one
// host. Bytes of a stream never overtake each other; datagrams do when jitter makes them. Negative values count as 0.
func (n *Network) SetDelay(base, jitter time.Duration) {
	n.set(func(c *conditions) { c.base, c.jitter = max(base, 0), max(jitter, 0) })
}

// SetTrickle makes streams deliver at most chunk bytes at a time, one chunk in each period of every (at most one chunk to
// each Read if every is 0). What was written and has not arrived is held to it too. A chunk of 0 or less ends it.
func (n *Network) SetTrickle(chunk int, every time.Duration) {
	n.set(func(c *conditions) {
		c.chunk, c.every = chunk, max(every, 0)
		if chunk <= 0 {
			c.chunk, c.every = 0, 0
		}
	})
}

// SetTamper passes what is written from now on to f, which may change it. Nil ends it.
func (n *Network) SetTamper(f TamperFunc) {
	n.set(func(c *conditions) { c.tamper = f })
}
