package peernet

import (
	"context"
	"errors"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// trialRetry is how long after a failure to write the peers file the end of a trial is tried again.
const trialRetry = 5 * time.Second

// keepOnTrial makes the peer with key one for good, if it is on trial: an ordinary session with it is up, so both sides have
// written down each other. It does not block; join waits for it.
func (n *Node) keepOnTrial(key identity.PublicKey) {
	peer, _ := n.trust.Get(key)
	if _, onTrial := peer.Provisional(); !onTrial {
		return
	}
	n.join.Go(func() {
		was, err := n.trust.Keep(key)
		for errors.Is(err, trust.ErrLocked) {
			was, err = n.trust.Keep(key) // it has waited 5 s
		}
		if err != nil {
			n.config.Logger.Warn("a peer that was paired by a code stays on trial", "peer", key, "err", err)
		} else if was {
			n.config.Logger.Info("peer", "peer", key, "state", "kept")
		}
	})
}

// endTrials removes the peers whose trial ends without a session, until ctx ends. changed receives a value when the trust
// set has changed.
func (n *Node) endTrials(ctx context.Context, changed <-chan struct{}) {
	ends := make(map[identity.PublicKey]trialEnd)
	for ctx.Err() == nil {
		now := n.config.Clock.Now()
		wait, any := n.lookAtTrials(now, ends)
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

// A trialEnd is when a trial ends: written is what the peers file says, at the moment by the node's clock. From when the node saw
// the trial first, it takes at least trialRest: if the node was down, the peer may trust it for good and needs the time to come
// back. It takes at most trialTime: the clock may have been set back.
type trialEnd struct{ written, at time.Time }

// lookAtTrials brings ends up to date, and returns how long it is until the first of them.
func (n *Node) lookAtTrials(now time.Time, ends map[identity.PublicKey]trialEnd) (wait time.Duration, any bool) {
	seen := make(map[identity.PublicKey]bool)
	for _, p := range n.trust.List() {
		until, onTrial := p.Provisional()
		if !onTrial {
			continue
		}
		seen[p.Key] = true
		if ends[p.Key].written != until {
			ends[p.Key] = trialEnd{until, now.Add(max(trialRest, min(until.Sub(now), trialTime)))}
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

// removeEnded removes the peers whose trial has ended. What fails is tried again.
func (n *Node) removeEnded(now time.Time, ends map[identity.PublicKey]trialEnd) {
	gone, err := n.trust.Expire(func(p trust.Peer, until time.Time) bool {
		e, seen := ends[p.Key]
		return seen && e.written.Equal(until) && !now.Before(e.at)
	})
	for _, p := range gone {
		n.config.Logger.Info("peer", "peer", p.Key, "state", "trial over")
	}
	if err != nil {
		n.config.Logger.Warn("peers whose trial is over cannot be removed", "err", err)
		for key, e := range ends {
			if !now.Before(e.at) {
				e.at = now.Add(trialRetry)
				ends[key] = e
			}
		}
	}
}
