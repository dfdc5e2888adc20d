package peernet_test

import (
	"slices"
	"time"
)

// A fault is something that happens to nodes or the network.
type fault struct {
	at time.Duration
	do func()
}

// planCalls draws a history of calls, sends and pings.
func (h *history) planCalls() {
	h.drawTemper()
	h.populate()
	h.plan(pick(h, 3, 10, 30))
}

// plan draws the shipments, up to most, and the faults.
func (h *history) plan(most int) {
	if h.temper.heavy {
		most = 40
		h.net.SetTrickle(100+h.draw(3000), time.Millisecond)
	}
	for number := range 1 + h.draw(most) {
		h.shipments = append(h.shipments, h.drawShipment(number))
	}
	for range h.temper.faults {
		h.drawFault()
	}
}

// moment draws when something happens.
func (h *history) moment() time.Duration { return h.temper.from + h.within(h.temper.span) }

// meeting draws a moment, as often as not one at which something of a shipment happens.
func (h *history) meeting() time.Duration {
	if h.chance(50) {
		return h.moment()
	}
	s := h.shipments[h.draw(len(h.shipments))]
	return s.at + pick(h, 0, h.temper.base, h.temper.base+max(s.takes, 1), 2*h.temper.base, max(s.patience, 0))
}

// pause draws a time that something takes.
func (h *history) pause() time.Duration {
	return h.within(pick(h, 0, time.Millisecond, 30*time.Millisecond, 2*time.Second, 8*time.Second))
}

// what is drawn for a shipment, as often as it is named.
var whats = []string{
	doAtOnce, doAtOnce, doAtOnce, doAtOnce, doAtOnce, doAtOnce, doLate, doLate, doLate, doStubborn, doStubborn, doUntil, doUntil, doUntil,
	doFail, doForbid, doPanic, doExit, doHide, doMiss, doNote, doNote, doNote, doNote, doPing, doPing,
}

func (h *history) drawShipment(number int) *shipment {
	s := &shipment{number: number, from: h.sides[h.draw(2)], what: pick(h, whats...), at: h.moment(), wait: h.chance(30), patience: -1}
	if h.chance(2) {
		s.what = doTooLarge
	}
	s.wait = s.wait && s.what != doPing // which cannot
	s.size, s.result = h.drawSize(), h.drawSize()
	if s.takes = h.pause(); s.what == doNote && h.chance(50) {
		s.takes = 0
	}
	reply := 2 * h.temper.base // when a reply arrives
	if s.what == doLate || s.what == doStubborn {
		reply += max(s.takes, 1)
	}
	switch p := h.draw(100); {
	case p < 8:
		s.patience = 0
	case p < 38:
		s.patience = 1 + h.pause()
	case p < 60:
		s.patience = max(1, reply)
	case p < 65:
		s.patience = max(1, reply+1-time.Duration(h.draw(3))) // next to it
	}
	s.deadline = h.chance(50)
	return s
}

// drawSize draws how many bytes something has: few, more than a small reply, or more than there is room for.
func (h *history) drawSize() int {
	p := h.draw(100)
	if h.temper.heavy {
		p += 60
	}
	switch {
	case p < 75:
		return h.draw(200)
	case p < 88:
		return h.draw(5_000)
	case p < 99:
		return h.draw(60_000)
	}
	return h.draw(300_000)
}

// drawFault draws what happens, and when.
func (h *history) drawFault() {
	x := h.sides[h.draw(2)]
	y := x.other
	at, d := h.meeting(), h.pause()
	p := h.draw(100)
	h.rough = h.rough || p < 85
	switch {
	case p < 25:
		h.fault(at, func() { h.note("reset: %d", h.net.Reset(x.host, y.host)) })
	case p < 45:
		h.fault(at, func() {
			h.note("cut")
			h.net.Cut(x.host, y.host)
		})
		h.heal(at + d)
	case p < 60:
		h.fault(at, func() {
			h.note("cut from %s to %s", x.name, y.name)
			h.net.CutOneWay(x.host, y.host)
		})
		h.heal(at + d)
	case p < 70:
		chunk := 50 + h.draw(3000)
		h.fault(at, func() {
			h.note("trickle: %d bytes a millisecond", chunk)
			h.net.SetTrickle(chunk, time.Millisecond)
		})
		h.fault(at+d, func() {
			h.note("no trickle")
			h.net.SetTrickle(0, 0)
		})
	case p < 85:
		h.fault(at, func() {
			h.note("%s unpairs %s", x.name, y.name)
			_ = x.node.Unpair(y.keys.PublicKey()) // it may be so already
		})
		if h.chance(60) {
			h.fault(at+d, func() {
				h.note("%s pairs %s", x.name, y.name)
				x.pair()
			})
		}
	default:
		h.fault(at, func() {
			if x.shut {
				return
			}
			h.note("%s shuts down, in at most %v", x.name, d)
			x.shut = true
			if h.stopAt.IsZero() {
				h.stopAt = time.Now()
			}
			h.stops.Go(func() {
				err := x.stop(max(1, d))
				h.note("%s has shut down: %v", x.name, err)
				h.mu.Lock()
				defer h.mu.Unlock()
				h.hasty = h.hasty || err != nil
			})
		})
	}
}

func (h *history) heal(at time.Duration) {
	h.fault(at, func() {
		h.note("healed")
		h.net.HealAll()
	})
}

// fault has something happen, behind what happens at the same moment.
func (h *history) fault(at time.Duration, do func()) {
	i := slices.IndexFunc(h.faults, func(f fault) bool { return f.at > at })
	if i < 0 {
		i = len(h.faults)
	}
	h.faults = slices.Insert(h.faults, i, fault{at, do})
}

// disturb begins the calls and streams, and has everything happen.
func (h *history) disturb() {
	for _, s := range h.shipments {
		h.callers.Go(func() { h.ship(s) })
	}
	for _, s := range h.streams {
		h.callers.Go(func() { h.carry(s) })
	}
	start := time.Now()
	for _, f := range h.faults {
		time.Sleep(time.Until(start.Add(f.at)))
		f.do()
	}
	time.Sleep(time.Until(start.Add(h.temper.from + h.temper.span)))
}
