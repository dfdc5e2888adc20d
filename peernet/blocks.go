package peernet

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// blocksFile is the name of the file of blocked keys in a DataDir.
const blocksFile = "blocked"

// ErrBlocked says that this node has blocked the key. It is an ErrNotTrusted.
var ErrBlocked = fmt.Errorf("%w for now: it is blocked here", ErrNotTrusted)

var errBlockFor = errors.New("block: the time must be more than 0")

// blocks are the blocked keys of a node, and the timer of the first that ends.
type blocks struct {
	*trust.Blocks

	mu   sync.Mutex                  // held while the root actor is told who may connect: so it hears of trust and blocks in one order
	held map[identity.PublicKey]bool // trusted keys that the root actor was told are not
	told map[identity.PublicKey]bool // keys whose block has begun, and no event has said that it has ended
	stop func() bool                 // the timer; nil: none
}

// openBlocks reads the blocked keys.
func (n *Node) openBlocks() (err error) {
	path := ""
	if n.config.DataDir != "" {
		path = filepath.Join(n.config.DataDir, blocksFile)
	}
	n.blocks.Blocks, err = trust.OpenBlocks(path)
	n.blocks.held, n.blocks.told = make(map[identity.PublicKey]bool), make(map[identity.PublicKey]bool)
	if err == nil {
		for _, b := range n.Blocked() {
			n.blocks.told[b.Key] = true
		}
	}
	return err
}

// Block drops a key for a time, whether it is trusted or not: its sessions end at once, and when it connects again it gets no
// answer once it has proved itself. It is not dialled, cannot come as a guest (a guest session that is up goes on for Timing.GuestLife at most), and its knocks are not kept. It stays trusted, and
// may connect when the time is over or after Unblock. With a DataDir the block is in the file blocked when Block returns, and
// outlives the node. A second Block of a key replaces the first. It may be called at any time, and is safe for concurrent use.
//
// The errors are ErrSelf, trust.ErrBlocksFull at 4,096 keys, and those of the file.
func (n *Node) Block(key identity.PublicKey, d time.Duration) error {
	switch {
	case d <= 0:
		return errBlockFor
	case key == n.self:
		return fmt.Errorf("block: %w", ErrSelf)
	}
	n.blocks.mu.Lock()
	defer n.blocks.mu.Unlock()
	now := n.config.Clock.Now()
	if err := n.blocks.Block(trust.Block{Key: key, Until: now.Add(d)}, now); err != nil {
		return err
	}
	n.knocks.forget(key)
	until := n.blocks.Until(key)
	n.config.Logger.Info("peer", "peer", key, "state", "blocked", "until", until)
	n.hub.publish(Blocked{At{now}, key, until})
	n.blocks.told[key] = true
	n.followBlocks()
	return nil
}

// Unblock ends the block of a key. It returns false if there is none. The errors are those of the file.
func (n *Node) Unblock(key identity.PublicKey) (bool, error) {
	n.blocks.mu.Lock()
	defer n.blocks.mu.Unlock()
	was, err := n.blocks.Unblock(key, n.config.Clock.Now())
	if was {
		n.tellUnblocked(key)
		n.followBlocks()
	}
	return was, err
}

// tellUnblocked publishes the end of a block. It is called with blocks.mu held.
func (n *Node) tellUnblocked(key identity.PublicKey) {
	delete(n.blocks.told, key)
	n.config.Logger.Info("peer", "peer", key, "state", "unblocked")
	n.hub.publish(Unblocked{At{n.config.Clock.Now()}, key})
}

// Blocked returns the keys that are blocked now, in the order in which that ends.
func (n *Node) Blocked() []trust.Block { return n.blocks.List(n.config.Clock.Now()) }

// isBlocked reports whether a key is blocked now.
func (n *Node) isBlocked(key identity.PublicKey) bool { return !n.blockedUntil(key).IsZero() }

// blockedUntil returns until when a key is blocked; zero if it is not.
func (n *Node) blockedUntil(key identity.PublicKey) (until time.Time) {
	if at := n.blocks.Until(key); at.After(n.config.Clock.Now()) {
		until = at
	}
	return until
}

// mayConnect reports whether a key is trusted and not blocked.
func (n *Node) mayConnect(key identity.PublicKey) bool {
	return n.trust.Contains(key) && !n.isBlocked(key)
}

// tellTrust tells the root actor of a change of the trust set, unless the key is blocked: then it does not exist there.
func (n *Node) tellTrust(c trust.Change) {
	n.blocks.mu.Lock()
	defer n.blocks.mu.Unlock()
	if c.Kind != trust.Removed && n.isBlocked(c.Peer.Key) {
		n.blocks.held[c.Peer.Key] = true
		n.awaitBlocks()
		return
	}
	delete(n.blocks.held, c.Peer.Key)
	n.root.Trust(c)
}

// followBlocks tells the root actor who may connect no more, and who may again, and subscribers which blocks have ended. It is called with blocks.mu held.
func (n *Node) followBlocks() {
	if n.state.Load() != stateRunning {
		return
	}
	for _, b := range n.Blocked() {
		if p, trusted := n.trust.Get(b.Key); trusted && !n.blocks.held[b.Key] {
			n.blocks.held[b.Key] = true
			n.root.Trust(trust.Change{Peer: p, Kind: trust.Removed})
		}
	}
	for key := range n.blocks.told {
		if !n.isBlocked(key) {
			n.tellUnblocked(key)
		}
	}
	for key := range n.blocks.held {
		if n.isBlocked(key) {
			continue
		}
		delete(n.blocks.held, key)
		if p, trusted := n.trust.Get(key); trusted {
			n.root.Trust(trust.Change{Peer: p, Kind: trust.Added})
		}
	}
	n.awaitBlocks()
}

// awaitBlocks sets the timer to the end of the first block. It is called with blocks.mu held.
func (n *Node) awaitBlocks() {
	n.endBlockTimer()
	if list := n.Blocked(); len(list) > 0 {
		n.blocks.stop = n.config.Clock.AfterFunc(list[0].Until.Sub(n.config.Clock.Now()), func() {
			n.blocks.mu.Lock()
			defer n.blocks.mu.Unlock()
			n.followBlocks()
		})
	}
}

// endBlockTimer stops the timer. It is called with blocks.mu held.
func (n *Node) endBlockTimer() {
	if n.blocks.stop != nil {
		n.blocks.stop()
		n.blocks.stop = nil
	}
}
