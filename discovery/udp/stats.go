package udp

import (
	"maps"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// Stats counts what a Provider has done since it was made, all its runs together.
type Stats struct {
	Sent        uint64 // announces sent, those of offers too: one for each address that one goes to
	SendErrors  uint64 // announces that could not be sent
	Heard       uint64 // announces of other nodes on our networks, those of offers too: each was reported
	Own         uint64 // our own announces, heard
	Junk        uint64 // datagrams that are not announces
	OffLink     uint64 // announces from a machine that is on none of our networks
	Unknown     uint64 // private announces of nodes that are not paired with this one
	Excess      uint64 // private announces that were dropped unseen, because there were too many
	OtherErrors uint64 // failures to receive, to list the interfaces, to use IPv6

	Interfaces []string          // those that announces are sent and heard on, as last seen
	Unused     map[string]string // why the other interfaces are not, by name; nothing if interfaces were named
	LastError  error             // the latest of those that were counted; nil: none
}

// Stats returns what has been counted until now.
func (p *Provider) Stats() Stats {
	s := p.counters.Get()
	s.Interfaces, s.Unused = slices.Clone(s.Interfaces), maps.Clone(s.Unused)
	return s
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
