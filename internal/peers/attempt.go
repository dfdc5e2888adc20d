package peers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// An attempt is a race of TCP connects for a round. Its goroutine writes what is found before it posts it.
type attempt struct {
	round  *round
	cancel func()
	more   chan runner // what else to try
	result result
}

// drop closes the connection that nobody wants any more.
func (a *attempt) drop() {
	if a.result.won.conn != nil {
		_ = a.result.won.conn.Close()
	}
}

// runner is an address of a round in a race.
func (p *peer) runner(r *round, addr netip.AddrPort) runner {
	a := p.at(addr)
	return runner{addr, !r.named[addr] && (a == nil || a.hint())}
}

// arrange brings what is left in a round in the order in which to try it: what a Connect names, what is worth it, the
// best first, and what was when the round began.
func (p *peer) arrange(r *round) (list []runner) {
	ready, _ := p.ready(true)
	place := make(map[netip.AddrPort]int, len(ready))
	for i, a := range ready {
		place[a.addr] = i - len(ready)
	}
	for addr := range r.named {
		place[addr] = -1 - len(ready)
	}
	slices.SortStableFunc(r.left, func(a, b netip.AddrPort) int { return place[a] - place[b] })
	for _, addr := range r.left {
		list = append(list, p.runner(r, addr))
	}
	return list
}

// unaffordable returns how long until one of these may be dialled; 0: now, or there is none.
func (p *peer) unaffordable(list []runner) (wait time.Duration) {
	now := p.Clock.Now()
	for _, e := range list {
		if !e.hint {
			return 0
		}
		due := p.hints.wait(now, e.addr.Addr())
		if due == 0 {
			return 0
		}
		if wait == 0 || due < wait {
			wait = due
		}
	}
	return wait
}

// raceOn connects to the addresses that are left in the round. If it must wait with that, it is called again; false: then
// nothing may be under way.
func (p *peer) raceOn() bool {
	r := p.round
	list := p.arrange(r)
	if wait := p.unaffordable(list); wait > 0 {
		if !r.saving {
			r.saving = true
			p.after(wait, affordable{r})
		}
		return false
	}
	first := slices.IndexFunc(list, func(e runner) bool { return p.unaffordable([]runner{e}) == 0 })
	p.progress(list[first].addr, fmt.Sprintf("dialling %v", list[first].addr))
	ctx, cancel := context.WithCancel(context.Background())
	a := &attempt{round: r, cancel: cancel, more: make(chan runner, maxAddresses)}
	r.attempt = a
	p.attempts[a] = true
	system, self := p.ctx.ActorSystem(), p.self
	p.join.Add(1)
	go func() {
		defer p.join.Done()
		a.result = p.race(ctx, list, a.more, &p.hints)
		system.Root.Send(self, dialled{a})
	}()
	return true
}

func (p *peer) dialled(a *attempt) {
	a.cancel()
	delete(p.attempts, a)
	for _, addr := range a.result.begun {
		if at := p.at(addr); at != nil {
			at.dialled = p.Clock.Now()
		}
	}
	p.counters.Add(counters.DialsFailed, uint64(len(a.result.failed)))
	if a.result.won.conn != nil {
		p.counters.Add(counters.DialsConnected, 1)
	}
	for _, f := range a.result.failed {
		p.tried(f.addr, f.err)
	}
	if p.round != a.round || p.round.attempt != a { // given up meanwhile
		a.drop()
		p.publish()
		return
	}
	r, won := p.round, a.result.won
	r.attempt = nil
	for _, f := range a.result.failed {
		r.blame(f.addr, &DialError{f.addr, f.err})
		r.drop(f.addr)
	}
	if won.conn == nil {
		p.next()
		return
	}
	r.drop(won.addr)
	p.progress(won.addr, fmt.Sprintf("handshake with %v", won.addr))
	claimed, own := r.claimed, &claim{won.addr}
	pid := p.ctx.Spawn(session.Props(session.Params{Config: p.Session, Conn: won.conn, Role: handshake.Initiator,
		Expect: p.key, Owner: p.self, Claim: func() bool { return claimed.CompareAndSwap(nil, own) }}))
	r.shaking = append(r.shaking, pid.GetId())
	p.dialledTo[pid.GetId()] = won.addr
	long := patience
	if p.runner(r, won.addr).hint {
		long = hintPatience
	}
	r.patient = p.Clock.Now().Add(long)
	p.after(long, impatient{r, nil})
}
