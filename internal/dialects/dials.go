package dialects

import (
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of the connections to a BEAM node (wire.md §13.7). Four that close within five seconds, for whatever reason, take
// its supervisor down, and each of the node's own dials that fails counts among them.
const (
	maxClosed    = 2                // connections that may have closed within closedPeriod before the next dial
	closedPeriod = 10 * time.Second // of the end of a connection
	pauseBetween = 5 * time.Second  // from the end of a connection to the next dial

	// lookAgain is how long a dial waits that must not begin while another one to the same node is under way.
	lookAgain = 250 * time.Millisecond
)

// A Dial is one dial, from its TCP connect until a session is up or the connection has ended.
type Dial struct {
	book    *Book
	key     identity.PublicKey
	addr    netip.AddrPort
	dialect handshake.Dialect
}

// Wait returns how long until a peer may be dialled at addr; 0: now. Dials of a native node are not bounded here. For a
// BEAM node all connections count, to any address and dialled by either end, and they begin one at a time. For a peer
// whose dialect is unknown, the connections to all its addresses count that may have met a BEAM node, and no dial begins
// beside one in BEAM; native dials to several addresses may run at the same time until one of them was closed. So an
// address in a forged announce holds up the others, for a bounded time. fallsBack marks the dial in BEAM after a native
// one: it need not wait for the pause.
func (b *Book) Wait(key identity.PublicKey, addr netip.AddrPort, fallsBack bool) time.Duration {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e, now, known := b.entries[key], b.config.Clock.Now(), b.is(key, handshake.BEAM)
	if e == nil || b.is(key, handshake.Native) {
		return 0
	}
	e.prune(now)
	excludes := func(d *Dial) bool { return known || d.addr == addr || d.dialect == handshake.BEAM }
	if slices.ContainsFunc(e.dials, excludes) {
		return lookAgain
	}
	pause := pauseBetween
	if !known && b.Speaks(handshake.Native) && b.Speaks(handshake.BEAM) {
		pause = closedPeriod // after the native dial there must be room for one in BEAM
	}
	var wait time.Duration
	if n := len(e.closed); n > 0 && !fallsBack {
		wait = e.closed[n-1].Add(pause).Sub(now)
	}
	if n := len(e.closed); n >= maxClosed {
		wait = max(wait, e.closed[n-maxClosed].Add(closedPeriod).Sub(now))
	}
	return max(wait, 0)
}

// Begin counts a dial to addr in d that begins now. It is nil, on which the methods do nothing, if nothing is counted.
func (b *Book) Begin(key identity.PublicKey, addr netip.AddrPort, d handshake.Dialect) *Dial {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.is(key, handshake.Native) {
		return nil
	}
	e, dial := b.entry(key), &Dial{b, key, addr, d}
	e.dials = append(e.dials, dial)
	if d == handshake.Native {
		e.asked = b.config.Clock.Now()
	}
	if b.is(key, handshake.BEAM) {
		b.save() // with this one as if it ended now: the process may end before it does
	}
	return dial
}

// Up ends the dial with a session that is up.
func (d *Dial) Up() { d.end(false) }

// Fail ends the dial without a session. likeBEAM says that a BEAM node may have noticed it: else it counts only if the
// peer is known to be one.
func (d *Dial) Fail(likeBEAM bool) {
	if d != nil {
		d.end(likeBEAM || d.book.IsBEAM(d.key))
	}
}

func (d *Dial) end(failed bool) {
	if d == nil {
		return
	}
	b := d.book
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entry(d.key)
	i := slices.Index(e.dials, d)
	if i < 0 {
		return // it has ended before
	}
	e.dials = slices.Delete(e.dials, i, i+1)
	if failed {
		b.close(d.key, e)
	}
}

// HoldClose returns how long a connection with a BEAM node that this node is about to close must stay open: no three end within
// closedPeriod, those that were held before included. Closed follows. The connection of a session that has ended may end by itself
// before that.
func (b *Book) HoldClose(key identity.PublicKey) time.Duration {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e, now := b.entry(key), b.config.Clock.Now()
	e.prune(now)
	var wait time.Duration
	if ends := slices.Concat(e.closed, e.closing); len(ends) >= maxClosed {
		wait = max(0, ends[len(ends)-maxClosed].Add(closedPeriod).Sub(now))
	}
	e.closing = append(e.closing, now.Add(wait))
	return wait
}

// Closed counts the end of a session with a BEAM node, whichever end dialled.
func (b *Book) Closed(key identity.PublicKey) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entry(key)
	e.closing = e.closing[min(1, len(e.closing)):]
	b.close(key, e)
}

// close is called with mu held. Of a peer that is native, nothing is counted.
func (b *Book) close(key identity.PublicKey, e *entry) {
	if b.is(key, handshake.Native) {
		return
	}
	now := b.config.Clock.Now()
	e.prune(now)
	e.closed = append(e.closed, now)
	e.closed = slices.Delete(e.closed, 0, max(0, len(e.closed)-maxClosed)) // as many as count
	if b.is(key, handshake.BEAM) {
		b.save()
	}
}

// prune forgets what does not count any more. It is called with mu held; e may be nil.
func (e *entry) prune(now time.Time) {
	if e != nil {
		isOver := func(at time.Time) bool { return now.Sub(at) >= closedPeriod }
		e.closed, e.closing = slices.DeleteFunc(e.closed, isOver), slices.DeleteFunc(e.closing, isOver)
	}
}
