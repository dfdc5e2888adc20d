package udp

import (
	"sync"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// Stats counts what a Provider has done since it was made, all its runs together.
type Stats struct {
	Sent        uint64 // announces sent: one for each address that one goes to
	SendErrors  uint64 // announces that could not be sent
	Heard       uint64 // announces of other nodes on our links: each was reported
	Own         uint64 // our own announces, heard
	Junk        uint64 // datagrams that are no announce
	OffLink     uint64 // announces from a machine that is on no link of ours
	Unknown     uint64 // private announces of nobody who is paired with the node
	Excess      uint64 // private announces that were not looked at, because there were too many
	OtherErrors uint64 // failures to receive, to list the interfaces, to use IPv6

	Interfaces []string // those that announces are sent and heard on, as last seen
	LastError  error    // the latest of those that were counted; nil: none
}

// Counts implements discovery.Counter: the numbers of Stats, by their names in lower case with underscores.
func (p *Provider) Counts() map[string]uint64 {
	s := p.Stats()
	return map[string]uint64{
		"sent": s.Sent, "send_errors": s.SendErrors, "heard": s.Heard, "own": s.Own, "junk": s.Junk, "off_link": s.OffLink,
		"unknown": s.Unknown, "excess": s.Excess, "other_errors": s.OtherErrors,
	}
}

var _ discovery.Counter = (*Provider)(nil)

// counters are where the goroutines of a Provider count. Its methods are safe for concurrent use.
type counters struct {
	sent, sendErrors, heard, own, junk, offLink, unknown, excess, otherErrors atomic.Uint64

	mu         sync.Mutex // guards the rest
	interfaces []string   // never changed, only replaced
	lastError  error
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Sent: c.sent.Load(), SendErrors: c.sendErrors.Load(), Heard: c.heard.Load(), Own: c.own.Load(),
		Junk: c.junk.Load(), OffLink: c.offLink.Load(), Unknown: c.unknown.Load(), Excess: c.excess.Load(), OtherErrors: c.otherErrors.Load(),
		Interfaces: append([]string(nil), c.interfaces...), LastError: c.lastError,
	}
}

// fail counts an error.
func (c *counters) fail(count *atomic.Uint64, err error) {
	count.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastError = err
}

func (c *counters) using(links []link) {
	names := make([]string, 0, len(links))
	for _, l := range links {
		names = append(names, l.name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interfaces = names
}
