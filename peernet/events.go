package peernet

import (
	"context"
	"iter"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// An Event is one of the types below, as a value.
type Event interface {
	Kind() string    // "found", "lost", "connected", …: does not change
	Time() time.Time // when it happened
}

// At is when an event happened. Its field is exported, so that an event that is printed or written as JSON tells its time.
type At struct{ When time.Time }

// Time implements Event.
func (a At) Time() time.Time { return a.When }

type (
	// Found says that a provider sees a key that no provider saw before, trusted or not. Nothing is proved.
	Found struct {
		At
		Peer      identity.PublicKey
		Addr      netip.AddrPort
		Source    string // the provider
		Interface string // where it was heard; empty if that means nothing
	}

	// Updated says that a key that was seen before is also seen at this address, by this provider, or on this interface;
	// or that it is seen there and is trusted from now on.
	Updated struct {
		At
		Peer      identity.PublicKey
		Addr      netip.AddrPort
		Source    string
		Interface string
	}

	// Lost says that a provider does not see a key at an address any more. A session that is up stays up.
	Lost struct {
		At
		Peer   identity.PublicKey
		Addr   netip.AddrPort
		Source string
		Reason string // "expired", "goodbye" or "withdrawn"
		Left   int    // at how many addresses, by how many providers, it is still seen; 0: it is gone
	}

	// Connected says that calls to a peer can be made. It alternates with Disconnected.
	Connected struct {
		At
		Peer identity.PublicKey
		Addr netip.AddrPort
		Role string // this node's: "initiator" or "responder"
		Name string // the peer's own word: untrusted
	}

	// Disconnected says that no calls to a peer can be made any more: its last session has ended, or is saying its last word.
	Disconnected struct {
		At
		Peer   identity.PublicKey
		Addr   netip.AddrPort
		Reason string // "shutdown", "lost", "revoked", …: docs/wire.md §6.8
		Text   string // the peer's, untrusted; or what broke
	}

	// Paired says that a key was added to the trust set, by Pair or by an edit of the peers file.
	Paired struct {
		At
		Peer  identity.PublicKey
		Label string
	}

	// Unpaired says that a key was taken from it.
	Unpaired struct {
		At
		Peer identity.PublicKey
	}

	// Refused says that somebody proved a key that is not trusted.
	Refused struct {
		At
		Peer   identity.PublicKey
		Addr   netip.AddrPort
		Reason string
	}

	// IdentityConflict says that two nodes use one key at the same time. If Peer is the node's own key, the peer at Newer
	// found that out, and Older is not known.
	IdentityConflict struct {
		At
		Peer         identity.PublicKey
		Older, Newer netip.AddrPort
	}

	// Lagged says that its reader was too slow and has lost N events before this one. Node.Peers tells the present
	// state.
	Lagged struct {
		At
		N int
	}
)

// Kind implements Event.
func (Found) Kind() string { return "found" }

// Kind implements Event.
func (Updated) Kind() string { return "updated" }

// Kind implements Event.
func (Lost) Kind() string { return "lost" }

// Kind implements Event.
func (Connected) Kind() string { return "connected" }

// Kind implements Event.
func (Disconnected) Kind() string { return "disconnected" }

// Kind implements Event.
func (Paired) Kind() string { return "paired" }

// Kind implements Event.
func (Unpaired) Kind() string { return "unpaired" }

// Kind implements Event.
func (Refused) Kind() string { return "refused" }

// Kind implements Event.
func (IdentityConflict) Kind() string { return "conflict" }

// Kind implements Event.
func (Lagged) Kind() string { return "lagged" }

// Events returns the events of the node from now on: the subscription begins with the call, not with the
// loop. It ends with ctx, or after the node has shut down. A loop that breaks off may be followed by another,
// which goes on from there. Each subscriber has its own queue of 256 events; a slow one gets Lagged and
// delays no other. Only one goroutine may iterate at a time.
func (n *Node) Events(ctx context.Context) iter.Seq[Event] { return n.hub.subscribe(ctx) }

// maxQueued bounds the events that wait for one subscriber; then the oldest are dropped, and counted.
const maxQueued = 256

// A hub hands events to subscribers. It never blocks the publisher.
type hub struct {
	lost atomic.Uint64 // events that were dropped because their subscriber was slow

	mu     sync.Mutex // guards the rest
	subs   map[*subscription]struct{}
	closed bool
}

type subscription struct {
	wake chan struct{} // has room for one

	mu     sync.Mutex // guards the rest
	queue  []Event
	lagged int
	closed bool
}

func newHub() *hub { return &hub{subs: make(map[*subscription]struct{})} }

func (h *hub) publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		if !s.put(e) {
			h.lost.Add(1)
		}
	}
}

// close lets every subscriber read what it has and then end.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.subs {
		s.close()
	}
}

func (h *hub) subscribe(ctx context.Context) iter.Seq[Event] {
	s := &subscription{wake: make(chan struct{}, 1)}
	h.mu.Lock()
	h.subs[s] = struct{}{}
	if h.closed {
		s.close()
	}
	h.mu.Unlock()
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		delete(h.subs, s)
		h.mu.Unlock()
		s.close()
	})
	return func(yield func(Event) bool) {
		for {
			e, ok := s.next()
			if !ok || ctx.Err() != nil || !yield(e) {
				return
			}
		}
	}
}

// put queues an event. It returns false if another one had to make room.
func (s *subscription) put(e Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := len(s.queue) == maxQueued
	if full {
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.lagged++
	}
	s.queue = append(s.queue, e)
	s.signal()
	return !full
}

func (s *subscription) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.signal()
}

// signal is called with mu held.
func (s *subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next waits for an event; false: there will be no more.
func (s *subscription) next() (Event, bool) {
	for {
		if e, ok := s.take(); ok {
			return e, e != nil
		}
		<-s.wake
	}
}

// take returns an event, or nil if there will be no more; false: there is none yet.
func (s *subscription) take() (e Event, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.lagged > 0:
		e = Lagged{At: At{s.queue[0].Time()}, N: s.lagged}
		s.lagged = 0
	case len(s.queue) > 0:
		e, s.queue[0] = s.queue[0], nil
		s.queue = s.queue[1:]
	case !s.closed:
		return nil, false
	}
	return e, true
}
