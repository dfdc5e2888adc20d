package peers

import (
	"errors"

	"github.com/seed-f6ddb928/peernet-go/internal/netwatch"
)

// moved is a change of the machine's addresses, or the end of its sleep (wire.md §7.5).
func (p *peer) moved(c netwatch.Change) {
	why := "this machine's addresses have changed"
	if c.Slept > 0 {
		why = "this machine was asleep"
	}
	p.recordStep(Step{Reason: why})
	for i := range p.sessions {
		s := &p.sessions[i]
		if l := p.link(s.id); c.IsGone(l.Local()) && !s.beam { // a BEAM node's is closed only once it is dead
			s.stranded = true
		} else if !s.over {
			l.Check()
		}
	}
	p.applyFacts()
	p.falls = 0
	for _, a := range p.addrs {
		a.failures, a.next = 0, p.notBefore
	}
	switch {
	case p.round == nil:
	case p.Dialects.IsBEAM(p.key): // to call a dial off would close a connection; it has its time
		return
	default:
		p.raceAnew()
		return
	}
	p.askToDial()
}

// errAddressGone is why a session ends whose local address this machine does not have any more.
var errAddressGone = errors.New("this machine does not have the address any more from which the connection was made")
