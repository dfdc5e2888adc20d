package node

import (
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// What may happen to the network. All of it but a reset ends by itself.

func (c *chaos) resets() {
	x, y := c.two()
	c.note("reset between %s and %s: %d", x.name, y.name, c.net.Reset(x.host, y.host))
}

func (c *chaos) cuts() {
	x, y := c.two()
	d := c.pause()
	c.note("cut between %s and %s for %v", x.name, y.name, d)
	c.net.Cut(x.host, y.host)
	c.plan(d, func() { c.heal(x, y) })
}

func (c *chaos) cutsOneWay() {
	x, y := c.two()
	d := c.pause()
	c.note("cut from %s to %s for %v", x.name, y.name, d)
	c.net.CutOneWay(x.host, y.host)
	c.plan(d, func() { c.heal(x, y) })
}

func (c *chaos) heal(x, y *chaosNode) {
	c.note("healed between %s and %s", x.name, y.name)
	c.net.Heal(x.host, y.host)
}

// partitions divides the nodes into two groups.
func (c *chaos) partitions() {
	var group []*memnet.Host
	var names string
	for _, n := range c.all {
		if c.chance(50) {
			group, names = append(group, n.host), names+n.name
		}
	}
	d := c.pause()
	c.note("partition: %q and the rest, for %v", names, d)
	c.net.Partition(group)
	c.plan(d, func() {
		c.note("no partition")
		c.net.Partition()
	})
}

func (c *chaos) heals() {
	c.note("all healed")
	c.net.HealAll()
}

func (c *chaos) delays() {
	base, jitter := time.Duration(c.draw(700))*time.Millisecond, time.Duration(c.draw(700))*time.Millisecond
	d := c.pause()
	c.note("delay of %v to %v for %v", base, base+jitter, d)
	c.net.SetDelay(base, jitter)
	c.plan(d, func() {
		c.note("ordinary delay")
		c.ordinaryDelay()
	})
}

func (c *chaos) trickles() {
	chunk, every := 16+c.draw(500), time.Duration(1+c.draw(100))*time.Millisecond
	d := c.pause()
	c.note("trickle: %d bytes in %v, for %v", chunk, every, d)
	c.net.SetTrickle(chunk, every)
	c.plan(d, func() {
		c.note("no trickle")
		c.net.SetTrickle(0, 0)
	})
}

// tampers changes a bit of what one node writes next to another.
func (c *chaos) tampers() {
	x, y := c.two()
	from, to := x.addr.Addr(), y.addr.Addr()
	byteOf, bit, d := c.draw(1<<16), byte(1)<<c.draw(8), c.pause()
	done := false
	c.note("tampering from %s to %s within %v", x.name, y.name, d)
	c.net.SetTamper(func(src, dst netip.AddrPort, stream uint64, offset int64, b []byte) {
		if src.Addr() != from || dst.Addr() != to || len(b) == 0 {
			return
		}
		c.mu.Lock()
		first := !done
		done, c.tampered = true, true
		c.mu.Unlock()
		if first {
			i := byteOf % len(b)
			b[i] ^= bit
			c.note("tampered: byte %d of connection %d", offset+int64(i), stream)
		}
	})
	c.plan(d, func() { c.net.SetTamper(nil) })
}
