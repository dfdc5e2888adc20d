package node

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// An agenda is a list of actions, the earliest first.
type agenda []task

type task struct {
	at time.Time
	do func()
}

// plan adds an action that is due after a time, behind those that are due at the same moment.
func (c *chaos) plan(wait time.Duration, do func()) {
	at := time.Now().Add(wait)
	i := slices.IndexFunc(c.agenda, func(t task) bool { return t.at.After(at) })
	if i < 0 {
		i = len(c.agenda)
	}
	c.agenda = slices.Insert(c.agenda, i, task{at, do})
}

// work carries out the actions that are due until a time.
func (c *chaos) work(until time.Time) {
	for len(c.agenda) > 0 && !c.agenda[0].at.After(until) {
		t := c.agenda[0]
		c.agenda = c.agenda[1:]
		time.Sleep(time.Until(t.at))
		t.do()
	}
	time.Sleep(time.Until(until))
}

// draw returns a number in [0, n). chance returns true in the given percentage of cases.
func (c *chaos) draw(n int) int          { return c.rand.IntN(n) }
func (c *chaos) chance(percent int) bool { return c.draw(100) < percent }

// pause draws a time.
func (c *chaos) pause() time.Duration {
	d := c.temper.pauses[c.draw(len(c.temper.pauses))]
	return time.Duration(c.rand.Int64N(int64(d) + 1))
}

// sizes is how many nodes a history has: small ones cost less, and find as much.
var sizes = []int{2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 5, 6, 8}

// A temper is what all of a history is like.
type temper struct {
	base   time.Duration // delay of the network without faults; up to jitter is added
	jitter time.Duration
	pauses []time.Duration // how long at most it takes until something happens, or ends
	hushed bool            // no calls and no sends in the minute in which nothing happens
	looks  bool            // nodes look at the interfaces of their machines
	rotate time.Duration   // age at which sessions are replaced; 0: they are not
	worn   uint64          // messages after which they are; 0: they are not
	idle   time.Duration   // after which unused sessions end; 0: they do not
	peers  int             // that a node connects to at most, with two sessions each; 0: there is no bound
}

// drawTemper draws the temper of a history with that many nodes.
func (c *chaos) drawTemper(size int) {
	t := temper{hushed: c.chance(50), looks: c.chance(50)}
	// As likely less than 100 ms as seconds, or more than it takes to notice that a peer is silent.
	t.pauses = []time.Duration{0, 100 * time.Millisecond, 3 * time.Second, 40 * time.Second}
	if c.chance(30) {
		t.pauses = []time.Duration{0, 10 * time.Millisecond, time.Second}
	}
	if c.chance(50) {
		t.base, t.jitter = time.Duration(c.draw(40))*time.Millisecond, []time.Duration{20, 400}[c.draw(2)]*time.Millisecond
	}
	if c.chance(30) {
		t.rotate = time.Duration(10+c.draw(110)) * time.Second
	}
	if c.chance(20) {
		t.worn = 50 + c.rand.Uint64N(300)
	}
	if c.chance(10) {
		t.idle, t.hushed = 20*time.Second, true
	}
	if c.chance(15) {
		t.peers = size - 1
	}
	c.temper = t
}

// adjust makes the node of a machine so.
func (t temper) adjust(n *Config, h *memnet.Host) {
	n.Peers.RotateAfter, n.Peers.IdleAfter, n.Peers.MaxPeers, n.Peers.MaxSessions = t.rotate, t.idle, t.peers, 2*t.peers
	n.Peers.Session.MaxMessages = t.worn
	if !t.looks {
		return
	}
	n.Interfaces = func() ([]discovery.Interface, error) {
		list, err := h.Interfaces()
		found := make([]discovery.Interface, len(list))
		for i, e := range list {
			found[i] = discovery.Interface(e)
		}
		return found, err
	}
}

// ordinaryDelay ends an extraordinary one.
func (c *chaos) ordinaryDelay() { c.net.SetDelay(c.temper.base, c.temper.jitter) }

// populate makes the nodes, draws their trust sets, and starts them.
func (c *chaos) populate() {
	size := sizes[c.draw(len(sizes))]
	if size == 6 {
		size += c.draw(2)
	}
	c.drawTemper(size)
	c.note("%d nodes, %+v", size, c.temper)
	c.names = make(map[identity.PublicKey]string)
	for i := range size {
		n := c.add(fmt.Sprintf("%c", 'a'+i), nil)
		c.names[n.key] = n.name
		c.keys = append(c.keys, n.key)
	}
	for i, x := range c.all {
		for _, y := range c.all[:i] {
			switch p := c.draw(20); {
			case p < 15:
				x.gives(y.key)
				y.gives(x.key)
			case p < 17:
				x.gives(y.key)
			case p < 19:
				y.gives(x.key)
			}
		}
	}
	c.ordinaryDelay()
	for _, n := range c.all {
		n.starts()
		for _, o := range c.all {
			if o != n && c.chance(50) {
				n.finds(o.key, o.addr)
			}
		}
	}
}

// disturb lets everything happen, for a minute or more.
func (c *chaos) disturb() {
	weights := 0
	for _, s := range steps {
		weights += s.weight
	}
	for range 6 + c.draw(14) {
		c.work(time.Now().Add(c.pause()))
		w := c.draw(weights)
		for _, s := range steps {
			if w -= s.weight; w < 0 {
				c.count("step " + s.name)
				s.do(c)
				break
			}
		}
	}
	c.work(time.Now().Add(c.pause()))
}

// calm ends every fault. Nodes that do not run are started, most of them, and each node is found where it is.
func (c *chaos) calm() {
	c.agenda = nil
	time.Sleep(time.Until(c.stopped))
	c.net.HealAll()
	c.ordinaryDelay()
	c.net.SetTrickle(0, 0)
	c.net.SetTamper(nil)
	c.note("calm")
	for _, n := range c.all {
		n.host.Restart()
		switch {
		case n.life != nil && n.twin != nil && c.chance(60):
			c.note("%s stops for good", n.name)
			n.stops(time.Second, false)
		case n.life == nil && n.twin == nil && c.chance(80):
			n.starts()
		}
	}
	for _, n := range c.all {
		for _, o := range c.all {
			if n.life != nil && o.life != nil && n.key != o.key {
				n.finds(o.key, o.addr)
			}
		}
	}
}

// free draws an address that no host has; one that a host had before will do. That of the next host is kept for it.
func (c *chaos) free() netip.Addr {
	for {
		last := 1 + c.draw(3*len(c.all))
		a := netip.AddrFrom4([4]byte{10, 0, 0, byte(last)})
		if last != len(c.all)+1 && !slices.ContainsFunc(c.all, func(n *chaosNode) bool { return n.addr.Addr() == a }) {
			return a
		}
	}
}
