package peers

import "time"

// rotationRetry is at least the time between two attempts to rotate a session (wire.md §7.4).
const rotationRetry = time.Minute

// rotate dials a session that is to replace one: make before break (wire.md §7.4).
func (p *peer) rotate(id string) {
	var asked []*address
	if d := p.dialledTo[id]; d != nil {
		asked = append(asked, p.learn(d.addr, sourceConnect, true))
	}
	if err := p.begin(asked, false); err != nil {
		p.forgetOnce()
		p.recordStep(Step{Addr: p.find(id).addr, Reason: "the session cannot be rotated yet: " + err.Error()})
		return
	}
	p.rotates = id
}
