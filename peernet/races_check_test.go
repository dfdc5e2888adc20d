package peernet_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// How long things may take once every fault is over.
const (
	noticedWithin = 6 * time.Second // until a dead link is: a ping after 3 s, and two pongs missed
	handledWithin = 9 * time.Second // until the slowest handler has returned
	travelWithin  = time.Second     // a message and its answer
	stoppedWithin = 3 * time.Second // a shutdown with nothing in flight: a linger, and slack
)

// calm ends every fault, and has every call end: first those that have a reason to, then all.
func (h *history) calm() {
	synctest.Wait()
	h.net.HealAll()
	h.net.SetTrickle(0, 0)
	h.stops.Wait()
	h.note("calm")
	for _, s := range h.sides {
		if s.shut {
			s.start()
		}
		s.pair()
	}
	time.Sleep(noticedWithin + handledWithin)
	h.noneOutlivesItsCaller()
	h.sides[0].connect()
	h.hush()
	synctest.Wait()
	h.mu.Lock()
	for _, s := range h.shipments {
		if (s.patience >= 0 || s.number%2 != 0) && s.ended == 0 {
			h.failf("%s %d goes on although its context has ended", s.what, s.number)
		}
	}
	for _, s := range h.streams {
		if s.patience >= 0 && s.ended == 0 {
			h.failf("stream %d goes on although its context has ended", s.number)
		}
	}
	h.mu.Unlock()
	time.Sleep(travelWithin)
	h.noneOutlivesItsCaller()
	close(h.release)
	ended := make(chan struct{})
	go func() {
		h.callers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-dueIn(time.Minute):
		h.failf("calls have not ended")
		h.report()
		for _, s := range h.sides {
			_ = s.stop(1) // which must end them
		}
		<-ended
	}
}

// noneOutlivesItsCaller checks that no handler runs of a call or stream that has ended for its caller.
func (h *history) noneOutlivesItsCaller() {
	h.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.shipments {
		if s.ended > 0 && s.running && s.what != doNote && s.what != doStubborn {
			h.failf("%s %d goes on, which ended for its caller %v ago", s.what, s.number, time.Since(s.endedAt))
		}
	}
	for _, s := range h.streams {
		if s.ended > 0 && s.running {
			h.failf("the handler of stream %d goes on, which ended for its caller: %v", s.number, s.err)
		}
	}
}

// settle checks that the two nodes are connected, and that each of them has all the room for the other's calls and sends
// that its limits give: nothing of the history takes any.
func (h *history) settle() {
	h.Helper()
	if h.Failed() {
		return
	}
	time.Sleep(time.Minute) // for the notes that wait
	for _, s := range h.sides {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		if _, err := peernet.Call[receipt](ctx, s.node, s.other.keys.PublicKey(), doMiss, nil); !errors.Is(err, peernet.ErrNoHandler) {
			h.failf("%s cannot call when all is over: %v", s.name, err)
		}
		cancel()
	}
	synctest.Wait()
	for _, s := range h.sides {
		if n := s.node.Stats().Total; n.CallsIn.InFlight != 0 || n.CallsOut.InFlight != 0 || n.QueuedIn != 0 || n.QueuedOut != 0 || n.StreamBytes != 0 {
			h.failf("%s counts as in flight %d calls of the peer and %d of its own, as queued %d bytes in and %d out, as reserved %d bytes of streams",
				s.name, n.CallsIn.InFlight, n.CallsOut.InFlight, n.QueuedIn, n.QueuedOut, n.StreamBytes)
		}
	}
	for _, s := range h.sides {
		h.census["sessions rotated"] += int(s.node.Stats().Total.SessionsEnded[string(envelope.ReasonRotated)])
		s.fills()
	}
}

// fills makes as many calls at once as the other side's limits allow, and one more; and sends, if that is a few.
func (s *side) fills() {
	h, to, limits := s.h, s.other.keys.PublicKey(), s.h.temper.limits
	g := &blocker{open: make(chan struct{})}
	s.other.hold.Store(g)
	size := 10
	if h.chance(10) { // the bytes of their arguments are at the limit too
		size = min(limits.CallBytesPerPeer/limits.CallsPerPeer-5, 1<<20-1000)
	}
	var calls sync.WaitGroup
	call := func() {
		if _, err := s.node.Call(context.Background(), to, doHold, make([]byte, size)); err != nil {
			h.failf("%s fills the limit of %d calls: %v", s.name, limits.CallsPerPeer, err)
		}
	}
	for range limits.CallsPerPeer {
		calls.Go(call)
	}
	time.Sleep(travelWithin)
	synctest.Wait()
	if n := int(g.calls.Load()); n != limits.CallsPerPeer {
		h.failf("%d of %d calls of %s run", n, limits.CallsPerPeer, s.name)
	}
	if _, err := s.node.Call(context.Background(), to, doHold, nil); !errors.Is(err, peernet.ErrOverloaded) {
		h.failf("one call more than there is room for: %v", err)
	}
	sends := limits.SendsPerPeer
	if sends > 100 {
		sends = 0 // it would take too long
	} else {
		for range sends + 1 {
			if err := s.node.Send(context.Background(), to, doHold, nil); err != nil {
				h.failf("%s fills the queue of sends: %v", s.name, err)
			}
		}
		time.Sleep(3 * time.Second) // they may be held while a session is replaced
	}
	close(g.open)
	calls.Wait()
	synctest.Wait()
	if n := int(g.sends.Load()); n != sends {
		h.failf("%d sends of %s were handled, there is room for %d", n, s.name, sends)
	}
}

// finish shuts both nodes down at the same time. They have nothing to wait for.
func (h *history) finish() {
	h.Helper()
	began := time.Now()
	var stops sync.WaitGroup
	for _, s := range h.sides {
		stops.Go(func() {
			if err := s.stop(time.Minute); err != nil {
				h.failf("%s could not shut down in order: %v", s.name, err)
			}
		})
	}
	stops.Wait()
	if took := time.Since(began); took > stoppedWithin {
		h.failf("shutting down took %v: something was left in flight", took)
	}
	time.Sleep(time.Minute) // handlers that ignore their context
	synctest.Wait()
	if s := h.net.Stats(); s.Conns != 0 || s.Listeners != 0 {
		h.failf("left open: %+v", s)
	}
}

// verify checks that every call, send, ping and stream has ended once, as its caller was told.
func (h *history) verify() {
	h.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.alarms != h.panics {
		h.failf("%d errors are logged, and %d handlers panicked", h.alarms, h.panics)
	}
	for _, s := range h.streams {
		what := s.result()
		h.census["streams "+what]++
		if problem := s.problem(what); problem != "" {
			h.failf("stream %v, %s: %s", s, what, problem)
		}
	}
	for _, s := range h.shipments {
		if s.runs > 0 {
			h.census["handled"]++
		}
		what := resultOf(s.err)
		h.census[what]++
		if problem := s.problem(what, h.temper); problem != "" {
			h.failf("%s %d of %s, patience %v, begun at %v, has ended %d times, at %v, %s (sent %v): %v; handled %d times, returned %v: %s", s.what, s.number,
				s.from.name, s.patience, s.begun.Sub(h.began), s.ended, s.endedAt.Sub(h.began), what, peernet.Sent(s.err), s.err, s.runs, s.returned, problem)
		}
	}
}

// resultOf names how a call or stream ended, by the error that its caller was told.
func resultOf(err error) string {
	e, remote := errors.AsType[*peernet.RemoteError](err)
	switch {
	case err == nil:
		return "done"
	case remote:
		return "answered " + string(e.Code)
	case errors.Is(err, context.Canceled):
		return "given up"
	case errors.Is(err, context.DeadlineExceeded):
		return "late"
	case errors.Is(err, peernet.ErrLinkLost):
		return "lost"
	case isLocal(err):
		return "not begun"
	}
	return "unknown"
}

// problem says what is wrong with how a shipment ended, "" if nothing is.
func (s *shipment) problem(result string, t temper) string {
	sent, isCall, gone := peernet.Sent(s.err), s.what != doNote && s.what != doPing, result == "given up" || result == "late"
	switch {
	case s.ended != 1:
		return "a call ends once"
	case s.running:
		return "its handler goes on"
	case s.ctx != nil && s.ctx.Err() == nil:
		return "its handler has returned, and the context not ended"
	case s.err != nil && !sent && s.runs > 0:
		return "its handler ran although nothing was sent"
	case s.err == nil && isCall && !s.returned:
		return "it was answered with no result of its handler's"
	case s.patience >= 0 && s.endedAt.After(s.begun.Add(s.patience)):
		return "its context had ended before"
	case s.patience == 0 && (sent || result != "given up"):
		return "its context had ended before it began"
	case gone && s.deadline && s.patience > 0 && s.endedAt.Before(s.begun.Add(s.patience)):
		return "its context had not ended"
	case result == "unknown":
		return "no caller knows that error"
	case result == "not begun" && sent:
		return "it was not begun, and sent"
	case t.faults == 0 && result == "not begun" && (s.wait || !t.both):
		return "nothing happened to the link"
	case t.faults == 0 && !t.heavy && result == "lost" && (!t.both && t.rotate == 0 || s.endedAt.Sub(s.begun) < t.linger):
		return "no link was closed over it"
	}
	return s.answer(result)
}

// answers is which handlers answer so.
var answers = map[string][]string{
	"done":                {doAtOnce, doLate, doStubborn, doUntil, doNote, doPing},
	"answered failed":     {doFail},
	"answered forbidden":  {doForbid},
	"answered internal":   {doPanic, doExit},
	"answered too_large":  {doTooLarge},
	"answered no_handler": {doHide, doMiss},
	"answered overloaded": {doAtOnce, doLate, doStubborn, doUntil, doFail, doForbid, doPanic, doExit, doTooLarge, doHide, doMiss},
}

// answer says what is wrong with an answer, "" if nothing is.
func (s *shipment) answer(result string) string {
	by, answered := answers[result]
	refused := result == "answered no_handler" || result == "answered overloaded"
	switch {
	case result == "answered cancelled" || result == "answered deadline":
		return "its caller waited on"
	case answered && !slices.Contains(by, s.what):
		return "that is not what its handler does"
	case refused && s.runs > 0:
		return "it was refused, and handled"
	case answered && !refused && s.runs == 0 && s.what != doNote && s.what != doPing:
		return "it was answered, and not handled"
	}
	return ""
}

// check fails unless enough of everything happened to show something.
func (t census) check(tb testing.TB, all ...string) {
	tb.Helper()
	for _, what := range all {
		if t[what] == 0 {
			tb.Errorf("nothing in any history was: %s", what)
		}
	}
}
