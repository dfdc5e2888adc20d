package backend

import (
	"context"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// connectTime is how long a peer that has joined an offer may take to connect.
const connectTime = 10 * time.Second

// abandonTime is how long an offer stays open that no client waits for: a client asks again at once when a wait has ended.
const abandonTime = 3 * time.Second

// A watchedOffer is an offer that ends when its client has gone: there is nobody left to read the code from.
type watchedOffer struct {
	*peernet.PairingOffer

	mu      sync.Mutex // guards the rest
	waiting int        // clients
	abandon *time.Timer
}

func watchOffer(o *peernet.PairingOffer) *watchedOffer {
	return &watchedOffer{PairingOffer: o, abandon: time.AfterFunc(abandonTime, o.Close)}
}

// enter says that a client waits, until leave.
func (o *watchedOffer) enter() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting++
	o.abandon.Stop()
}

func (o *watchedOffer) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiting--; o.waiting == 0 {
		o.abandon.Reset(abandonTime)
	}
}

// OfferPairing is control.OfferPairing.
func (b Backend) OfferPairing(_ context.Context, q control.Request) (control.PairingOffer, error) {
	b.reload()
	o, err := b.node.OfferPairing(context.Background(), peernet.Introduction{Label: q.Label, Reveal: q.Reveal}) // its own time ends it
	if err != nil {
		return control.PairingOffer{}, err
	}
	b.offer.Store(watchOffer(o))
	return control.PairingOffer{Code: o.Code().Text(), Number: o.Code().Number(), Until: o.Until()}, nil
}

// AwaitPairing is control.AwaitPairing.
func (b Backend) AwaitPairing(ctx context.Context, q control.Request) (control.PairingState, error) {
	o := b.offer.Load()
	if o == nil {
		return control.PairingState{}, peernet.ErrCodeOver
	}
	o.enter()
	defer o.leave()
	attempts, more := o.Attempts()
	if attempts <= q.Attempts {
		select {
		case <-more:
			attempts, _ = o.Attempts()
		case <-o.Done():
		case <-ctx.Done():
			o.Close() // nobody waits any more
			return control.PairingState{}, ctx.Err()
		}
	}
	state := control.PairingState{Attempts: attempts}
	if attempts > q.Attempts {
		return state, nil
	}
	joined, err := o.Wait(ctx)
	if err != nil {
		return control.PairingState{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	peer, err := b.Wait(ctx, control.Request{Peer: joined.Key.String()})
	state.Peer = &peer
	return state, err
}

// JoinPairing is control.JoinPairing.
func (b Backend) JoinPairing(ctx context.Context, q control.Request) (control.Peer, error) {
	b.reload()
	code, err := peernet.ParsePairingCode(q.Code)
	if err != nil {
		return control.Peer{}, err
	}
	i := peernet.Introduction{Label: q.Label, Reveal: q.Reveal}
	if len(q.Addresses) > 0 {
		i.Addr = q.Addresses[0]
	}
	peer, err := b.node.JoinPairing(ctx, code, i)
	if err != nil {
		return control.Peer{}, err
	}
	info, ok := b.node.Peer(peer.Key)
	if !ok {
		return control.Peer{}, peernet.ErrNotTrusted // not any more
	}
	return newPeer(info), nil
}
