package counters

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A Node has the numbers of one node: a Peer for each key, and what is counted of connections that are no peer's yet.
// Its zero value is ready for use. It is safe for concurrent use.
type Node struct {
	Connections atomic.Uint64 // accepted
	Strangers   atomic.Int64  // a gauge: connections that have not authenticated yet

	handshakes [2][results]atomic.Uint64 // by side

	mu     sync.Mutex // guards the rest
	guests *Peer      // all that come and went, together
	peers  map[identity.PublicKey]*Peer
	left   []*Peer // the latest that were taken out, oldest first: some may still count
	old    Counts  // of those before
}

// maxLeft bounds the peers that were taken out and whose late numbers are still looked at: calls that end, sessions that
// close.
const maxLeft = 64

// Peer returns where to count what concerns key, made if it is new. The caller has seen that the key is trusted.
func (n *Node) Peer(key identity.PublicKey) *Peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.peers[key]
	if p == nil {
		p = newPeer()
		if n.peers == nil {
			n.peers = make(map[identity.PublicKey]*Peer)
		}
		n.peers[key] = p
	}
	return p
}

// Guests returns where to count what concerns guests, and the nodes whose guest this node is, all together: they are many, and
// their keys cost nothing.
func (n *Node) Guests() *Peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.guests == nil {
		n.guests = newPeer()
	}
	return n.guests
}

// GuestStats returns the numbers of Guests.
func (n *Node) GuestStats() Stats { return n.Guests().stats() }

// Find returns the Peer of key. For a key without one, it returns a new Peer and does not keep it: its lines have no limit.
func (n *Node) Find(key identity.PublicKey) *Peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.peers[key]; p != nil {
		return p
	}
	return newPeer()
}

// FlushLogs has the number of lines logged that were not: the node stops.
func (n *Node) FlushLogs() {
	n.mu.Lock()
	all := slices.AppendSeq(slices.Clone(n.left), maps.Values(n.peers))
	if n.guests != nil {
		all = append(all, n.guests)
	}
	n.mu.Unlock()
	for _, p := range all {
		p.States.Flush()
		p.Faults.Flush()
		p.Conflicts.Flush()
	}
}

// Remove takes a key out that is not trusted any more: what was counted stays in the total, and the key begins anew if
// it comes again.
func (n *Node) Remove(key identity.PublicKey) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.remove(key)
}

// remove is called with mu held.
func (n *Node) remove(key identity.PublicKey) {
	p := n.peers[key]
	if p == nil {
		return
	}
	delete(n.peers, key)
	if n.left = append(n.left, p); len(n.left) > maxLeft {
		s := n.left[0].stats()
		n.old.add(&s.Counts)
		n.left = append(n.left[:0], n.left[1:]...)
	}
}

// Snapshot returns the peers as they are, and all together, those included that were taken out. Of the total no number
// ever goes back. Keys that are not trusted are taken out first: a handshake may end after the change of trust that it has
// not seen.
func (n *Node) Snapshot(trusted func(identity.PublicKey) bool) (peers map[identity.PublicKey]Stats, total Stats) {
	n.mu.Lock()
	defer n.mu.Unlock()
	peers = make(map[identity.PublicKey]Stats, len(n.peers))
	for key, p := range n.peers {
		if !trusted(key) {
			n.remove(key)
			continue
		}
		s := p.stats()
		total.add(&s)
		peers[key] = s
	}
	total.Counts.add(&n.old) // now: taking out has made some of left old
	for _, p := range n.left {
		s := p.stats()
		total.add(&s)
	}
	return peers, total
}
