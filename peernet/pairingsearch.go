package peernet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Bounds of a search. Every machine on a link can announce a number at a thousand addresses, and be silent there.
const (
	maxJoins     = 16   // connections at once: of 64 silent addresses all are tried within 4 s
	maxJoinTries = 1024 // addresses in all, 150 bytes each

	// firstTry bounds the first exchange with a node, so that a silent one does not keep others waiting. Then it is tried once more,
	// after all others, for exchangeTime.
	firstTry = time.Second
	// sameKeyPause is the time before a second address of a key is tried beside the first: many nodes have two, and an offerer tells
	// its person of each attempt. Further ones do not wait: others can announce a key where it is not.
	sameKeyPause = 250 * time.Millisecond
	// confirmPause is the time after which a confirmation that is not answered keeps the next one waiting no longer.
	confirmPause = time.Second
	// othersTime is how long a joiner looks for others after all nodes that announce the number have failed.
	othersTime = 2 * time.Second
)

// An offerSearch looks for the offer of a code among the nodes that announce its number. It exchanges shares with several of them
// at a time, which is no guess, and confirms one after the other. Only run and what it calls touch the fields.
type offerSearch struct {
	node  *Node
	code  PairingCode
	intro Introduction

	tries   map[discovery.Offer]*joinTry
	byHost  map[netip.Addr]int               // tries that were begun: a machine with many addresses displaces no other
	only    map[identity.PublicKey]*joinTry  // the try of a key, nil if it has had several
	refused map[identity.PublicKey]error     // why a key is confirmed no more, at any address
	failed  map[identity.PublicKey]time.Time // when the first confirmation of a key failed: it has one more, after all others
	open    int                              // tries with a connection
	ready   []*joinTry                       // that wait to be confirmed, in the order of their shares
	asked   map[identity.PublicKey]*joinTry  // that were sent a confirmation and have not answered
	askedAt time.Time                        // when the last one was
	enough  error                            // why none is confirmed any more
	idle    time.Time                        // since when no try is open
	last    error                            // of the tries that have failed: see worseOf

	done chan joinResult // has room for every open try
	join sync.WaitGroup  // the goroutines of the open tries
}

// A joinResult ends a step of a try.
type joinResult struct {
	try     *joinTry
	run     *joinRun // shares are exchanged; nil: the step was the confirmation, or has failed
	offered string   // what the offerer calls itself, which has proved that it knows the code
	err     error
}

func newOfferSearch(n *Node, code PairingCode, i Introduction) *offerSearch {
	return &offerSearch{node: n, code: code, intro: i, tries: make(map[discovery.Offer]*joinTry), byHost: make(map[netip.Addr]int),
		only: make(map[identity.PublicKey]*joinTry), refused: make(map[identity.PublicKey]error), failed: make(map[identity.PublicKey]time.Time),
		asked: make(map[identity.PublicKey]*joinTry), done: make(chan joinResult, maxJoins)}
}

// run searches until a node has proved that it knows the code, no other is heard that could, or ctx ends. It returns the peer, and
// where it was. No connection is left but that of the peer.
func (s *offerSearch) run(ctx context.Context) (peer trust.Peer, at string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer s.release()
	defer cancel()
	for {
		list, news := s.node.pairings.offers.Find(time.Now(), s.code.Number())
		turn := s.confirmNext(ctx)
		held := s.beginTries(ctx, list)
		wake := min(turn, held)
		switch {
		case s.enough != nil && len(s.asked) == 0:
			s.last = s.enough
			return peer, "", s.failure(list)
		case s.open == 0 && s.last != nil:
			if wake = min(wake, othersTime-time.Since(s.idle)); wake <= 0 {
				return peer, "", s.failure(list)
			}
		}
		select {
		case r := <-s.done:
			if peer, err = s.take(r); err != nil || !peer.Key.IsZero() {
				return peer, r.try.Addr.String(), err
			}
		case <-news:
		case <-time.After(wake):
		case <-ctx.Done():
			err := s.failure(list)
			if errors.Is(ctx.Err(), context.Canceled) {
				err = fmt.Errorf("%w: %w", ctx.Err(), err)
			}
			return peer, "", err
		case <-s.node.root.Done():
			return peer, "", ErrClosed
		}
	}
}

// forever is a wait that something else ends.
const forever = time.Hour

// take takes the result of a step. It returns the peer once it is trusted, and an error that another offer would not change.
func (s *offerSearch) take(r joinResult) (trust.Peer, error) {
	t := r.try
	if r.run != nil {
		t.run, r.err = r.run, s.node.checkLabel(s.intro.Label, t.Key)
		if err := s.refused[t.Key]; err != nil {
			r.err = err // of another address
		}
		if r.err == nil {
			s.ready = append(s.ready, t)
			return trust.Peer{}, nil
		}
		t.run.abort()
	}
	s.endTry(t)
	if r.err == nil {
		return s.node.trustProvisionally(t.Key, s.intro, r.offered)
	}
	s.node.config.Logger.Debug("pairing", "state", "failed", "peer", t.Key, "addr", t.Addr, "err", r.err)
	if isOwners(r.err) {
		return trust.Peer{}, r.err
	}
	t.silent = r.err == errSilent && t.run == nil // silent at its confirmation it had a guess
	s.last = worseOf(s.last, r.err)
	_, again := s.failed[t.Key]
	confirmed := r.run == nil && t.run != nil
	if confirmed && !again {
		s.failed[t.Key] = time.Now()
	}
	if errors.Is(r.err, ErrWrongCode) || confirmed && again {
		s.refused[t.Key] = r.err
		s.ready = slices.DeleteFunc(s.ready, func(o *joinTry) bool {
			if o.Key == t.Key {
				o.run.abort()
				s.endTry(o)
			}
			return o.Key == t.Key
		})
	}
	return trust.Peer{}, nil
}

// endTry notes that a try has no connection any more.
func (s *offerSearch) endTry(t *joinTry) {
	t.open = false
	s.open--
	s.idle = time.Now()
	if s.asked[t.Key] == t {
		delete(s.asked, t.Key)
	}
}

// failure returns why nobody was joined, and how many nodes announce the number.
func (s *offerSearch) failure(list []discovery.Offer) error {
	err := s.last
	switch {
	case err == nil:
		err = ErrNoOffer
	case errors.Is(err, ErrUnreachable):
		err = fmt.Errorf("%w: %w", ErrNoOffer, err)
	}
	nodes := make(map[identity.PublicKey]bool)
	for _, o := range list {
		nodes[o.Key] = true
	}
	for o := range s.tries {
		nodes[o.Key] = true
	}
	switch len(nodes) {
	case 0:
		return err
	case 1:
		return fmt.Errorf("%w (1 node announces this number)", err)
	}
	return fmt.Errorf("%w (%d nodes announce this number)", err, len(nodes))
}

// worseOf returns the one to tell of two reasons why nodes that announce the number were not joined: a wrong code, as it ends an
// offer, before all others, and what a node has said before that none could be reached.
func worseOf(last, err error) error {
	if last == nil || !errors.Is(last, ErrWrongCode) && !errors.Is(err, ErrUnreachable) {
		return err
	}
	return last
}

// release waits for the goroutines of the tries, whose context has ended, and ends the runs that were not confirmed.
func (s *offerSearch) release() {
	s.join.Wait()
	for {
		select {
		case r := <-s.done:
			if r.run != nil {
				r.run.abort()
			}
		default:
			for _, t := range s.ready {
				t.run.abort()
			}
			return
		}
	}
}
