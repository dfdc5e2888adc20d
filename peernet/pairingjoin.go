package peernet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/pairing"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Times of a joiner.
const (
	// tryTime bounds one node that announces the number: its dial and its answers. Somebody else may be the right one.
	tryTime = 3 * time.Second
	// othersTime is how long a joiner looks for others after a node that announces the number has failed.
	othersTime = 2 * time.Second
	// connectTime bounds the first ordinary connection.
	connectTime = 5 * time.Second
)

// JoinPairing pairs with the node that shows code, and connects to it. It looks for that node on the local networks until ctx
// ends, or dials i.Addr. When it returns nil both nodes trust each other and are connected. If the nodes trust each other and
// are not connected yet, it returns the peer with an error that says why; the node goes on trying.
//
// The errors are ErrNoOffer, ErrCodeOver, ErrWrongCode, ErrGuesses, ErrOwnCode, ErrOffering, ErrReveals, ErrJoinAddr, those
// of a label that cannot be used, and those of a dial. A wrong code ends the other node's offer: that node has to make a new
// one. For one number a node confirms at most three times in four minutes, whatever the words: with each
// an impostor of the other node gets a guess. docs/wire.md §14 has the protocol.
func (n *Node) JoinPairing(ctx context.Context, code PairingCode, i Introduction) (trust.Peer, error) {
	peer, at, err := n.joinPairing(ctx, code, i)
	if err != nil {
		return trust.Peer{}, fmt.Errorf("pairing by code %d: %w", code.Number(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	if err := n.ConnectOnce(ctx, peer.Key, at); err != nil {
		return peer, fmt.Errorf("paired, and not connected yet: %w", err)
	}
	if kept, ok := n.trust.Get(peer.Key); ok {
		peer = kept
	}
	return peer, nil
}

// joinPairing returns the peer, and where it was.
func (n *Node) joinPairing(ctx context.Context, code PairingCode, i Introduction) (peer trust.Peer, at string, err error) {
	if err := n.checkJoin(code, &i); err != nil {
		return peer, "", err
	}
	if i.Addr != "" {
		peer, err = n.tryOffer(ctx, code, identity.PublicKey{}, i.Addr, i)
		return peer, i.Addr, err
	}
	n.pairings.offers.Ask()
	var last error // of the node that was tried last
	tried := make(map[discovery.Offer]bool)
	refused := make(map[identity.PublicKey]bool) // keys that have another code: at any address
	var others <-chan time.Time
	for {
		list, news := n.pairings.offers.Find(time.Now(), code.Number())
		for _, o := range list {
			o.Interface = "" // heard on two of them it is one
			if tried[o] || refused[o.Key] {
				continue
			}
			tried[o] = true
			peer, err := n.tryOffer(ctx, code, o.Key, o.Addr.String(), i)
			if err == nil {
				return peer, o.Addr.String(), nil
			}
			n.config.Logger.Debug("pairing", "state", "failed", "peer", o.Key, "addr", o.Addr, "err", err)
			if errors.Is(err, ErrWrongCode) {
				refused[o.Key] = true
			}
			last = worseOf(last, err)
			if errors.Is(err, ErrGuesses) || isOwners(err) {
				return trust.Peer{}, "", err
			}
			if ctx.Err() != nil {
				return trust.Peer{}, "", last
			}
			others = time.After(othersTime)
		}
		select {
		case <-news:
		case <-others:
			return trust.Peer{}, "", last
		case <-ctx.Done():
			if last == nil {
				last = ErrNoOffer
			}
			return trust.Peer{}, "", last
		case <-n.root.Done():
			return trust.Peer{}, "", ErrClosed
		}
	}
}

// worseOf returns the one to tell of two reasons why nodes that announce the number were not joined: a wrong code, as it ends an
// offer, before all others, and what a node has said before that none could be reached.
func worseOf(last, err error) error {
	if last == nil || !errors.Is(last, ErrWrongCode) && !errors.Is(err, ErrUnreachable) {
		return err
	}
	return last
}

// checkJoin returns why this node cannot join the offer of code.
func (n *Node) checkJoin(code PairingCode, i *Introduction) error {
	if code.IsZero() {
		return ErrCode
	}
	if err := n.checkIntroduction(i); err != nil {
		return err
	}
	n.pairings.mu.Lock()
	open := n.pairings.open
	n.pairings.mu.Unlock()
	switch {
	case open != nil && open.code == code:
		return ErrOwnCode
	case open != nil:
		return ErrOffering
	}
	if i.Addr != "" {
		if _, _, err := trust.SplitAddr(i.Addr); err != nil {
			return fmt.Errorf("address %.80q: %w", i.Addr, err)
		}
	} else if n.config.Private {
		return ErrJoinAddr
	} else if len(n.config.Discovery) == 0 {
		return fmt.Errorf("%w: the node runs without discovery", ErrNoOffer)
	}
	return n.pairings.hasGuess(n.config.Clock.Now(), code.Number())
}

// A ownersError is a reason on this side, which another offer would not change.
type ownersError struct{ error }

// Unwrap returns the reason.
func (e ownersError) Unwrap() error { return e.error }

func isOwners(err error) bool {
	_, is := errors.AsType[ownersError](err)
	return is
}

// tryOffer joins the offer at one address, and takes any key that answers there if key is zero.
func (n *Node) tryOffer(ctx context.Context, code PairingCode, key identity.PublicKey, addr string, i Introduction) (trust.Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	s, err := n.dialGuest(ctx, addr, key)
	if errors.Is(err, ErrNoGuests) {
		err = ErrCodeOver
	}
	if err != nil {
		return trust.Peer{}, err
	}
	defer s.close()
	if n.isBlocked(s.remote()) {
		return trust.Peer{}, ErrBlocked
	}
	j, err := pairing.NewJoiner(code, pairing.Binding{Hash: s.hash(), Initiator: n.self, Responder: s.remote()}, i.Name, n.config.Rand)
	if err != nil {
		return trust.Peer{}, ownersError{err}
	}
	defer j.Erase()
	answer, err := pairCall(ctx, s, j.Share())
	if err != nil {
		return trust.Peer{}, err
	}
	confirmation, err := j.Confirm(answer)
	if err != nil {
		return trust.Peer{}, err
	}
	if err := n.pairings.guess(n.config.Clock.Now(), code.Number()); err != nil {
		return trust.Peer{}, err
	}
	if answer, err = pairCall(ctx, s, confirmation); err != nil {
		return trust.Peer{}, err
	}
	offered, err := j.Finish(answer)
	if err != nil {
		return trust.Peer{}, err
	}
	peer, err := n.trustProvisionally(s.remote(), i, offered)
	if err != nil {
		return trust.Peer{}, ownersError{err}
	}
	return peer, nil
}

// pairCall sends a message to the offerer and returns its answer.
func pairCall(ctx context.Context, s *guestSession, message []byte) ([]byte, error) {
	raw, err := s.call(ctx, pairingName, message)
	switch remote, ok := errors.AsType[*RemoteError](err); {
	case ok && remote.Code == codeWrong:
		return nil, ErrWrongCode
	case ok && (remote.Code == codeOver || remote.Code == CodeNoHandler):
		return nil, ErrCodeOver
	case err != nil:
		if ended, ok := errors.AsType[*session.LinkError](err); ok && ended.ByPeer && ended.Reason == envelope.ReasonShutdown {
			return nil, ErrCodeOver // the last handler for guests has gone, and all guests with it
		}
		return nil, err
	}
	return decode[[]byte](raw)
}
