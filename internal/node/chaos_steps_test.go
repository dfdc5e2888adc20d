package node

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// steps is what may happen, and how often each does compared with the others.
var steps = []struct {
	name   string
	weight int
	do     func(*chaos)
}{
	{"find", 12, (*chaos).find},
	{"lie", 2, (*chaos).lie},
	{"lose", 2, (*chaos).lose},
	{"connect", 8, (*chaos).connects},
	{"reset", 6, (*chaos).resets},
	{"cut", 8, (*chaos).cuts},
	{"cut one way", 6, (*chaos).cutsOneWay},
	{"partition", 5, (*chaos).partitions},
	{"heal", 3, (*chaos).heals},
	{"delay", 5, (*chaos).delays},
	{"trickle", 3, (*chaos).trickles},
	{"tamper", 5, (*chaos).tampers},
	{"move", 5, (*chaos).moves},
	{"stop", 5, (*chaos).stop},
	{"kill", 5, (*chaos).kill},
	{"crash", 5, (*chaos).crash},
	{"trust", 12, (*chaos).trusts},
	{"clone", 2, (*chaos).clone},
}

// one draws a node, two draws two.
func (c *chaos) one() *chaosNode { return c.all[c.draw(len(c.all))] }

func (c *chaos) two() (x, y *chaosNode) {
	i := c.draw(len(c.all))
	j := (i + 1 + c.draw(len(c.all)-1)) % len(c.all)
	return c.all[i], c.all[j]
}

// finds lets discovery find a key.
func (n *chaosNode) finds(key identity.PublicKey, addr netip.AddrPort) {
	if n.life != nil {
		n.c.note("%s hears of %s at %v", n.name, n.c.names[key], addr)
		n.manual.Found(key, addr)
	}
}

// find lets one node find another, or both each other.
func (c *chaos) find() {
	x, y := c.two()
	both := c.chance(50)
	x.finds(y.key, y.addr)
	if both {
		y.finds(x.key, x.addr)
	}
}

// lie announces a node at an address where another one is, or none.
func (c *chaos) lie() {
	x, y := c.two()
	at := netip.AddrPortFrom(c.free(), 7100)
	if c.chance(50) {
		at = c.one().addr
	}
	x.finds(y.key, at)
}

// lose lets discovery lose what it may not have found.
func (c *chaos) lose() {
	if x, y := c.two(); x.life != nil {
		c.note("%s hears no more of %s at %v", x.name, y.name, y.addr)
		x.manual.Lost(y.key, y.addr)
	}
}

// connects asks for a connection, by an address or by none.
func (c *chaos) connects() {
	x, y := c.two()
	if c.chance(30) {
		x.asks(y)
	} else {
		x.asks(y, y.addr)
	}
}

func (n *chaosNode) asks(o *chaosNode, addrs ...netip.AddrPort) {
	if n.life != nil {
		n.c.note("%s is to connect to %s at %v", n.name, o.name, addrs)
		n.life.asked = append(n.life.asked, asked{time.Now(), o.name, n.connect(o.testNode, addrs...)})
	}
}

// moves gives a machine another address. Some hear of it.
func (c *chaos) moves() {
	x := c.one()
	old := x.addr
	x.settles(c.free())
	for _, o := range c.all {
		if found, lost, wait := c.chance(60), c.chance(50), c.pause(); o.key != x.key {
			c.plan(wait, func() {
				if found {
					o.finds(x.key, x.addr)
				}
				if lost && o.life != nil {
					o.manual.Lost(x.key, old)
				}
			})
		}
	}
}

// settles moves a machine to an address.
func (n *chaosNode) settles(at netip.Addr) {
	n.c.note("%s moves to %v", n.name, at)
	n.addr = netip.AddrPortFrom(at, n.addr.Port())
	n.host.SetAddrs(at)
}

// stop stops a node in good order, whether that succeeds in the time it has or not.
func (c *chaos) stop() {
	x, within := c.one(), c.pause()
	if x.life == nil {
		return
	}
	c.note("%s stops, in at most %v", x.name, within)
	x.stops(within, false)
	c.again(x, within+stopSlack)
}

// kill stops a node without a chance to say so. Its machine closes its connections.
func (c *chaos) kill() {
	x := c.one()
	if x.life == nil {
		return
	}
	c.note("%s is killed", x.name)
	x.stops(0, false)
	c.again(x, stopSlack)
}

// crash takes a machine away without notice. It may come back elsewhere.
func (c *chaos) crash() {
	x := c.one()
	if x.life == nil {
		return
	}
	c.note("%s crashes", x.name)
	x.host.Crash()
	x.stops(0, false)
	back, to := c.pause(), x.addr.Addr()
	if c.chance(40) {
		to = c.free()
	}
	c.plan(back, func() {
		if to != x.addr.Addr() {
			to = c.free()
			x.settles(to)
		}
		c.note("%s's machine is back", x.name)
		x.host.Restart()
	})
	c.again(x, back+stopSlack)
}

// again starts a node after some time, or, now and then, leaves that to the end. Some hear of it, and it of some.
func (c *chaos) again(x *chaosNode, least time.Duration) {
	if x.twin != nil || c.chance(15) {
		return
	}
	c.plan(least+c.pause(), func() {
		x.starts()
		for _, o := range c.all {
			if c.chance(60) && o.key != x.key {
				x.finds(o.key, o.addr)
			}
			if c.chance(60) && o.key != x.key {
				o.finds(x.key, x.addr)
			}
		}
	})
}

// trusts changes trust: at one node, or at both at nearly the same time. What was taken away is often given again.
func (c *chaos) trusts() {
	x, y := c.two()
	both, again, wait := c.chance(40), c.chance(60), c.pause()
	if x.key == y.key {
		return
	}
	c.toggle(x, y)
	if both {
		c.toggle(y, x)
	}
	if again {
		c.plan(wait, func() {
			c.give(x, y)
			if both {
				c.give(y, x)
			}
		})
	}
}

func (c *chaos) toggle(x, y *chaosNode) {
	if !x.trust.Contains(y.key) {
		c.give(x, y)
		return
	}
	c.note("%s trusts %s no more", x.name, c.names[y.key])
	x.takes(y.key)
}

func (c *chaos) give(x, y *chaosNode) {
	c.note("%s trusts %s", x.name, c.names[y.key])
	x.gives(y.key)
}

// clone starts a node on another machine with the key of one that may run. There is one clone at most.
func (c *chaos) clone() {
	x := c.one()
	if c.temper.idle > 0 || c.cloned.Swap(true) {
		return
	}
	n := c.add(fmt.Sprintf("%s'", x.name), x)
	for _, p := range x.trust.List() {
		n.gives(p.Key)
	}
	n.starts()
	for _, o := range c.all {
		if c.chance(60) && o.key != n.key {
			n.finds(o.key, o.addr)
		}
		if c.chance(60) && o.key != n.key {
			o.finds(n.key, n.addr)
		}
	}
	if c.chance(60) {
		c.plan(c.pause(), func() {
			c.note("%s stops", n.name)
			n.stops(time.Second, false)
		})
	}
}
