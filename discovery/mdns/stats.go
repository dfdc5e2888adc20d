package mdns

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// Stats counts what a Provider has done since it was made, all its runs together. The library's questions, and what is
// heard of our own, are not counted apart.
type Stats struct {
	Sent        uint64 // packets sent: announcements, answers, goodbyes and questions about one node, one for each interface and family
	SendErrors  uint64 // packets that could not be sent
	Heard       uint64 // responses that say something of a node, or of addresses
	Junk        uint64 // packets that are not of multicast DNS
	Foreign     uint64 // packets that say and ask nothing of nodes
	OffLink     uint64 // packets not sent by multicast from port 5353 of a machine on a link of ours
	Asked       uint64 // queries for our records
	Suppressed  uint64 // of those, that are not answered: who asks knows it, or we have none such
	Limited     uint64 // of those, that were answered later than asked for: something had been said less than a second before
	Excess      uint64 // of those, that were dropped, because too many waited
	OtherErrors uint64 // failures to receive

	Interfaces []string // those that are spoken and listened on, as last seen
	LastError  error    // the latest of those that were counted; nil: none
}

// Counts implements discovery.Counter: the numbers of Stats, by their names in lower case with underscores.
func (p *Provider) Counts() map[string]uint64 {
	s := p.Stats()
	return map[string]uint64{
		"sent": s.Sent, "send_errors": s.SendErrors, "heard": s.Heard, "junk": s.Junk, "foreign": s.Foreign, "off_link": s.OffLink,
		"asked": s.Asked, "suppressed": s.Suppressed, "limited": s.Limited, "excess": s.Excess, "other_errors": s.OtherErrors,
	}
}

var _ discovery.Counter = (*Provider)(nil)

// counters are where the goroutines of a Provider count. Its methods are safe for concurrent use.
type counters struct {
	sent, sendErrors, heard, junk, foreign, offLink, asked, suppressed, limited, excess, otherErrors atomic.Uint64

	mu         sync.Mutex // guards the rest
	interfaces []string   // never changed, only replaced
	lastError  error
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Sent: c.sent.Load(), SendErrors: c.sendErrors.Load(), Heard: c.heard.Load(), Junk: c.junk.Load(), Foreign: c.foreign.Load(),
		OffLink: c.offLink.Load(), Asked: c.asked.Load(), Suppressed: c.suppressed.Load(), Limited: c.limited.Load(),
		Excess: c.excess.Load(), OtherErrors: c.otherErrors.Load(), Interfaces: slices.Clone(c.interfaces), LastError: c.lastError,
	}
}

// fail counts an error.
func (c *counters) fail(count *atomic.Uint64, err error) {
	count.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastError = err
}

// dropped counts a packet that says nothing, by the reason.
func (c *counters) dropped(err error) {
	if err == errMalformed {
		c.junk.Add(1)
	} else {
		c.foreign.Add(1)
	}
}

func (c *counters) using(list []discovery.Interface) {
	names := make([]string, 0, len(list))
	for _, i := range list {
		names = append(names, i.Name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interfaces = names
}
