package peernet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/pairing"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A PairingOffer is a code that this node has shown, and waits to be joined by. It is safe for concurrent use.
type PairingOffer struct {
	node  *Node
	code  PairingCode
	until time.Time
	intro Introduction
	offer *pairing.Offer
	done  chan struct{} // closed when the offer has ended

	mu       sync.Mutex // guards the rest
	attempts int
	changed  chan struct{} // closed when attempts grows
	forget   func()        // ends the timers
	peer     trust.Peer    // set before done is closed
	err      error         // the same
}

// OfferPairing makes a code by which one other node can pair with this one, for two minutes or until ctx ends, and announces
// its number on the local networks. The first node that proves to know the code is trusted; the first that proves not to,
// ends the offer: Wait tells. A node has one offer at a time. docs/wire.md §14 has the protocol.
//
// The errors are ErrOffering, ErrReveals, ErrNotStarted, ErrClosed, those of a label that cannot be used, and why the
// peers file cannot be written, which is tried for up to 5 seconds.
func (n *Node) OfferPairing(ctx context.Context, i Introduction) (*PairingOffer, error) {
	o, err := n.offerPairing(i)
	if err != nil {
		return nil, fmt.Errorf("offering a pairing: %w", err)
	}
	over := n.config.Clock.AfterFunc(offerLife, func() { o.end(ErrCodeOver) })
	left := context.AfterFunc(ctx, func() { o.end(ctx.Err()) })
	o.mu.Lock()
	o.forget = func() { over(); left() }
	o.mu.Unlock()
	select {
	case <-o.done:
		o.forget() // it has ended before it was told how
	default:
	}
	return o, nil
}

func (n *Node) offerPairing(i Introduction) (*PairingOffer, error) {
	if err := n.checkIntroduction(&i); err != nil {
		return nil, err
	}
	code, err := pairing.NewCode(n.config.Rand)
	if err != nil {
		return nil, err
	}
	offer, err := pairing.NewOffer(code, i.Name)
	if err != nil {
		return nil, err
	}
	until := n.config.Clock.Now().Add(offerLife).Round(0) // by the clock on the wall, which goes on while the machine sleeps
	o := &PairingOffer{node: n, code: code, until: until, intro: i, offer: offer,
		done: make(chan struct{}), changed: make(chan struct{})}
	p := n.pairings
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, ErrClosed
	case p.open != nil:
		return nil, ErrOffering
	}
	if err := n.handleGuests(pairingName, o.answer); err != nil {
		return nil, err
	}
	p.open = o
	if !n.config.Private {
		p.offers.SetOwn(code.Number())
	}
	return o, nil
}

// Code returns the code to read to the other person. Anybody who has it can pair: show it to nobody else, and log it nowhere.
func (o *PairingOffer) Code() PairingCode { return o.code }

// Format makes every verb of fmt print the code without its words.
func (o *PairingOffer) Format(f fmt.State, verb rune) { o.code.Format(f, verb) }

// LogValue is the code without its words.
func (o *PairingOffer) LogValue() slog.Value { return o.code.LogValue() }

// Until returns when the offer ends, if nobody has joined it.
func (o *PairingOffer) Until() time.Time { return o.until }

// Attempts returns how many nodes have begun to join, right or wrong. changed is closed when there are more.
func (o *PairingOffer) Attempts() (n int, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.attempts, o.changed
}

// Done returns a channel that is closed when the offer has ended.
func (o *PairingOffer) Done() <-chan struct{} { return o.done }

// Wait returns the peer that has joined, once it is trusted; the peer then connects. Otherwise the error says how the offer
// has ended: ErrWrongCode, which also ends it; ErrCodeOver after two minutes; ErrAttempts, which is one, after 1,024 attempts; context.Canceled after
// Close or the end of the context of OfferPairing; trust.ErrLabelTaken if the label of the Introduction is
// another peer's; or why the peers file cannot be written. ctx ends the waiting alone.
func (o *PairingOffer) Wait(ctx context.Context) (trust.Peer, error) {
	select {
	case <-o.done:
		return o.peer, o.err
	case <-ctx.Done():
		return trust.Peer{}, ctx.Err()
	}
}

// Close ends the offer. A peer that has joined stays trusted, and Wait returns it, also if it is still being written down.
func (o *PairingOffer) Close() { o.end(context.Canceled) }

// end ends the offer with err, unless it has ended: then the one who has ended it tells how.
func (o *PairingOffer) end(err error) {
	if o.offer.End() {
		o.finish(trust.Peer{}, err)
	}
}

// finish tells how the offer has ended. Only who has ended it calls it: end, answer by too many runs, or verify by its confirmation.
func (o *PairingOffer) finish(peer trust.Peer, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.node.pairings
	p.mu.Lock()
	p.open = nil
	p.offers.SetOwn(0)
	o.node.unhandleGuests(pairingName)
	p.mu.Unlock()
	o.peer, o.err = peer, err
	close(o.done)
	if o.forget != nil {
		o.forget()
	}
}

// answer is the handler: of a joiner's share or of its confirmation.
func (o *PairingOffer) answer(_ context.Context, r *Request) (any, error) {
	g, ok := r.guest()
	message, err := decode[[]byte](r.Args())
	if !ok || err != nil {
		return nil, ErrBadArgs
	}
	if o.node.isBlocked(g.key) { // since its session came up: to it no offer is open
		g.close()
		return nil, NewError(CodeNoHandler, "", nil)
	}
	if !o.node.config.Clock.Now().Before(o.until) {
		o.end(ErrCodeOver) // the timer stood while the machine slept
	}
	binding := pairing.Binding{Hash: g.hash, Initiator: g.key, Responder: o.node.self}
	if pairing.IsConfirmation(message) {
		return o.verify(binding, message)
	}
	answer, err := o.offer.Answer(binding, message, o.node.config.Rand)
	o.countAttempts(g)
	switch {
	case errors.Is(err, pairing.ErrTooManyRuns):
		o.finish(trust.Peer{}, ErrAttempts)
		return nil, NewError(codeOver, "the code is used up", nil)
	case errors.Is(err, pairing.ErrOver):
		return nil, NewError(codeOver, "the code is used up", nil)
	case err != nil:
		return nil, ErrBadArgs
	}
	return answer, nil
}

// countAttempts tells of the run that a guest has begun, if it has begun one.
func (o *PairingOffer) countAttempts(g guestCaller) {
	o.mu.Lock()
	defer o.mu.Unlock()
	runs := o.offer.Runs()
	if runs == o.attempts {
		return
	}
	o.attempts = runs
	close(o.changed)
	o.changed = make(chan struct{})
	o.node.config.Logger.Debug("pairing", "state", "attempt", "peer", g.key, "addr", g.addr)
}

// verify ends the offer by a confirmation, unless that is not one. The joiner hears of its trust only when that is written
// down.
func (o *PairingOffer) verify(binding pairing.Binding, message []byte) (any, error) {
	answer, label, err := o.offer.Verify(binding, message)
	switch {
	case errors.Is(err, pairing.ErrWrongCode):
		o.finish(trust.Peer{}, ErrWrongCode)
		return nil, NewError(codeWrong, "that is another code; it is used up now", nil)
	case errors.Is(err, pairing.ErrUnknownRun):
		return nil, NewError(codeNoRun, "no pairing is under way in this session", nil)
	case errors.Is(err, pairing.ErrOver):
		return nil, NewError(codeOver, "the code is used up", nil)
	case err != nil:
		return nil, ErrBadArgs
	}
	peer, err := o.trust(binding.Initiator, label)
	if err != nil {
		o.finish(trust.Peer{}, err)
		return nil, NewError(CodeFailed, "the node here cannot write down whom it trusts", nil)
	}
	// The session of the guest goes on: the answer still has to be written.
	o.finish(peer, nil)
	return answer, nil
}

func (o *PairingOffer) trust(key identity.PublicKey, label string) (trust.Peer, error) {
	return o.node.trustProvisionally(key, Introduction{Label: o.intro.Label}, label)
}
