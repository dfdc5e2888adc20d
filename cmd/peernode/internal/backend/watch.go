package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Wait is control.Wait.
func (b Backend) Wait(ctx context.Context, q control.Request) (control.Peer, error) {
	return onPeer(b, q.Peer, func(p trust.Peer) (control.Peer, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		next, stop := iter.Pull(b.node.Events(ctx)) // before the first look, so that no event is missed
		defer stop()
		for more := true; ; _, more = next() {
			info, trusted := b.node.Peer(p.Key)
			switch {
			case !trusted:
				return control.Peer{}, peernet.ErrNotTrusted
			case info.State == peernet.StateConnected && info.Addr.IsValid():
				return newPeer(info), nil
			case !more:
				return control.Peer{}, waitError(ctx.Err(), info)
			}
		}
	})
}

// waitError returns why a wait for the peer has ended: the time is up, the client has gone, or the node has stopped. err is
// that of the context.
func waitError(err error, p peernet.PeerInfo) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w, still %s: %s", failure.ErrNotInTime, p.State, cmp.Or(p.Reason, "nothing has happened yet"))
	}
	return cmp.Or(err, peernet.ErrClosed)
}

// Watch is control.Watch. While tell waits, the node keeps a bounded number of events, drops more, and counts them. After
// such a gap Watch tells the peers again.
func (b Backend) Watch(ctx context.Context, _ struct{}, tell func(control.WatchLine) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := b.node.Events(ctx) // before the peers are listed, so that no event is missed
	tellPeers := func() error {
		list, _ := b.Peers(ctx, control.Request{}) // never fails
		return tell(control.WatchLine{Peers: list.Peers})
	}
	if err := tellPeers(); err != nil {
		return err
	}
	for e := range events {
		if !b.isAboutPeer(e) {
			continue
		}
		event := b.Event(e)
		err := tell(control.WatchLine{Event: &event})
		if _, lagged := e.(peernet.Lagged); lagged && err == nil {
			err = tellPeers()
		}
		if err != nil {
			return err
		}
	}
	return cmp.Or(ctx.Err(), peernet.ErrClosed)
}

// isAboutPeer says whether a watcher of the peers gets e: events of keys that are not trusted are left out.
func (b Backend) isAboutPeer(e peernet.Event) bool {
	trusted := true
	switch e := e.(type) {
	case peernet.Found:
		_, trusted = b.node.Peer(e.Peer)
	case peernet.Updated:
		_, trusted = b.node.Peer(e.Peer)
	case peernet.Lost:
		_, trusted = b.node.Peer(e.Peer)
	case peernet.Blocked:
		_, trusted = b.node.Peer(e.Peer)
	case peernet.Unblocked:
		_, trusted = b.node.Peer(e.Peer)
	case peernet.Refused, peernet.ListenerAdded, peernet.ListenerRemoved, peernet.GuestConnected, peernet.GuestDisconnected:
		trusted = false
	}
	return trusted
}
