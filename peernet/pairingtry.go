package peernet

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// A joinTry is a node that announces the number, at one address.
type joinTry struct {
	discovery.Offer
	begun  int       // how often
	at     time.Time // the last time
	open   bool
	silent bool     // the last time, before its share
	run    *joinRun // once shares are exchanged
}

// beginTries begins tries of the offers in list while there is room. It returns the time until one that is held back may begin.
func (s *offerSearch) beginTries(ctx context.Context, list []discovery.Offer) (held time.Duration) {
	held = forever
	for s.enough == nil && s.open < maxJoins {
		var t *joinTry
		if t, held = s.next(list); t == nil {
			break
		}
		limit := firstTry
		if t.begun > 0 {
			limit = exchangeTime
		}
		t.begun, t.at, t.open, t.silent = t.begun+1, time.Now(), true, false
		s.tries[t.Offer] = t
		s.byHost[t.Addr.Addr()]++
		if _, had := s.only[t.Key]; had {
			s.only[t.Key] = nil
		} else {
			s.only[t.Key] = t
		}
		s.open++
		s.join.Go(func() {
			run, err := s.node.beginJoin(ctx, limit, s.code, t.Key, t.Addr.String(), s.intro.Name)
			s.done <- joinResult{try: t, run: run, err: err}
		})
	}
	return held
}

// next returns which offer of list to try: one that was not tried, of the host that was tried least, and of these the one heard
// last; or else one that was silent before its share, for the second time.
func (s *offerSearch) next(list []discovery.Offer) (best *joinTry, held time.Duration) {
	held = forever
	for _, o := range list {
		o.Interface = "" // heard on two of them it is one
		t := s.tries[o]
		switch {
		case s.refused[o.Key] != nil, t == nil && len(s.tries) >= maxJoinTries, t != nil && (t.open || !t.silent || t.begun > 1):
			continue
		case t == nil:
			t = &joinTry{Offer: o}
		}
		if other := s.only[o.Key]; other != nil && other.open {
			if wait := sameKeyPause - time.Since(other.at); wait > 0 {
				held = min(held, wait)
				continue
			}
		}
		if best == nil || cmp.Or(cmp.Compare(t.begun, best.begun), cmp.Compare(s.byHost[t.Addr.Addr()], s.byHost[best.Addr.Addr()])) < 0 {
			best = t
		}
	}
	return best, held
}

// nextReady returns the place in ready of the next try to confirm, or -1. A key whose confirmation has failed comes after all others:
// it may be an impostor that takes guesses, or the offerer, at an address where somebody else drops what it is sent.
func (s *offerSearch) nextReady() int {
	next := -1
	for i, t := range s.ready {
		if s.asked[t.Key] != nil {
			continue
		}
		if _, has := s.failed[t.Key]; !has {
			return i
		}
		if next < 0 {
			next = i
		}
	}
	return next
}

// confirmNext sends a confirmation to the next node that is ready, unless another one has still time to answer, or others that have
// had none may still get ready. It returns the time until that is over.
func (s *offerSearch) confirmNext(ctx context.Context) (turn time.Duration) {
	next := s.nextReady()
	if next < 0 || s.enough != nil {
		return forever
	}
	if wait := confirmPause - time.Since(s.askedAt); len(s.asked) > 0 && wait > 0 {
		return wait
	}
	if at, has := s.failed[s.ready[next].Key]; has {
		if wait := othersTime - time.Since(at); wait > 0 {
			return wait
		}
	}
	if s.enough = s.node.pairings.guesses.take(s.node.config.Clock.Now(), s.code.Number()); s.enough != nil {
		return forever
	}
	t := s.ready[next]
	s.ready = slices.Delete(s.ready, next, next+1)
	s.asked[t.Key], s.askedAt = t, time.Now()
	run := t.run
	s.join.Go(func() {
		offered, err := run.confirm(ctx)
		s.done <- joinResult{try: t, offered: offered, err: err}
	})
	return confirmPause
}
