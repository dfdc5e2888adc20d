// Package dialects says in which dialect a peer is dialled and served, and how often a BEAM node may be dialled:
// wire.md §13.
//
// A [Book] joins what the node speaks, what the owner has fixed for a peer, and what the peer was heard to speak. What was
// heard is kept in the node's state file. That may be lost: then each peer is asked natively once more.
package dialects

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

// nativeAgain is how long after a native dial a peer that speaks BEAM is dialled natively again (wire.md §13.7).
const nativeAgain = 24 * time.Hour

// ErrNotSpoken says that a peer cannot be dialled, since the node does not speak the dialect that it must be dialled in.
var ErrNotSpoken = errors.New("this node does not speak the peer's dialect")

// A Config says what a Book begins with.
type Config struct {
	// Speaks are the dialects of the node. If empty, Native alone.
	Speaks []handshake.Dialect

	// Fixed returns the dialect that the owner has fixed for a peer. It is safe for concurrent use. If nil, none is fixed.
	Fixed func(identity.PublicKey) (d handshake.Dialect, ok bool)

	// Trusted says whether a peer is trusted. It is safe for concurrent use. What is known of others is not kept. If nil, all are.
	Trusted func(identity.PublicKey) bool

	Clock clock.Clock

	// Path is where the state file is. If empty, what is heard is lost with the Book.
	Path string

	// Warn is told why the state file cannot be used. It does not block.
	Warn func(error)
}

// A Book is safe for concurrent use. A nil Book is that of a node that speaks Native alone and remembers nothing.
type Book struct {
	config Config

	mu      sync.Mutex // guards the rest
	entries map[identity.PublicKey]*entry
	changed bool           // since the state file was written
	writing bool           // a goroutine writes it
	writes  sync.WaitGroup // of that goroutine

	isUnread bool // the state file is there and could not be read yet. Only Open and the goroutine that writes use it
}

// An entry is what is known of one peer.
type entry struct {
	spoken  handshake.Dialect // that the peer was heard to speak, if heard
	heard   bool
	asked   time.Time   // when a peer that speaks BEAM was last dialled natively
	dials   []*Dial     // under way
	names   *Names      // nil: no session with the peer has been in BEAM
	closing []time.Time // when connections are to end that this node closes, oldest first
	closed  []time.Time // ends of the last connections to a peer that may be a BEAM node, oldest first: within closedPeriod
}

// Speaks says whether the node speaks d.
func (b *Book) Speaks(d handshake.Dialect) bool {
	if b == nil || len(b.config.Speaks) == 0 {
		return d == handshake.Native
	}
	return slices.Contains(b.config.Speaks, d)
}

// Serves says whether a peer that has proved its key in d is served. A key that has ever spoken natively, or is fixed to be
// native, is not served in BEAM: an attacker may have brought that dial about.
func (b *Book) Serves(key identity.PublicKey, d handshake.Dialect) bool {
	if !b.Speaks(d) {
		return false
	}
	of, known := b.Of(key)
	return d == handshake.Native || !known || of == handshake.BEAM
}

// Of returns the dialect of a peer: that which the owner has fixed, or else that which the peer was heard to speak.
func (b *Book) Of(key identity.PublicKey) (d handshake.Dialect, known bool) {
	if b == nil {
		return handshake.Native, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of(key)
}

// of is Of, called with mu held.
func (b *Book) of(key identity.PublicKey) (handshake.Dialect, bool) {
	if d, ok := b.fixed(key); ok {
		return d, true
	}
	if e := b.entries[key]; e != nil {
		return e.spoken, e.heard
	}
	return handshake.Native, false
}

// IsBEAM says whether a peer is known to be a BEAM node.
func (b *Book) IsBEAM(key identity.PublicKey) bool {
	d, known := b.Of(key)
	return known && d == handshake.BEAM
}

// is says whether a peer is known to speak d. It is called with mu held.
func (b *Book) is(key identity.PublicKey, d handshake.Dialect) bool {
	of, known := b.of(key)
	return known && of == d
}

func (b *Book) fixed(key identity.PublicKey) (handshake.Dialect, bool) {
	if b.config.Fixed == nil {
		return handshake.Native, false
	}
	return b.config.Fixed(key)
}

// A Choice is how a peer is dialled.
type Choice struct {
	Dialect handshake.Dialect

	// FallsBack says that a responder which closes the connection cleanly in place of message 2 is dialled in BEAM next,
	// once (wire.md §13.7).
	FallsBack bool
}

// Choose returns how a peer is dialled now. The error is an ErrNotSpoken.
func (b *Book) Choose(key identity.PublicKey) (Choice, error) {
	if b == nil {
		return Choice{}, nil
	}
	d, known := b.Of(key)
	_, isFixed := b.fixed(key)
	both := b.Speaks(handshake.Native) && b.Speaks(handshake.BEAM)
	switch {
	case known && !b.Speaks(d):
		return Choice{}, fmt.Errorf("%w, which is %v", ErrNotSpoken, d)
	case !known && !b.Speaks(handshake.Native):
		return Choice{Dialect: handshake.BEAM}, nil
	case !known:
		return Choice{Dialect: handshake.Native, FallsBack: both}, nil
	case d == handshake.BEAM && !isFixed && both && b.isDueNatively(key):
		return Choice{Dialect: handshake.Native, FallsBack: true}, nil
	}
	return Choice{Dialect: d}, nil
}

// isDueNatively says whether a peer that speaks BEAM is to be dialled natively now. That connection will most likely be
// closed, so there must be room for one in BEAM after it.
func (b *Book) isDueNatively(key identity.PublicKey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, now := b.entries[key], b.config.Clock.Now()
	e.prune(now)
	return now.Sub(e.asked) >= nativeAgain && len(e.closed)+len(e.dials) == 0
}

// Spoke records that a peer has proved its key in d. Native is recorded for good: only the owner can change that.
func (b *Book) Spoke(key identity.PublicKey, d handshake.Dialect) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.isTrusted(key) {
		return
	}
	e := b.entry(key)
	if e.heard && (e.spoken == handshake.Native || e.spoken == d) {
		return
	}
	e.spoken, e.heard = d, true
	if d == handshake.BEAM && e.asked.IsZero() {
		e.asked = b.config.Clock.Now()
	}
	b.save()
}

// Forget forgets a peer that is not trusted any more, except for connections that are open or have ended lately: if it is trusted
// again at once, they still count.
func (b *Book) Forget(key identity.PublicKey) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[key]; e != nil {
		b.entries[key] = &entry{dials: e.dials, closing: e.closing, closed: e.closed}
		b.save()
	}
	now := b.config.Clock.Now()
	for key, e := range b.entries { // also of sessions that ended after a peer before this one was forgotten
		if e.prune(now); !e.heard && e.names == nil && len(e.dials)+len(e.closing)+len(e.closed) == 0 {
			delete(b.entries, key)
		}
	}
}

func (b *Book) isTrusted(key identity.PublicKey) bool {
	return b.config.Trusted == nil || b.config.Trusted(key)
}

// entry is called with mu held.
func (b *Book) entry(key identity.PublicKey) *entry {
	e := b.entries[key]
	if e == nil {
		e = new(entry)
		b.entries[key] = e
	}
	return e
}
