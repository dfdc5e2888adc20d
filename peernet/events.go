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
	// Found says that a provider sees a key that no provider saw before, trusted or not. None of it is proved.
	Found struct {
		At
		Peer      identity.PublicKey
		Addr      netip.AddrPort
		Source    string // the provider
		Interface string // where it was heard; empty if the provider has no interfaces
	}

	// Updated says that a key that was seen before is also seen at this address, by this provider, or on this interface;
	// or that it is seen there and is trusted from now on. Its fields are those of Found.
	Updated Found

	// Lost says that a provider does not see a key at an address any more. A session that is up stays up.
	Lost struct {
		At
		Peer   identity.PublicKey
		Addr   netip.AddrPort
		Source string
		Reason string // "expired", "goodbye" or "withdrawn"
		Left   int    // at how many addresses, by how many providers, it is still seen; 0: it is gone
	}

	// DiscoveryProblem says that a provider cannot do something any more, on one network interface or at all; or that it
	// can again. Node.Providers tells the present state.
	DiscoveryProblem struct {
		At
		Source    string        // the provider
		State     ProviderState // of the provider afterwards: ProviderRunning if it can do all that it should
		Interface string        // empty if it is about no interface
		Doing     string        // what it cannot do, or can do again: "send over IPv4"
		Reason    string        // why not; empty: it can again
	}

	// ListenerAdded says that the node listens on one more address, since ListenOn.
	ListenerAdded struct {
		At
		Addr netip.AddrPort // Addr of the Listener
	}

	// ListenerRemoved says that the node does not listen on an address any more, since Close of the Listener. At Shutdown no
	// listener has one.
	ListenerRemoved struct {
		At
		Addr netip.AddrPort // Addr of the Listener
	}

	// Connected says that calls to a peer can be made. It alternates with Disconnected.
	Connected struct {
		At
		Peer identity.PublicKey
		Addr netip.AddrPort
		Role string // this node's: "initiator" or "responder"
		Name string // what the peer calls itself: untrusted
	}

	// Disconnected says that no calls to a peer can be made any more: its last session has ended, or is about to.
	Disconnected struct {
		At
		Peer   identity.PublicKey
		Addr   netip.AddrPort
		Reason string // "shutdown", "lost", "revoked", …: docs/wire.md §6.8
		Text   string // the peer's, untrusted; or what broke
	}

	// GuestConnected says that a guest was let in: see Guests. It is no peer, also if its key is trusted.
	GuestConnected struct {
		At
		Peer identity.PublicKey // the guest's key
		Addr netip.AddrPort
	}

	// GuestDisconnected says that the session of a guest has ended.
	GuestDisconnected struct {
		At
		Peer   identity.PublicKey // the guest's key
		Addr   netip.AddrPort
		Reason string // as that of Disconnected
		Text   string // the guest's, untrusted; or what broke
	}

	// Paired says that a key was added to the trust set, by Pair or by an edit of the peers file.
	Paired struct {
		At
		Peer  identity.PublicKey
		Label string
	}

	// Unpaired says that a key was removed from the trust set.
	Unpaired struct {
		At
		Peer identity.PublicKey
	}

	// Blocked says that a key, trusted or not, may not connect until a time, since Block.
	Blocked struct {
		At
		Peer  identity.PublicKey
		Until time.Time
	}

	// Unblocked says that a key is blocked no more: the time is over, or since Unblock.
	Unblocked struct {
		At
		Peer identity.PublicKey
	}

	// Refused says that the other end of a connection proved a key that is not trusted.
	Refused struct {
		At
		Peer   identity.PublicKey
		Addr   netip.AddrPort
		Reason string
	}

	// IdentityConflict says that two nodes use one key at the same time. If Peer is the node's own key, that is only what
	// the peer By at Newer says, and Older is not known.
	IdentityConflict struct {
		At
		Peer         identity.PublicKey
		Older, Newer netip.AddrPort
		By           identity.PublicKey // zero: this node has seen both
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
func (DiscoveryProblem) Kind() string { return "discovery" }

// Kind implements Event.
func (ListenerAdded) Kind() string { return "listener_added" }

// Kind implements Event.
func (ListenerRemoved) Kind() string { return "listener_removed" }

// Kind implements Event.
func (Connected) Kind() string { return "connected" }

// Kind implements Event.
func (Disconnected) Kind() string { return "disconnected" }

// Kind implements Event.
func (GuestConnected) Kind() string { return "guest_connected" }

// Kind implements Event.
func (GuestDisconnected) Kind() string { return "guest_disconnected" }

// Kind implements Event.
func (Paired) Kind() string { return "paired" }

// Kind implements Event.
func (Unpaired) Kind() string { return "unpaired" }

// Kind implements Event.
func (Blocked) Kind() string { return "blocked" }

// Kind implements Event.
func (Unblocked) Kind() string { return "unblocked" }

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

	mu        sync.Mutex // guards the rest
	published int
	queues    map[chan numbered]struct{} // of the subscribers; nil: there will be no more events
}

// A numbered event tells its subscriber by its number how many events before it were dropped.
type numbered struct {
	Event
	number int // counts the hub's events
}

func newHub() *hub { return &hub{queues: make(map[chan numbered]struct{})} }

func (h *hub) publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.published++
	for queue := range h.queues {
		if len(queue) == cap(queue) {
			select {
			case <-queue: // the oldest
				h.lost.Add(1)
			default: // its subscriber has read meanwhile
			}
		}
		queue <- numbered{e, h.published} // there is room: others only read
	}
}

// close lets every subscriber read what it has and then end.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for queue := range h.queues {
		close(queue)
	}
	h.queues = nil
}

func (h *hub) subscribe(ctx context.Context) iter.Seq[Event] {
	queue := make(chan numbered, maxQueued)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.queues == nil {
		close(queue)
	} else {
		h.queues[queue] = struct{}{}
	}
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.queues, queue)
	})
	var next numbered // the event to hand out; without an Event: it has to be awaited
	expected := h.published + 1
	return func(yield func(Event) bool) {
		for ctx.Err() == nil {
			if next.Event == nil {
				select {
				case next = <-queue:
				case <-ctx.Done():
				}
			}
			e := next.Event
			switch dropped := next.number - expected; {
			case e == nil:
				return
			case dropped > 0:
				e = Lagged{At{e.Time()}, dropped}
				expected = next.number
			default:
				expected, next = expected+1, numbered{}
			}
			if !yield(e) {
				return
			}
		}
	}
}
