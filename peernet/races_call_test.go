package peernet_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// What a handler is to do. Each is the name of one.
const (
	doAtOnce   = "at once"   // return the result
	doLate     = "late"      // return the result after a while, unless the context ends
	doStubborn = "stubborn"  // return the result after a while, whatever becomes of the context
	doUntil    = "until"     // return when the context ends
	doFail     = "fail"      // return an error of its own
	doForbid   = "forbid"    // return ErrForbidden
	doPanic    = "panic"     // panic
	doExit     = "exit"      // end its goroutine
	doTooLarge = "too large" // return more than can be sent
	doHide     = "hidden"    // not run: the caller may not use it
	doMiss     = "missing"   // not run: there is no such handler
	doNote     = "note"      // take a send, for a while
	doPing     = "ping"      // no handler's
	doRelay    = "relay"     // no shipment's: take a stream
	doHold     = "hold"      // no shipment's: wait until released
)

// A shipment is a call, a send or a ping, and all that is known of it. Its plan is never changed.
type shipment struct {
	number   int
	from     *side
	what     string
	at       time.Duration // when it begins
	takes    time.Duration // that the handler needs
	size     int           // of the arguments, in bytes, more or less
	result   int           // of the result
	wait     bool          // for a connection
	patience time.Duration // its own: until its caller gives up, or its time is over; negative: never
	deadline bool          // its time is over, and no caller gives up

	// Guarded by history.mu.
	begun    time.Time
	runs     int             // of the handler
	running  bool            // the handler has not returned
	ctx      context.Context // the handler's
	returned bool            // by the handler, with the result
	ended    int             // how often the caller was told of the end
	endedAt  time.Time
	err      error // what it was told
}

// A parcel is what travels to a handler, and a receipt what comes back.
type (
	parcel struct {
		Number int
		Pad    []byte
	}
	receipt struct {
		Number int
		Pad    []byte
	}
)

// errOwn is an error of a handler's.
var errOfHandler = errors.New("the handler's own")

// ship carries a shipment out.
func (h *history) ship(s *shipment) {
	time.Sleep(s.at)
	ctx, release := h.contextFor(s.patience, s.deadline, s.number%2 != 0)
	defer release()
	to := s.from.other.keys.PublicKey()
	var opts []peernet.CallOption
	if s.wait {
		opts = append(opts, peernet.WaitForReady())
	}
	h.mu.Lock()
	s.begun = time.Now()
	h.mu.Unlock()
	var err error
	switch p := (parcel{s.number, make([]byte, s.size)}); s.what {
	case doNote:
		err = s.from.node.Send(ctx, to, s.what, p, opts...)
	case doPing:
		_, err = s.from.node.Ping(ctx, to)
	default:
		var got receipt
		got, err = peernet.Call[receipt](ctx, s.from.node, to, s.what, p, opts...)
		if err == nil && (got.Number != s.number || len(got.Pad) != s.result) {
			h.failf("call %d is answered with the result of %d, of %d bytes instead of %d", s.number, got.Number, len(got.Pad), s.result)
		}
	}
	h.end(s, err)
}

// contextFor returns the context of a caller that has that patience: a deadline, or someone who cancels. One that has no end to
// its patience is hushed, or waits whatever happens.
func (h *history) contextFor(patience time.Duration, deadline, hushed bool) (ctx context.Context, release func()) {
	switch {
	case patience < 0 && hushed:
		return h.patience, func() {}
	case patience < 0:
		return context.Background(), func() {}
	case patience > 0 && deadline:
		return context.WithTimeout(h.patience, patience)
	}
	ctx, cancel := context.WithCancel(h.patience)
	if patience == 0 {
		cancel()
		return ctx, cancel
	}
	timer := time.AfterFunc(patience, cancel)
	return ctx, func() {
		timer.Stop()
		cancel()
	}
}

// end notes what a caller was told.
func (h *history) end(s *shipment, err error) {
	h.note("%s: %s %d has ended, sent %v: %v", s.from.name, s.what, s.number, peernet.Sent(err), err)
	h.mu.Lock()
	defer h.mu.Unlock()
	s.ended++
	s.err, s.endedAt = err, time.Now()
}

// handles registers the handlers of a node that does not run yet.
func (s *side) handles() {
	for _, name := range []string{doAtOnce, doLate, doStubborn, doUntil, doFail, doForbid, doPanic, doExit, doTooLarge, doNote} {
		if err := s.node.Handle(name, s.handle); err != nil {
			s.h.Fatal(err)
		}
	}
	if err := peernet.HandleDuplex(s.node, doRelay, s.relay); err != nil {
		s.h.Fatal(err)
	}
	if err := s.node.Handle(doHold, s.holds); err != nil {
		s.h.Fatal(err)
	}
	nobody := peernet.Authorize(func(context.Context, peernet.Caller) bool { return false })
	if err := s.node.Handle(doHide, s.handle, nobody); err != nil {
		s.h.Fatal(err)
	}
}

// handle is every handler.
func (s *side) handle(ctx context.Context, r *peernet.Request) (any, error) {
	h := s.h
	var p parcel
	if err := r.Args().Decode(&p); err != nil {
		h.failf("what arrives is not what was sent: %v", err)
		return nil, err
	}
	c := h.enter(s, ctx, r, p)
	defer h.leave(c)
	switch c.what {
	case doLate:
		select {
		case <-dueIn(c.takes):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case doStubborn, doNote:
		<-dueIn(c.takes)
	case doUntil:
		select {
		case <-ctx.Done():
		case <-h.release:
		}
	case doFail:
		return nil, errOfHandler
	case doForbid:
		return nil, peernet.ErrForbidden
	case doPanic, doExit:
		h.mu.Lock()
		h.panics++
		h.mu.Unlock()
		if c.what == doExit {
			runtime.Goexit()
		}
		panic(c.number)
	case doTooLarge:
		return make([]byte, 1<<20), nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c.returned = true
	return receipt{c.number, make([]byte, c.result)}, nil
}

// A blocker holds handlers up until it is opened.
type blocker struct {
	calls, sends atomic.Int64 // that have come
	open         chan struct{}
}

// holds is the handler of calls and sends that are there to fill the limits.
func (s *side) holds(_ context.Context, r *peernet.Request) (any, error) {
	g := s.hold.Load()
	if r.IsSend() {
		g.sends.Add(1)
	} else {
		g.calls.Add(1)
	}
	<-g.open
	return nil, nil
}

// enter notes that a handler runs, and checks that it may.
func (h *history) enter(s *side, ctx context.Context, r *peernet.Request, p parcel) *shipment {
	h.note("%s: %s %d runs", s.name, r.Name(), p.Number)
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.shipments[p.Number]
	c.runs++
	c.running, c.ctx = true, ctx
	if c.runs > 1 {
		h.failf("%s %d is handled twice", c.what, c.number)
	}
	if r.Name() != c.what || r.IsSend() != (c.what == doNote) || s != c.from.other || r.Caller().Key != c.from.keys.PublicKey() || len(p.Pad) != c.size {
		h.failf("%s %d of %s is handled as %s of %v by %s", c.what, c.number, c.from.name, r.Name(), r.Caller().Key, s.name)
	}
	return c
}

func (h *history) leave(c *shipment) {
	h.note("%s: %s %d returns", c.from.other.name, c.what, c.number)
	h.mu.Lock()
	defer h.mu.Unlock()
	c.running = false
}
