package node

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A chaosNode is a machine with an identity, on which a node runs or does not. Its fields are the driver's alone.
type chaosNode struct {
	*testNode
	c     *chaos
	life  *life         // nil: no node runs
	ended chan struct{} // closed when nothing is left of the last life
	twin  *chaosNode    // the node whose key this one has too; nil: it has a key of its own

	trusted map[identity.PublicKey]*trusted // guarded by c.mu
}

// A trusted says when a node trusted a key.
type trusted struct {
	now   bool
	until time.Time // when that was last taken away
}

// A life is a node from one start to its stop.
type life struct {
	*chaosNode
	id        int
	boot      [8]byte
	directory *peers.Directory
	server    *serve.Server
	ctx       context.Context // ends with the life, or when no call is to begin any more
	cancel    func()
	talk      chan struct{} // closed when no call of this life is in flight
	asked     []asked

	// Guarded by c.mu.
	opened []*opened
	sends  map[*life]map[*opened]uint64 // the latest send that was handled, by sender and by what brought it
	turns  map[identity.PublicKey]int   // how often a peer was connected or disconnected
}

// An asked is a Connect.
type asked struct {
	at     time.Time
	to     string
	answer <-chan error
}

// An opened is a session that was admitted, and what serves it.
type opened struct {
	*serve.Session
	life     *life
	link     *session.Link
	at       time.Time
	seal     int // its place among all sealed of the history, from 1; 0: it may still bring sends
	sealedAt time.Time
	closed   bool
}

// add makes a node that trusts no key and does not run. If twin is not nil it has the same key.
func (c *chaos) add(name string, twin *chaosNode) *chaosNode {
	n := &chaosNode{testNode: c.node(name), c: c, twin: twin, ended: make(chan struct{}), trusted: make(map[identity.PublicKey]*trusted)}
	close(n.ended)
	if twin != nil {
		n.keys, n.key = twin.keys, twin.key
		n.trust = trust.NewSet(trust.WithSelf(n.key))
	}
	c.all = append(c.all, n)
	return n
}

// starts begins a life once the one before has ended.
func (n *chaosNode) starts() {
	c := n.c
	select {
	case <-n.ended:
	default:
		c.Fatalf("seed %d: %s has not stopped in the time that it had", c.seed, n.name)
	}
	c.note("%s starts", n.name)
	c.mu.Lock()
	c.lives++
	l := &life{chaosNode: n, id: c.lives, talk: make(chan struct{}), sends: make(map[*life]map[*opened]uint64), turns: make(map[identity.PublicKey]int)}
	c.mu.Unlock()
	l.ctx, l.cancel = context.WithCancel(c.talking)
	l.server = serve.New(serve.Config{Clock: later, Log: c.world.log, Pool: c.Pool, Rand: zeros{}, Calls: 256, CallBytes: 8 << 20, Streams: 1024, StreamBytes: 64 << 20, Sends: 1024, SendBytes: 8 << 20})
	l.handle()
	n.life, n.adjust = l, l.adjust
	n.ended = make(chan struct{})
	n.start()
	l.directory, l.boot = n.testNode.directory, n.session.Hello.Boot
	go l.talks()
}

// adjust makes the node listen on all addresses of its machine, as those change, and adds what its history wants.
func (l *life) adjust(n *Config) {
	_ = n.Listener.Listener.Close()
	var err error
	if n.Listener.Listener, err = l.host.Listen(l.c.Context(), "tcp", fmt.Sprintf(":%d", l.addr.Port())); err != nil {
		l.c.Fatal(err)
	}
	tell := n.Tell
	n.Tell = func(m any) {
		l.hears(m)
		tell(m)
	}
	n.Peers.Session.Serve = l.open
	n.Clock, n.Finder.Clock, n.Peers.Clock, n.Peers.Session.Clock = later, later, later, later
	l.c.temper.adjust(n, l.host)
}

// A laterClock fires no timer at once: two that do so at the same time crash the race detector in a bubble
// (golang/go#78156).
type laterClock struct{ clock.Clock }

var later = laterClock{clock.System}

// AfterFunc implements clock.Clock.
func (c laterClock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return c.Clock.AfterFunc(max(d, time.Nanosecond), f)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// stopSlack is how much longer than the time it has a stop may take.
const stopSlack = time.Second

// stops ends the life in the background. In good order it must succeed within the time.
func (n *chaosNode) stops(within time.Duration, inOrder bool) {
	l := n.life
	if l == nil {
		return
	}
	n.life = nil
	if by := time.Now().Add(within + stopSlack); by.After(n.c.stopped) {
		n.c.stopped = by
	}
	go func() {
		defer close(n.ended)
		l.end(within, inOrder)
	}()
}

// end ends the life, and checks that nothing is left of it.
func (l *life) end(within time.Duration, inOrder bool) {
	c := l.c
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	l.cancel()
	l.unwatch()
	err := l.Node.Stop(ctx)
	l.Node = nil
	if err != nil {
		l.server.DropSends()
		if inOrder {
			c.Errorf("seed %d: %s could not stop in order within %v: %v", c.seed, l.name, within, err)
		}
	}
	l.server.Wait()
	select {
	case <-l.talk:
	case <-after(time.Minute):
		c.Errorf("seed %d: %s has stopped, and a call of it has not ended", c.seed, l.name)
	}
	for key := range l.connected {
		c.Errorf("seed %d: %s has stopped, and never said that %s is disconnected", c.seed, l.name, c.names[key])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range l.opened {
		if !o.closed {
			c.Errorf("seed %d: %s has stopped, and a session with %s was never closed", c.seed, l.name, c.names[o.link.Remote()])
		}
	}
}

// after returns a channel that is closed after some time.
func after(d time.Duration) <-chan struct{} {
	due := make(chan struct{})
	time.AfterFunc(d, func() { close(due) })
	return due
}

// hears is told every event of the node.
func (l *life) hears(m any) {
	c := l.c
	switch m := m.(type) {
	case peers.Up:
		c.note("%s: %s is connected: %v at %v", l.name, c.names[m.Key], m.Role, m.Addr)
		l.turn(m.Key, "connected")
	case peers.Down:
		c.note("%s: %s is disconnected: %s, by peer %v, %v", l.name, c.names[m.Key], m.Reason, m.ByPeer, m.Err)
		l.turn(m.Key, "disconnected: "+string(m.Reason))
	case peers.Conflict:
		c.note("%s: conflict about %s: %v and %v, by peer %v", l.name, c.names[m.Key], m.Older, m.Newer, !m.By.IsZero())
		c.count("conflicts")
		if !c.cloned.Load() {
			c.Errorf("seed %d: %s: conflict about %s, which is in use once", c.seed, l.name, c.names[m.Key])
		}
	}
}

func (l *life) turn(key identity.PublicKey, what string) {
	l.c.count(what)
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.turns[key]++
}

// open is called by a session that is admitted.
func (l *life) open(link *session.Link) session.Inbound {
	c, now := l.c, time.Now()
	o := &opened{Session: l.server.Open(link), life: l, link: link, at: now}
	c.mu.Lock()
	defer c.mu.Unlock()
	l.opened = append(l.opened, o)
	c.counts["sessions"]++
	if !l.trusts(link.Remote(), now) {
		c.Errorf("seed %d: %s admits a session with %s, which it does not trust", c.seed, l.name, c.names[link.Remote()])
	}
	return o
}

// trusts says whether a key was trusted at a time, or since. c.mu is held.
func (n *chaosNode) trusts(key identity.PublicKey, since time.Time) bool {
	t := n.trusted[key]
	return t != nil && (t.now || !t.until.Before(since))
}

// gives gives trust.
func (n *chaosNode) gives(key identity.PublicKey) {
	n.c.mu.Lock()
	t := n.trusted[key]
	if t == nil {
		t = new(trusted)
		n.trusted[key] = t
	}
	t.now = true
	n.c.mu.Unlock()
	if err := n.trust.Add(trust.Peer{Key: key}); err != nil {
		n.c.Error(err)
	}
}

// takes takes trust away.
func (n *chaosNode) takes(key identity.PublicKey) {
	if _, err := n.trust.Remove(key); err != nil {
		n.c.Error(err)
	}
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if t := n.trusted[key]; t != nil && t.now {
		t.now, t.until = false, time.Now()
	}
}

// EndRequests implements session.Inbound.
func (o *opened) EndRequests() {
	o.sealing()
	o.Session.EndRequests()
}

// Close implements session.Inbound.
func (o *opened) Close(reason envelope.Reason) {
	o.sealing()
	c := o.life.c
	c.mu.Lock()
	o.closed = true
	if reason == envelope.ReasonProtocol && !c.tampered {
		c.Errorf("seed %d: %s: the session with %s ended for a violation of the protocol", c.seed, o.life.name, c.names[o.link.Remote()])
	}
	c.counts[fmt.Sprintf("ended %s", reason)]++
	c.mu.Unlock()
	o.Session.Close(reason)
}

func (o *opened) sealing() {
	c := o.life.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.seal == 0 {
		c.seals++
		o.seal, o.sealedAt = c.seals, time.Now()
	}
}
