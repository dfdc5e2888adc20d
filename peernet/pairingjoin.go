package peernet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/pairing"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Times of a joiner.
const (
	// exchangeTime bounds the dial of a node and the exchange of shares with it.
	exchangeTime = 3 * time.Second
	// confirmTime bounds an offerer's check of a confirmation: it writes down its trust before it answers.
	confirmTime = 5 * time.Second
	// connectTime bounds the first ordinary connection.
	connectTime = 5 * time.Second
)

// JoinPairing pairs with the node that shows code, and connects to it. It looks for that node on the local networks until ctx
// ends, or dials i.Addr. When it returns nil both nodes trust each other and are connected. If the nodes trust each other and
// are not connected yet, it returns the peer with an error that says why; the node goes on trying.
//
// It exchanges shares with up to 16 nodes that announce the number at once, which is no guess, and confirms to one after the other. An
// error says how many announce it. It leaves no connection but that of the peer.
//
// The errors are ErrNoOffer, ErrCodeOver, ErrWrongCode, ErrGuesses, ErrOwnCode, ErrOffering, ErrReveals, ErrJoinAddr, those
// of a label that cannot be used, of a peers file that cannot be written, and those of a dial. A wrong code ends the other node's
// offer: that node has to make a new one. For one number a node confirms at most three times in four minutes, whatever the words: with
// each an impostor of the other node gets a guess. docs/wire.md §14 has the protocol.
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
		peer, err = n.joinAt(ctx, code, i)
		return peer, i.Addr, err
	}
	s := newOfferSearch(n, code, i)
	n.pairings.offers.Ask()
	return s.run(ctx)
}

// joinAt joins the offer at i.Addr, and takes any key that answers there.
func (n *Node) joinAt(ctx context.Context, code PairingCode, i Introduction) (trust.Peer, error) {
	r, err := n.beginJoin(ctx, exchangeTime, code, identity.PublicKey{}, i.Addr, i.Name)
	if err != nil {
		return trust.Peer{}, err
	}
	if err := n.checkLabel(i.Label, r.session.remote()); err != nil {
		r.abort()
		return trust.Peer{}, err
	}
	if err := n.pairings.guesses.take(n.config.Clock.Now(), code.Number()); err != nil {
		r.abort()
		return trust.Peer{}, err
	}
	offered, err := r.confirm(ctx)
	if err != nil {
		return trust.Peer{}, err
	}
	return n.trustProvisionally(r.session.remote(), i, offered)
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
	return n.pairings.guesses.check(n.config.Clock.Now(), code.Number())
}

// A ownersError is a reason on this side, which another offer would not change.
type ownersError struct{ error }

// Unwrap returns the reason.
func (e ownersError) Unwrap() error { return e.error }

func isOwners(err error) bool {
	_, is := errors.AsType[ownersError](err)
	return is
}

// A joinRun is the pairing with one node, once shares are exchanged. It ends by confirm or by abort.
type joinRun struct {
	session      *guestSession
	joiner       *pairing.Joiner
	confirmation []byte
}

// beginJoin makes a session with the node at addr, with any if key is zero, and exchanges shares with it within limit.
// That is no guess. name is what this node calls itself.
func (n *Node) beginJoin(ctx context.Context, limit time.Duration, code PairingCode, key identity.PublicKey, addr, name string) (_ *joinRun, err error) {
	ctx, cancel := withLimit(ctx, limit)
	defer cancel()
	s, err := n.dialGuest(ctx, addr, key)
	if errors.Is(err, ErrNoGuests) {
		err = ErrCodeOver
	}
	if err != nil {
		return nil, silenceOr(ctx, err)
	}
	defer func() {
		if err != nil {
			s.abort()
		}
	}()
	if n.isBlocked(s.remote()) {
		return nil, ErrBlocked
	}
	j, err := pairing.NewJoiner(code, pairing.Binding{Hash: s.hash(), Initiator: n.self, Responder: s.remote()}, name, n.config.Rand)
	if err != nil {
		return nil, ownersError{err}
	}
	r := &joinRun{session: s, joiner: j}
	answer, err := pairCall(ctx, s, j.Share())
	if err == nil {
		r.confirmation, err = j.Confirm(answer)
	}
	if err != nil {
		j.Erase()
		return nil, silenceOr(ctx, err)
	}
	return r, nil
}

// confirm sends the confirmation, which is a guess for the node there, and verifies the answer. It returns what the offerer calls
// itself. The session ends.
func (r *joinRun) confirm(ctx context.Context) (offered string, err error) {
	ctx, cancel := withLimit(ctx, confirmTime)
	defer cancel()
	answer, err := pairCall(ctx, r.session, r.confirmation)
	if err == nil {
		offered, err = r.joiner.Finish(answer)
	}
	if err != nil {
		r.abort()
		return "", silenceOr(ctx, err)
	}
	r.session.close()
	return offered, nil
}

// abort ends the run without a word.
func (r *joinRun) abort() {
	r.joiner.Erase()
	r.session.abort()
}

// errSilent ends a context whose limit has passed.
var errSilent = fmt.Errorf("%w: it has not answered in time", ErrUnreachable)

// withLimit returns a context that ends by errSilent after limit.
func withLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, errSilent)
}

// silenceOr returns errSilent if the limit of ctx has passed, or else err.
func silenceOr(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && context.Cause(ctx) == errSilent {
		return errSilent
	}
	return err
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
