package memnet

import (
	"maps"
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

// conditions are what SetDelay, SetRate and their kin have set. A value is never changed once it is stored.
type conditions struct {
	lag    lag          // of every path that is not among paths
	paths  map[path]lag // nil: there is none
	rate   int          // bytes a second, of every path that is not among rates; 0: any
	rates  map[path]int // nil: there is none
	loss   float64      // of datagrams, from 0 to 1
	chunk  int          // bytes; 0: no trickle
	every  time.Duration
	tamper TamperFunc
}

// A lag is how long packets travel: base and a random part of jitter.
type lag struct{ base, jitter time.Duration }

// on returns how long packets travel from one host to another.
func (c *conditions) on(from, to *Host) lag {
	if l, ok := c.paths[path{from, to}]; ok {
		return l
	}
	return c.lag
}

// direct reports whether bytes arrive at the moment they are written.
func (c *conditions) direct(from, to *Host) bool {
	return c.every == 0 && c.rateOn(from, to) == 0 && c.on(from, to) == lag{}
}

// rateOn returns how many bytes a second leave on a stream from one host to another; 0: any.
func (c *conditions) rateOn(from, to *Host) int {
	if rate, ok := c.rates[path{from, to}]; ok {
		return rate
	}
	return c.rate
}

// delay draws how long one packet travels. to is nil if nobody has the address that it is sent to.
func (c *conditions) delay(r *rand.Rand, from, to *Host) time.Duration {
	l := c.on(from, to)
	if l.jitter > 0 {
		return l.base + time.Duration(r.Int64N(int64(l.jitter)))
	}
	return l.base
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
// host. Bytes of a stream never overtake each other; datagrams do when jitter makes them. Negative values count as 0. It
// replaces what SetDelayBetween has set.
func (n *Network) SetDelay(base, jitter time.Duration) {
	n.set(func(c *conditions) { c.lag, c.paths = lag{max(base, 0), max(jitter, 0)}, nil })
}

// SetDelayBetween is [Network.SetDelay] for what two hosts send each other, until the next SetDelay. A dial takes it by
// who has the address when each packet of it is sent.
func (n *Network) SetDelayBetween(a, b *Host, base, jitter time.Duration) {
	n.set(func(c *conditions) {
		paths := make(map[path]lag, len(c.paths)+2)
		maps.Copy(paths, c.paths)
		paths[path{a, b}] = lag{max(base, 0), max(jitter, 0)}
		paths[path{b, a}] = paths[path{a, b}]
		c.paths = paths
	})
}

// SetRate makes what is written to a stream from now on leave at no more than this many bytes a second, each direction of
// each connection for itself, in packets of at most 1,400 bytes: one arrives when its last byte has left and has travelled.
// 0 or less ends it. Datagrams are not held to it. It replaces what SetRateBetween has set.
func (n *Network) SetRate(bytes int) {
	n.set(func(c *conditions) { c.rate, c.rates = max(bytes, 0), nil })
}

// SetRateBetween is [Network.SetRate] for the streams between two hosts, until the next SetRate.
func (n *Network) SetRateBetween(a, b *Host, bytes int) {
	n.set(func(c *conditions) {
		rates := make(map[path]int, len(c.rates)+2)
		maps.Copy(rates, c.rates)
		rates[path{a, b}], rates[path{b, a}] = max(bytes, 0), max(bytes, 0)
		c.rates = rates
	})
}

// SetLoss makes the network lose that fraction, from 0 to 1, of the datagrams that are sent from now on, each receiver's for itself,
// also within one host. Which ones is drawn from the seed. Streams lose nothing.
func (n *Network) SetLoss(fraction float64) {
	n.set(func(c *conditions) { c.loss = fraction })
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
