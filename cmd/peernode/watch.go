package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// errNotInTime: what was waited for did not happen.
var errNotInTime = errors.New("not connected in time")

// Wait implements control.Backend.
func (b backend) Wait(ctx context.Context, q control.WaitRequest) (control.Peer, error) {
	p, err := b.find(q.Peer)
	if err != nil {
		return control.Peer{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, stop := iter.Pull(b.node.Events(ctx)) // before the first look, so that nothing is missed
	defer stop()
	for more := true; ; _, more = next() {
		info, trusted := b.node.Peer(p.Key)
		switch {
		case !trusted:
			return control.Peer{}, b.about(q.Peer, peernet.ErrNotTrusted)
		case info.State == peernet.StateConnected && info.Addr.IsValid():
			return newPeer(info), nil
		case !more:
			return control.Peer{}, b.about(q.Peer, notYet(ctx.Err(), info))
		}
	}
}

// notYet says why nobody waits any longer for the peer to be connected: the time is up, the one who waited has
// gone, or the node has stopped.
func notYet(err error, p peernet.PeerInfo) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w, still %s: %s", errNotInTime, p.State, orElse(p.Reason, "nothing has happened yet"))
	}
	return orErr(err, peernet.ErrClosed)
}

// Watch implements control.Backend. While tell waits, the node keeps a bounded number of events and counts those
// beyond; after such a gap the peers are told again.
func (b backend) Watch(ctx context.Context, _ control.WatchRequest, tell func(control.Change) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := b.node.Events(ctx) // before the peers are listed, so that nothing is missed
	if err := tell(control.Change{Peers: b.peers()}); err != nil {
		return err
	}
	for e := range events {
		if !b.ofPeer(e) {
			continue
		}
		event := newEvent(e, newLabeller(b.node))
		if err := tell(control.Change{Event: &event}); err != nil {
			return err
		}
		if _, lagged := e.(peernet.Lagged); lagged {
			if err := tell(control.Change{Peers: b.peers()}); err != nil {
				return err
			}
		}
	}
	return orErr(ctx.Err(), peernet.ErrClosed)
}

// ofPeer says whether e is about peers: what strangers do is not.
func (b backend) ofPeer(e peernet.Event) bool {
	trusted := true
	switch e := e.(type) {
	case peernet.Found:
		_, trusted = b.node.Peer(e.Peer)
	case peernet.Updated:
		_, trusted = b.node.Peer(e.Peer)
	case peernet.Lost:
		_, trusted = b.node.Peer(e.Peer)
	case peernet.Refused:
		trusted = false
	}
	return trusted
}
