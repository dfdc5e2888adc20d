package session

import (
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// PaceOfGuest is how many bytes a second are read of one guest session, and as many at once. A frame counts as 1 KiB more, and so does
// a read that completes none. What comes faster waits, and TCP slows the other end down: to open, decode and answer what a
// guest sends must not keep the node from its peers.
const PaceOfGuest = 1 << 20

// paceRate returns the Rate of a pace in bytes a second. Its events are KiB.
func paceRate(pace int) limiter.Rate {
	return limiter.Rate{Burst: pace >> 10, Every: time.Second / time.Duration(pace>>10)}
}

// A sharedPace is the pace of all guests of a node together. It outlives their sessions: a guest that comes again finds the bucket as
// it was. Those who wait take turns. Its zero value is ready for use. It is safe for concurrent use.
type sharedPace struct {
	mu     sync.Mutex // guards bucket
	bucket limiter.Bucket
}

func (p *sharedPace) reserve(now time.Time, kib int, r limiter.Rate) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bucket.Reserve(now, kib, r)
}

// keepPace has the reader of a guest session wait before it hands on what the last read brought, until both paces allow that: of
// the session, and, if the other end is the guest, of all guests. It waits no longer than until the session ends.
func (r *reader) keepPace() {
	g, now := r.guest, r.config.Clock.Now()
	kib := g.read>>10 + max(1, int(r.recv.Nonce()-g.opened))
	g.read, g.opened = g.read&(1<<10-1), r.recv.Nonce()
	wait := g.bucket.Reserve(now, kib, paceRate(PaceOfGuest))
	if r.role == handshake.Responder {
		wait = max(wait, r.config.guestPace.reserve(now, kib, paceRate(r.config.GuestPace)))
	}
	if wait == 0 {
		return
	}
	over := make(chan struct{})
	defer r.config.Clock.AfterFunc(wait, func() { close(over) })()
	select {
	case <-over:
	case <-r.stop:
	}
}
