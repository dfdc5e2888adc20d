package node

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
)

// How long it may take, once every fault is over, until all nodes are connected that can be (wire.md §7.2, §7.4, §7.5, §8.1).
const (
	noticed      = 25*time.Second + time.Second    // of silence, until it is known that a session is dead, and it is closed
	putOff       = 30*time.Second + 10*time.Second // until the next dial: backoff, and the budget of dials to hints
	dialled      = 5*time.Second + 2*time.Second   // TCP connects to several addresses
	shaken       = 10 * time.Second                // a handshake that hangs
	arbitrated   = 5*time.Second + time.Second     // two sessions
	settleWithin = noticed + putOff + dialled + shaken + arbitrated
	conflictWait = time.Minute      // more, for a node that was told that its key is in use twice
	fullWait     = 40 * time.Second // more, for a peer that was told that there is no room, or found none
)

// holders returns the nodes that run and have a key.
func (c *chaos) holders(key identity.PublicKey) (list []*chaosNode) {
	for _, n := range c.all {
		if n.life != nil && n.key == key {
			list = append(list, n)
		}
	}
	return list
}

// bound returns how long it may take until all nodes are connected that can be.
func (c *chaos) bound() time.Duration {
	d := settleWithin
	if c.cloned.Load() {
		d += conflictWait
	}
	if c.temper.peers > 0 {
		d += fullWait
	}
	return d
}

// settled checks that nodes that trust each other are connected, and no others.
func (c *chaos) settled() {
	c.Helper()
	for i, k := range c.keys {
		for _, l := range c.keys[:i] {
			c.connectedBetween(c.holders(k), c.holders(l))
		}
	}
}

// once checks that two nodes that are connected have one session, when no call is in flight that keeps another one. At this
// moment one may be on its way to be replaced, or a dial to be refused: that is over in a few seconds.
func (c *chaos) once() {
	c.Helper()
	surplus := c.surplus()
	for n := 0; n < 4 && len(surplus) > 0; n++ {
		time.Sleep(3 * time.Second)
		now := c.surplus()
		maps.DeleteFunc(surplus, func(where, _ string) bool { return now[where] == "" })
	}
	for where, what := range surplus {
		c.Errorf("seed %d: %s %s", c.seed, where, what)
	}
}

// surplus returns what there is more than one session for each two nodes that are connected, by nodes.
func (c *chaos) surplus() map[string]string {
	if c.twins() {
		return nil // a node that has been told of the conflict tries again now and then
	}
	all, ends := make(map[string]string), 0
	for i, x := range c.all {
		for _, y := range c.all[:i] {
			if x.life == nil || y.life == nil || !at(x, y) {
				continue
			}
			ends += 2
			lx, ly := x.life.directory.Link(y.key), y.life.directory.Link(x.key)
			if ly == nil || lx.Role() == ly.Role() || lx.Addr().Addr() != y.addr.Addr() || ly.Addr().Addr() != x.addr.Addr() {
				all[x.name+" and "+y.name] = "use two sessions"
			}
			if n, m := x.life.sessionsWith(y.key), y.life.sessionsWith(x.key); n != 1 || m != 1 {
				all[x.name+" and "+y.name] = fmt.Sprintf("have %d and %d sessions", n, m)
			}
		}
	}
	if open := c.net.Stats().Conns; open != ends && c.temper.rotate == 0 {
		all["the network"] = fmt.Sprintf("has %d ends of connections open, want %d", open, ends)
	}
	return all
}

// twins says whether two nodes run that have the same key.
func (c *chaos) twins() bool {
	for _, k := range c.keys {
		if len(c.holders(k)) > 1 {
			return true
		}
	}
	return false
}

// connectedBetween is settled for the nodes of two keys. At most one of the keys has two nodes.
func (c *chaos) connectedBetween(xs, ys []*chaosNode) {
	c.Helper()
	if len(ys) > 1 {
		xs, ys = ys, xs
	}
	if len(xs) == 0 || len(ys) == 0 {
		return
	}
	y, friends, connected := ys[0], 0, 0
	for _, x := range xs {
		friends += btoi(c.mutual(x, y))
	}
	for n := 0; n < 3 && len(xs) > 1; n++ { // for a second, the one that came last may have taken the place of the first
		if connected = connections(xs, y); connected == min(friends, 1) {
			break
		}
		time.Sleep(3 * time.Second)
	}
	if want := min(friends, 1); connected != want && len(xs) > 1 {
		c.Errorf("seed %d: %s is connected to %d of those who have the key of %s, want %d", c.seed, y.name, connected, xs[0].name, want)
	}
	for _, x := range xs {
		for _, way := range [][2]*chaosNode{{x, y}, {y, x}} {
			from, to := way[0], way[1]
			link := from.life.directory.Link(to.key)
			info, _ := from.life.directory.Info(to.key)
			switch {
			case link != nil && friends == 0:
				c.Errorf("seed %d: %s is connected to %s, and they do not trust each other", c.seed, from.name, to.name)
			case len(xs) == 1 && friends == 1 && !at(from, to):
				c.Errorf("seed %d: %s is not connected to %s: %s, %s, next dial at %v, %+v", c.seed, from.name, to.name,
					info.State, info.Reason, info.Next.Sub(c.began), info.Addresses)
			case link == nil && info.State == peers.Connected && len(xs) == 1:
				c.Errorf("seed %d: %s says that it is connected to %s, and has no session", c.seed, from.name, to.name)
			}
		}
	}
}

// connections returns with how many of several nodes another one is connected.
func connections(xs []*chaosNode, y *chaosNode) (n int) {
	for _, x := range xs {
		n += btoi(at(x, y) && at(y, x))
	}
	return n
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mutual says whether two nodes trust each other.
func (c *chaos) mutual(x, y *chaosNode) bool {
	return x.trust.Contains(y.key) && y.trust.Contains(x.key)
}

// at says whether a node's session with the key of another leads to this one, as it runs now.
func at(x, y *chaosNode) bool {
	link := x.life.directory.Link(y.key)
	return link != nil && link.Hello().Boot == y.life.boot
}

func (l *life) sessionsWith(key identity.PublicKey) (n int) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	for _, o := range l.opened {
		if o.link.Remote() == key && !o.closed {
			n++
		}
	}
	return n
}

// A pair is a life and a key that it may be connected to.
type pair struct {
	life *life
	key  identity.PublicKey
}

// turns returns how often each node that runs was connected to each key, or disconnected.
func (c *chaos) turns() map[pair]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[pair]int)
	for _, n := range c.all {
		for _, k := range c.keys {
			if n.life != nil {
				all[pair{n.life, k}] = n.life.turns[k]
			}
		}
	}
	return all
}

// still checks that no node was connected or disconnected since turns were counted, but for a node whose key is in use
// elsewhere: it tries, and is told so.
func (c *chaos) still(before map[pair]int) {
	c.Helper()
	for p, n := range c.turns() {
		if before[p] != n && len(c.holders(p.life.key)) == 1 {
			c.Errorf("seed %d: nothing happens, and %s was connected to or disconnected from %s %d times", c.seed, p.life.name, c.names[p.key], n-before[p])
		}
	}
}

// asleep checks that no node is connected any more.
func (c *chaos) asleep() {
	c.Helper()
	for _, n := range c.all {
		for _, k := range c.keys {
			if n.life != nil && n.life.directory.Link(k) != nil {
				c.Errorf("seed %d: %s is connected to %s, which was not used for a minute", c.seed, n.name, c.names[k])
			}
		}
	}
}

// rouse connects all nodes that can be, after unused sessions have ended.
func (c *chaos) rouse() {
	c.Helper()
	for i, x := range c.all {
		for _, y := range c.all[:i] {
			if x.life != nil && y.life != nil && c.mutual(x, y) {
				x.asks(y, y.addr)
			}
		}
	}
	time.Sleep(10 * time.Second) // of the 20 s after which sessions end
	c.answered()
}

// answered checks that every Connect of a node that still runs was answered.
func (c *chaos) answered() {
	c.Helper()
	for _, n := range c.all {
		if n.life == nil {
			continue
		}
		for _, a := range n.life.asked {
			if len(a.answer) != 1 {
				c.Errorf("seed %d: %s was to connect to %s at %v and has not answered", c.seed, n.name, a.to, a.at.Sub(c.began))
			}
		}
	}
}

// check checks that the histories showed something.
func (t counts) check(test *testing.T, n int) {
	for what, least := range map[string]int{"echo: done": 5 * n, "slow: failed": n / 4, "send: done": 10 * n, "sessions": 8 * n, "connected": 8 * n,
		"ended lost": n / 2, "ended unresponsive": n / 4, "ended revoked": n / 4, "ended rotated": n / 4, "conflicts": n / 40} {
		if t[what] < least {
			test.Errorf("%q happened %d times in %d histories: too few to show anything", what, t[what], n)
		}
	}
}
