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

// pay counts the dial to the first of list that may begin now, and returns its index. If none may, it returns -1 and how
// long until one may; 0: the list is empty. A race that was called off may count dials at the same time, so what may begin
// is decided here alone: whoever asked before could get another answer.
func (p *peer) pay(list []runner) (first int, wait time.Duration) {
	now := p.Clock.Now()
	for i, e := range list {
		if !e.hint || p.hints.spend(now, e.addr.Addr()) {
			return i, 0
		}
		due := max(1, p.hints.wait(now, e.addr.Addr())) // 0 would be never
		if wait == 0 || due < wait {
			wait = due
		}
	}
	return -1, wait
}

// raceOn connects to the addresses that are left in the round. If it must wait with that, it is called again; false: then
// nothing may be under way.
func (p *peer) raceOn() bool {
	r := p.round
	list := p.arrange(r)
	first, wait := p.pay(list)
	if first < 0 {
		if !r.saving {
			r.saving = true
			p.after(wait, affordable{r})
		}
		return false
	}
	p.raceFrom(list, first)
	return true
}

// raceFrom connects to the addresses of list, which are left in the round: first to the one that is paid for.
func (p *peer) raceFrom(list []runner, paid int) {
	r, addr := p.round, list[paid].addr
	list = append([]runner{{addr: addr}}, slices.Delete(list, paid, paid+1)...)
	p.progress(addr, fmt.Sprintf("dialling %v", addr))
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
