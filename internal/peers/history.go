package peers

import (
	"net/netip"
	"slices"
	"time"
)

// keepSteps is how many steps of a peer's history are kept; older ones are forgotten.
const keepSteps = 32

// A Step is something that happened to a peer.
type Step struct {
	At     time.Time
	State  State          // after it
	Addr   netip.AddrPort // where, if it happened somewhere
	Source string         // who said so, of an address that was heard or withdrawn
	Reason string         // why, as part of a sentence
}

// note adds a step to the history.
func (p *peer) note(s Step) {
	s.At, s.State = p.Clock.Now(), p.info.State
	if n := len(p.history); n > 0 {
		last := p.history[n-1]
		if last.State == s.State && last.Addr == s.Addr && last.Source == s.Source && last.Reason == s.Reason {
			return // nothing new
		}
	}
	// Always a new array: the directory has handed out the old one.
	p.history = append(slices.Clip(p.history[max(0, len(p.history)-keepSteps+1):]), s)
}
