package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
)

// Bounds of what a peer sends in parts (wire.md §6.10), beside those of PartLimits.
const (
	maxChainSilence = 2 * time.Minute // without a part, after which a chain that is open ends the session
	firstGrowth     = 1 << 20         // bytes that the first part of a longer chain makes us allocate
)

// PartLimits bound what one end takes in parts over one session. It says so in its hello, and a peer that exceeds them breaks
// the protocol.
type PartLimits struct {
	Message  int // bytes of the largest envelope
	Assemble int // bytes of the envelopes that are unfinished, together; at least Message
	Chains   int // how many they may be
}

// partsOf returns what the peer takes in parts; zero if it takes none (wire.md §6.7).
func partsOf(h *envelope.Hello) PartLimits {
	if h.Version < 2 {
		return PartLimits{}
	}
	message := frame.DefaultLimit - channel.Overhead
	if h.Message == 0 {
		message = max(h.Max-channel.Overhead, message)
	}
	message = max(h.Message, message)
	return PartLimits{Message: message, Assemble: max(h.Assemble, message), Chains: max(h.Chains, 1)}
}

// Violations of the rules of parts.
var (
	errChainOpen   = errors.New("a first part has the number of a chain that is open")
	errNoChain     = errors.New("a part belongs to no chain")
	errChains      = errors.New("too many chains are open")
	errAssemble    = errors.New("the chains that are open have too many bytes")
	errMessage     = errors.New("an envelope in parts is too large")
	errChainTotal  = errors.New("a chain does not have the bytes that its first part has said")
	errChainSilent = errors.New("a chain has had no part for too long")
)

// An assembly joins the parts that one peer sends. It is a pure structure; times are those since the session began.
type assembly struct {
	limits   PartLimits
	chains   map[uint64]*chain // made with the first; nil again when none is open
	reserved int               // the totals of the chains
	look     time.Duration     // when checkSilence has something to do again
}

// A chain is one envelope whose parts are coming.
type chain struct {
	head      envelope.Envelope // Kind, ID and Name
	b         []byte            // nil if discarded
	total     int
	got       int
	begun     time.Duration // when its first part came
	heard     time.Duration // when its latest part came
	discarded bool          // nobody wants it: the parts are only counted
	abandoned bool          // by the peer: it was never sent
}

// add takes a part, whose bytes it copies, and returns the chain that it ends; nil: none. wants is asked at a first part
// whether the envelope is to be kept. An error is a violation of the protocol.
func (a *assembly) add(p envelope.Part, now time.Duration, wants func(head *envelope.Envelope, total int) bool) (*chain, error) {
	if p.Total > 0 {
		return nil, a.begin(p, now, wants)
	}
	c := a.chains[p.Chain]
	switch {
	case c == nil:
		return nil, errNoChain
	case p.Last && p.Bytes == nil:
		c.abandoned = true
		a.end(p.Chain, c)
		return c, nil
	case c.got+len(p.Bytes) > c.total, p.Last != (c.got+len(p.Bytes) == c.total):
		return nil, fmt.Errorf("%w: %d after %d of %d, last %v", errChainTotal, len(p.Bytes), c.got, c.total, p.Last)
	}
	c.heard = now
	c.take(p.Bytes)
	if !p.Last {
		return nil, nil
	}
	a.end(p.Chain, c)
	return c, nil
}

// begin opens the chain of a first part.
func (a *assembly) begin(p envelope.Part, now time.Duration, wants func(*envelope.Envelope, int) bool) error {
	switch {
	case a.chains[p.Chain] != nil:
		return errChainOpen
	case p.Total > a.limits.Message:
		return fmt.Errorf("%w: %d bytes, of at most %d", errMessage, p.Total, a.limits.Message)
	case len(a.chains) >= a.limits.Chains:
		return fmt.Errorf("%w: more than %d", errChains, a.limits.Chains)
	case p.Total > a.limits.Assemble-a.reserved:
		return fmt.Errorf("%w: %d and %d, of at most %d", errAssemble, a.reserved, p.Total, a.limits.Assemble)
	}
	head, err := envelope.ParseHead(p.Bytes)
	if err != nil {
		return fmt.Errorf("a first part: %w", err)
	}
	c := &chain{head: head, total: p.Total, begun: now, heard: now}
	c.head.Name = append([]byte(nil), head.Name...) // the part's bytes are not kept
	c.discarded = !wants(&c.head, p.Total)
	c.take(p.Bytes)
	if a.chains == nil {
		a.chains = make(map[uint64]*chain)
	}
	a.chains[p.Chain] = c
	a.reserved += p.Total
	return nil
}

// take appends b to the chain. Room grows with what has come, so that a first part does not cost what it only announces.
func (c *chain) take(b []byte) {
	c.got += len(b)
	if c.discarded {
		return
	}
	if c.got > cap(c.b) {
		grown := make([]byte, len(c.b), min(c.total, max(2*c.got, firstGrowth)))
		copy(grown, c.b)
		c.b = grown
	}
	c.b = append(c.b, b...)
}

// end forgets a chain.
func (a *assembly) end(number uint64, c *chain) {
	a.reserved -= c.total
	delete(a.chains, number)
	if len(a.chains) == 0 {
		a.chains = nil
	}
}

// checkSilence returns errChainSilent if a chain has had no part for maxChainSilence. It is called with every read, so that
// what a peer holds open ends soon after: a peer that sends nothing at all is found by liveness before.
func (a *assembly) checkSilence(now time.Duration) error {
	if a.chains == nil || now < a.look {
		return nil
	}
	oldest := now
	for _, c := range a.chains {
		oldest = min(oldest, c.heard)
	}
	if a.look = oldest + maxChainSilence; now >= a.look {
		return fmt.Errorf("%w: %v", errChainSilent, now-oldest)
	}
	return nil
}
