package counters

import (
	"sync"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A Node has the numbers of one node: a Peer for each key, and what is counted of connections that are no peer's yet.
// Its zero value is ready for use. It is safe for concurrent use.
type Node struct {
	connections atomic.Uint64 // accepted
	strangers   atomic.Int64
	handshakes  [2][results]atomic.Uint64 // by side

	mu    sync.Mutex // guards the rest
	peers map[identity.PublicKey]*Peer
	left  []*Peer // the latest that were taken out, oldest first: some may still count
	old   Counts  // of those before
}

// maxLeft bounds the peers that were taken out and whose late numbers are still looked at: calls that end, sessions that
// close.
const maxLeft = 64

// Peer returns where to count what concerns key, made if it is new. It is for whoever has seen that the key is trusted.
func (b *Node) Peer(key identity.PublicKey) *Peer {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.peers[key]
	if p == nil {
		p = new(Peer)
		if b.peers == nil {
			b.peers = make(map[identity.PublicKey]*Peer)
		}
		b.peers[key] = p
	}
	return p
}

// Find returns the Peer of key if there is one, else nil.
func (b *Node) Find(key identity.PublicKey) *Peer {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.peers[key]
}

// Remove takes a key out that is not trusted any more: what was counted stays in the total, and the key begins anew if
// it comes again.
func (b *Node) Remove(key identity.PublicKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(key)
}

// remove is called with mu held.
func (b *Node) remove(key identity.PublicKey) {
	p := b.peers[key]
	if p == nil {
		return
	}
	delete(b.peers, key)
	if b.left = append(b.left, p); len(b.left) > maxLeft {
		s := b.left[0].state()
		b.old.add(&s.Counts)
		b.left = append(b.left[:0], b.left[1:]...)
	}
}

// Snapshot returns the peers as they are, and all together, those included that were taken out. Of the total no number
// ever goes back. Keys that are not trusted are taken out first: a handshake may end after the change of trust that it has
// not seen.
func (b *Node) Snapshot(trusted func(identity.PublicKey) bool) (peers map[identity.PublicKey]State, total State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	peers = make(map[identity.PublicKey]State, len(b.peers))
	for key, p := range b.peers {
		if !trusted(key) {
			b.remove(key)
			continue
		}
		s := p.state()
		total.add(&s)
		peers[key] = s
	}
	total.Counts.add(&b.old) // now: taking out has made some of left old
	for _, p := range b.left {
		s := p.state()
		total.add(&s)
	}
	return peers, total
}

// Connection counts a connection that was accepted.
func (b *Node) Connection() {
	if b != nil {
		b.connections.Add(1)
	}
}

// Connections returns how many connections were accepted.
func (b *Node) Connections() uint64 { return b.connections.Load() }

// SetStrangers says how many connections have not authenticated yet.
func (b *Node) SetStrangers(n int) {
	if b != nil {
		b.strangers.Store(int64(n))
	}
}

// Strangers returns how many connections have not authenticated yet.
func (b *Node) Strangers() int { return int(b.strangers.Load()) }
