package mdns

import (
	"maps"
	"slices"

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
	OffLink     uint64 // packets not sent by multicast from port 5353 of a machine on a network of ours
	Asked       uint64 // queries for our records
	Suppressed  uint64 // of those, that are not answered: the asker knows the answer, or we have no such record
	Limited     uint64 // of those, that were answered later than asked for: something had been said less than a second before
	Excess      uint64 // of those, that were dropped, because too many waited
	OtherErrors uint64 // failures to receive

	Interfaces []string          // those that are spoken and listened on, as last seen
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
		"sent": s.Sent, "send_errors": s.SendErrors, "heard": s.Heard, "junk": s.Junk, "foreign": s.Foreign, "off_link": s.OffLink,
		"asked": s.Asked, "suppressed": s.Suppressed, "limited": s.Limited, "excess": s.Excess, "other_errors": s.OtherErrors,
	}
}

var _ discovery.Counter = (*Provider)(nil)
