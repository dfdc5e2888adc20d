package peertest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// maxEvents bounds the events that a node keeps for AwaitEvent. The oldest go first.
const maxEvents = 4096

// A condition is looked at when something happens to a node, and again after a part of the time that it has been waited for.
const (
	lookPart  = 64
	lookFirst = time.Millisecond
	lookLast  = 100 * time.Millisecond
)

// AwaitConnected waits until every two of these nodes are connected, in the opinion of both; where one was restarted, until
// each has pinged the other. If that does not happen, the test fails and says what each knows of the other. Nodes that have
// not noticed yet that they were cut off are connected.
func (n *Network) AwaitConnected(nodes ...*Node) {
	n.tb.Helper()
	n.awaitAll(nodes, "connected", func(a, b *Node) bool {
		fresh := a.starts == 1 && b.starts == 1 // else one may know the other from its life before
		return a.connected(b) && b.connected(a) && (fresh || a.reaches(b) && b.reaches(a))
	})
}

// AwaitDisconnected waits until the node is connected to none of these others, to none of the network if they are not named,
// in the opinion of both ends. A node that does not run is connected to none.
func (n *Node) AwaitDisconnected(from ...*Node) {
	n.net.tb.Helper()
	if len(from) == 0 {
		from = n.net.nodes
	}
	for _, o := range from {
		if n != o {
			n.net.awaitAll([]*Node{n, o}, "disconnected", func(a, b *Node) bool { return !a.connected(b) && !b.connected(a) })
		}
	}
}

func (n *Network) awaitAll(nodes []*Node, state string, is func(a, b *Node) bool) {
	n.tb.Helper()
	for _, p := range pairs(nodes) {
		a, b := p[0], p[1]
		if !n.wait(func() bool { return is(a, b) }) {
			n.tb.Fatalf("peertest: %s and %s are not %s after %v\n%s", a, b, state, n.patience, n.explain(a, b))
		}
	}
}

// Await waits until a condition of the program under test is true, and fails the test if it does not become so; what says
// which, as part of a sentence: "bob has read the message". It is asked in the goroutine of the caller, whenever something
// happens to a node and now and then: a change is noticed after a 64th of the time waited, a millisecond at first. In a bubble
// it is asked when all other goroutines wait, as by synctest.Wait.
func (n *Network) Await(what string, condition func() bool) {
	n.tb.Helper()
	if !n.wait(condition) {
		n.tb.Fatalf("peertest: waited %v in vain until %s", n.patience, what)
	}
}

// AwaitEvent returns the oldest event of type E that has happened to a node, is matched by all of match, and was not returned
// before. It waits for it if need be, and fails the test if none comes. A node keeps its last 4,096 events, over restarts too.
// match is called with a lock held: it looks at the event alone.
//
//	e := peertest.AwaitEvent[peernet.Disconnected](alice)
func AwaitEvent[E peernet.Event](n *Node, match ...func(E) bool) (found E) {
	n.net.tb.Helper()
	fits := func(e peernet.Event) bool {
		e2, ok := e.(E)
		for _, m := range match {
			ok = ok && m(e2)
		}
		if ok {
			found = e2
		}
		return ok
	}
	if !n.net.wait(func() bool { return n.take(fits) }) {
		n.net.tb.Fatalf("peertest: no event %s happened to %s in %v; what did:%s", found.Kind(), n, n.net.patience, n.story())
	}
	return found
}

// wait waits until a condition is true; false: patience has ended.
func (n *Network) wait(condition func() bool) bool {
	ctx, cancel := n.patient()
	defer cancel()
	for start := time.Now(); ; {
		n.mu.Lock()
		changed := n.changed
		n.mu.Unlock()
		settle()
		if condition() {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		pause, end := context.WithTimeout(ctx, min(max(time.Since(start)/lookPart, lookFirst), lookLast))
		select {
		case <-changed:
		case <-pause.Done():
		}
		end()
	}
}

// settle lets all that can happen now happen, and returns true. Only in a bubble can that be known, where nothing else waits
// for it; elsewhere it returns false at once.
func settle() (settled bool) {
	defer func() { _ = recover() }() // synctest.Wait panics elsewhere, and does nothing before
	synctest.Wait()
	return true
}

// patient returns a context that ends with the network's patience, and not with the test: nodes stop after that.
func (n *Network) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), n.patience)
}

// connected reports whether the node takes itself for connected to another one.
func (n *Node) connected(o *Node) bool {
	p, _ := n.Peer(o.PublicKey())
	return n.running && p.State == peernet.StateConnected
}

// lost reports whether the node trusts another one and has no idea where it is.
func (n *Node) lost(o *Node) bool {
	p, trusted := n.Peer(o.PublicKey())
	return n.running && trusted && p.State == peernet.StateUnknown && len(p.Addresses) == 0
}

// reaches reports whether another node answers.
func (n *Node) reaches(o *Node) bool {
	ctx, cancel := n.net.patient()
	defer cancel()
	_, err := n.Ping(ctx, o.PublicKey())
	return err == nil
}

// record keeps the events of a peernet.Node until it has shut down.
func (n *Node) record(events iter.Seq[peernet.Event]) {
	for e := range events {
		n.net.mu.Lock()
		if len(n.events) == maxEvents {
			n.events = slices.Delete(n.events, 0, 1)
		}
		n.events = append(n.events, e)
		close(n.net.changed)
		n.net.changed = make(chan struct{})
		n.net.mu.Unlock()
	}
}

// take takes the oldest event that fits; false: there is none.
func (n *Node) take(fits func(peernet.Event) bool) bool {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	i := slices.IndexFunc(n.events, fits)
	if i < 0 {
		return false
	}
	n.events = slices.Delete(n.events, i, i+1)
	return true
}

// story lists the events that were not taken, one on each line.
func (n *Node) story() string {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	var b strings.Builder
	for _, e := range n.events {
		_, fields, _ := strings.Cut(fmt.Sprintf("%+v", e), "} ") // what follows the time
		fmt.Fprintf(&b, "\n  after %v: %s %s", e.Time().Sub(n.net.output.start), e.Kind(), strings.TrimSuffix(fields, "}"))
	}
	if len(n.events) == 0 {
		b.WriteString(" nothing")
	}
	return n.net.output.readable(b.String())
}

// explain says what two nodes know of each other, and what the network does to them.
func (n *Network) explain(a, b *Node) string {
	var text strings.Builder
	for _, way := range [][2]*Node{{a, b}, {b, a}} {
		from, to := way[0], way[1]
		fmt.Fprintf(&text, "  %s (%v) about %s: ", from, from.Addr(), to)
		e, err := from.Explain(to.PublicKey())
		switch {
		case !from.running:
			text.WriteString("it does not run")
		case err != nil:
			fmt.Fprintf(&text, "%v; see Network.Trust", err)
		default:
			text.WriteString(strings.ReplaceAll(e.String(), "\n", "\n    "))
		}
		text.WriteString("\n")
	}
	if a.lost(b) && b.lost(a) {
		text.WriteString("  neither has been told where the other is: see Network.Meet and Network.Connect\n")
	}
	if a.running && b.running && !n.mem.Passes(a.host, b.host) {
		text.WriteString("  nothing passes between them, because of Cut or Partition\n")
	}
	return n.output.readable(text.String())
}
