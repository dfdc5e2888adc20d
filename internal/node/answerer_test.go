package node

import (
	"sync"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// An answerer answers the calls of one session: "echo" at once, "wait" when it is released, others never until the
// session ends. "panic" makes the session fail.
type answerer struct {
	node *testNode
	link *session.Link

	mu      sync.Mutex // guards the rest
	waiting map[envelope.CallID]bool
	pending int
	ended   bool
}

// answer is what a node serves its sessions with.
func (n *testNode) answer(l *session.Link) session.Inbound {
	a := &answerer{node: n, link: l, waiting: make(map[envelope.CallID]bool)}
	n.mu.Lock()
	n.answerers = append(n.answerers, a)
	n.mu.Unlock()
	return a
}

// Call implements session.Inbound.
func (a *answerer) Call(e *envelope.Envelope) error {
	if string(e.Name) == "panic" {
		panic("on purpose")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return nil
	}
	a.pending++
	if string(e.Name) == "echo" {
		go a.reply(e.ID)
		return nil
	}
	a.waiting[e.ID] = true
	return nil
}

func (a *answerer) reply(id envelope.CallID) {
	a.link.Reply(id, "result", nil)
	a.mu.Lock()
	a.pending--
	a.mu.Unlock()
	a.link.CheckDrained()
}

// release answers the calls that wait at a node, and returns how many there were.
func (n *testNode) release() (count int) {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.answerers {
		a.mu.Lock()
		for id := range a.waiting {
			count++
			go a.reply(id)
		}
		clear(a.waiting)
		a.mu.Unlock()
	}
	return count
}

// Begin implements session.Inbound.
func (a *answerer) Begin() {}

// Send implements session.Inbound.
func (a *answerer) Send(*envelope.Envelope) {}

// Cancel implements session.Inbound.
func (a *answerer) Cancel(envelope.CallID) {}

// OpenChain implements session.Inbound.
func (a *answerer) OpenChain(*envelope.Envelope, int) bool { return true }

// Discard implements session.Inbound.
func (a *answerer) Discard(*envelope.Envelope) error { return nil }

// CloseChain implements session.Inbound.
func (a *answerer) CloseChain() {}

// EndRequests implements session.Inbound.
func (a *answerer) EndRequests() {}

// Pending implements session.Inbound.
func (a *answerer) Pending() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pending
}

// Close implements session.Inbound.
func (a *answerer) Close(envelope.Reason) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	clear(a.waiting)
}
