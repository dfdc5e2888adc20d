package peernet

import (
	"context"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// provisionalRetry is the pause before another try to keep or remove peers, after the peers file could not be written.
const provisionalRetry = 5 * time.Second

// keepProvisional makes the peer with key one for good, if it is provisional: an ordinary session with it is up, so both sides
// have written down each other. It does not block: followProvisional does it, and tries until the file can be written.
func (n *Node) keepProvisional(key identity.PublicKey) {
	peer, _ := n.trust.Get(key)
	if _, provisional := peer.Provisional(); !provisional {
		return
	}
	n.toKeep.Store(key, false)
	select {
	case n.trustEdits <- struct{}{}:
	default: // followProvisional looks already
	}
}

// keepAll keeps the provisional peers with which an ordinary session was up. It reports whether some are left to be kept.
func (n *Node) keepAll() (left bool) {
	n.toKeep.Range(func(k, logged any) bool {
		key := k.(identity.PublicKey)
		was, err := n.trust.Keep(key)
		if err != nil {
			left = true
			if logged == false {
				n.config.Logger.Warn("a peer that was paired by a code stays provisional until the peers file can be written", "peer", key, "err", err)
				n.toKeep.CompareAndSwap(key, false, true)
			}
			return true
		}
		if was {
			n.config.Logger.Info("peer", "peer", key, "state", "kept")
		}
		n.toKeep.CompareAndDelete(key, logged)
		return true
	})
	return left
}

// isToKeep reports whether an ordinary session with a provisional peer was up: its trust does not end.
func (n *Node) isToKeep(key identity.PublicKey) bool {
	_, is := n.toKeep.Load(key)
	return is
}

// followProvisional keeps the provisional peers with which a session was up, and removes those whose time ends without one, until
// ctx ends. changed receives a value when the trust set has changed, or a session has come up.
func (n *Node) followProvisional(ctx context.Context, changed <-chan struct{}) {
	ends := make(map[identity.PublicKey]provisionalEnd)
	defer n.keepAll() // a session may have come up at the end
	for ctx.Err() == nil {
		left := n.keepAll()
		now := n.config.Clock.Now()
		wait, any := n.readProvisional(now, ends)
		if left && (!any || provisionalRetry < wait) {
			wait, any = provisionalRetry, true
		}
		due := make(chan struct{})
		stop := func() bool { return true }
		if any {
			stop = n.config.Clock.AfterFunc(wait, func() { close(due) })
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-due:
			n.removeEnded(n.config.Clock.Now(), ends)
		}
		stop()
	}
}

// A provisionalEnd is when provisional trust ends: written is the time in the peers file, at the moment by the node's clock. The
// trust lasts at least provisionalRest from when the node saw it first: if the node was down, the peer may trust it for good and
// needs time to come back. It lasts at most provisionalTime: the clock may have been set back. A node may always run for less than
// provisionalRest at a time, so all ends at the latest provisionalMost after the pairing, by the time in the file.
type provisionalEnd struct{ written, at time.Time }

// readProvisional brings ends up to date, and returns the time until the first of them.
func (n *Node) readProvisional(now time.Time, ends map[identity.PublicKey]provisionalEnd) (wait time.Duration, any bool) {
	seen := make(map[identity.PublicKey]bool)
	for _, p := range n.trust.List() {
		until, provisional := p.Provisional()
		if !provisional {
			continue
		}
		seen[p.Key] = true
		if ends[p.Key].written != until {
			at := now.Add(max(provisionalRest, min(until.Sub(now), provisionalTime)))
			if last := until.Add(provisionalMost - provisionalTime); at.After(last) {
				at = last
			}
			ends[p.Key] = provisionalEnd{until, at}
		}
		if n.isToKeep(p.Key) {
			continue
		}
		if left := max(ends[p.Key].at.Sub(now), 0); !any || left < wait {
			wait, any = left, true
		}
	}
	for key := range ends {
		if !seen[key] {
			delete(ends, key)
		}
	}
	return wait, any
}

// removeEnded removes the peers whose provisional trust has ended. What fails is tried again.
func (n *Node) removeEnded(now time.Time, ends map[identity.PublicKey]provisionalEnd) {
	gone, err := n.trust.Expire(func(p trust.Peer, until time.Time) bool {
		e, seen := ends[p.Key]
		return seen && e.written.Equal(until) && !now.Before(e.at) && !n.isToKeep(p.Key)
	})
	for _, p := range gone {
		n.config.Logger.Info("peer", "peer", p.Key, "state", "expired")
	}
	if err != nil {
		n.config.Logger.Warn("peers that were paired by a code and never connected cannot be removed", "err", err)
		for key, e := range ends {
			if !now.Before(e.at) {
				e.at = now.Add(provisionalRetry)
				ends[key] = e
			}
		}
	}
}
