package counters

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// A Peer is where the sessions of one peer, and what works for them, count. It is safe for concurrent use.
type Peer struct {
	n [counters]atomic.Uint64

	// Limits on the log lines that this peer can cause, by kind, as each tells the number that was not logged: that the peer
	// comes and goes, its faults, and keys in use twice.
	States, Faults, Conflicts limiter.Lines

	streamBytes atomic.Int64 // a gauge, see ReserveStream

	mu       sync.Mutex // guards the rest
	sessions []Session  // that are up
	last     time.Duration
	smoothed time.Duration
}

// A Session tells what it holds at this moment. Its methods are safe for concurrent use.
type Session interface {
	InFlight() int // calls of ours
	Queued() int   // bytes that wait to be written, or are being written
}

// newPeer returns a Peer. A visit that ends with a fault is logged both ways, so these two kinds share what one may log.
func newPeer() *Peer {
	const most = limiter.MaxLines / 2
	return &Peer{States: limiter.Lines{Most: most}, Faults: limiter.Lines{Most: most}}
}

// Add adds n to one of the peer's numbers.
func (p *Peer) Add(c Counter, n uint64) {
	if n > 0 {
		p.n[c].Add(n)
	}
}

// CallIn counts a call of the peer that has been answered, or would have been if the session had not ended.
func (p *Peer) CallIn(r CallResult) { p.Add(callsIn+Counter(r), 1) }

// CallOut counts a call of this node that has ended.
func (p *Peer) CallOut(r CallResult) { p.Add(callsOut+Counter(r), 1) }

// Up counts a session that has come up, which is asked what it holds until Down.
func (p *Peer) Up(s Session) {
	p.Add(SessionsMade, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions = append(p.sessions, s)
}

// Down counts the end of a session that had come up.
func (p *Peer) Down(s Session, reason envelope.Reason) {
	p.Add(sessionsEnded+Counter(index(EndReasons[:], reason)), 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions = slices.DeleteFunc(p.sessions, func(o Session) bool { return o == s })
}

// smoothing is the part of a new round trip in the smoothed one: 1/8, as in RFC 6298.
const smoothing = 8

// RTT records a round trip.
func (p *Peer) RTT(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.smoothed == 0 {
		p.smoothed = d
	}
	p.last, p.smoothed = d, p.smoothed+(d-p.smoothed)/smoothing
}

// ReserveStream reserves n bytes for what streams with the peer hold. It returns false, and reserves none, if more than limit
// would be reserved then over all its sessions.
func (p *Peer) ReserveStream(n, limit int) bool {
	for {
		old := p.streamBytes.Load()
		if int(old)+n > limit {
			return false
		}
		if p.streamBytes.CompareAndSwap(old, old+int64(n)) {
			return true
		}
	}
}

// ReleaseStream gives n reserved bytes back.
func (p *Peer) ReleaseStream(n int) { p.streamBytes.Add(int64(-n)) }

// StreamBytes returns how many bytes are reserved.
func (p *Peer) StreamBytes() int { return int(p.streamBytes.Load()) }

// stats returns the numbers as they are now.
func (p *Peer) stats() (s Stats) {
	for i := range p.n {
		s.Counts[i] = p.n[i].Load()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Sessions, s.RTT, s.SmoothedRTT = len(p.sessions), p.last, p.smoothed
	s.StreamBytes = p.StreamBytes()
	for _, o := range p.sessions {
		s.InFlight += o.InFlight()
		s.Queued += o.Queued()
	}
	return s
}
