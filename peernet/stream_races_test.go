package peernet_test

import (
	"context"
	"flag"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

var streamHistories = flag.Int("streams", 30, "how many random histories TestStreamsEndOnceAndLeaveNothing runs")

// TestStreamsEndOnceAndLeaveNothing has two nodes open streams to each other, beside calls and sends, while callers give up or break
// off, deadlines pass, either end closes its direction first, sessions rotate, links are cut, reset and replaced, trust is
// withdrawn and nodes shut down, at random. Each stream ends once, at both ends, as its caller is told; its values arrive in order,
// none twice, and all of them if its call succeeds; and nothing is left of it.
func TestStreamsEndOnceAndLeaveNothing(t *testing.T) {
	all := runHistories(t, *streamHistories, (*history).planStreams)
	if *oneSeed < 0 && *streamHistories >= 300 && !t.Failed() {
		all.check(t, "streams done", "streams broken off", "streams given up", "streams late", "streams lost", "streams not begun",
			"streams answered failed", "streams answered overloaded", "streams done over a rotation")
	}
}

// A streaming is a stream, and all that is known of it. Its plan is never changed.
type streaming struct {
	number   int
	from     *side
	at       time.Duration // when it is opened
	wait     bool          // for a connection
	patience time.Duration // as that of a shipment
	deadline bool
	window   int           // of its caller; 0: the default
	sends    int           // values that its caller sends before it ends its direction
	takes    int           // values that the handler takes, and sends back, before it returns; below 0: all
	keeps    int           // values that its caller receives before it breaks off; below 0: all
	size     int           // of a value, in bytes, more or less
	pace     time.Duration // of its caller's sends
	read     time.Duration // how long its caller takes for a value
	work     time.Duration // how long the handler does
	fails    bool          // the handler returns an error of its own

	// Guarded by history.mu.
	begun, endedAt time.Time
	runs           int // of the handler
	running        bool
	ctx            context.Context // the handler's
	returned       error           // by the handler
	sent, taken    int             // values, by the caller and by the handler
	answered, got  int             // values, by the handler and by the caller
	broke          bool            // the caller broke off
	ended          int             // how often the caller was told of the end
	err            error           // what it was told
}

// A portion is a value of a stream.
type portion struct {
	Stream, Number int
	Pad            []byte
}

// planStreams draws a history of streams, and of some calls and sends beside them.
func (h *history) planStreams() {
	h.drawTemper()
	t := &h.temper
	t.limits.StreamsPerPeer, t.limits.StreamBytesPerPeer = pick(h, 1, 3, 16, 16, 16), pick(h, 1<<20, 8<<20)
	t.span = pick(h, 5*time.Millisecond, 100*time.Millisecond, 2*time.Second)
	if t.from = 0; h.chance(30) {
		t.rotate = 10 * time.Second
		t.from, t.span = t.rotate-2*time.Second, t.rotate/2
	}
	h.populate()
	for number := range 1 + h.draw(12) {
		h.streams = append(h.streams, h.drawStream(number))
	}
	h.plan(5)
}

// drawStream draws a stream that ends by itself within some seconds, if nothing else ends it.
func (h *history) drawStream(number int) *streaming {
	s := &streaming{number: number, from: h.sides[h.draw(2)], at: h.moment(), wait: h.chance(30), patience: -1, deadline: h.chance(50),
		window: pick(h, 0, 0, 4<<10, 20<<10, 512<<10), sends: h.draw(pick(h, 2, 40, 300)), takes: -1, keeps: -1, fails: h.chance(10)}
	if h.chance(40) {
		s.patience = h.pause()
	}
	if h.chance(30) {
		s.takes = h.draw(s.sends + 2)
	}
	if h.chance(20) {
		s.keeps = h.draw(s.sends + 1)
	}
	s.size = h.draw(pick(h, 10, 10, 1000))
	if s.sends < 40 && h.chance(30) {
		s.size = h.draw(100_000) // in parts
	}
	if s.window > 0 {
		s.size = min(s.size, s.window/2-100) // what one value may have
	}
	for _, d := range []*time.Duration{&s.pace, &s.read, &s.work} {
		*d = pick(h, 0, 0, h.within(time.Millisecond), h.within(20*time.Millisecond))
	}
	if h.temper.from > 0 && h.chance(40) { // it lasts until its session has been replaced
		s.at, s.patience, s.sends, s.pace = h.temper.from+h.within(2*time.Second), -1, 200, 25*time.Millisecond
	}
	return s
}

// carry opens a stream, and does what its caller does until it ends.
func (h *history) carry(s *streaming) {
	time.Sleep(s.at)
	ctx, release := h.contextFor(s.patience, s.deadline, s.number%2 != 0)
	defer release()
	var opts []peernet.CallOption
	if s.wait {
		opts = append(opts, peernet.WaitForReady())
	}
	if s.window > 0 {
		opts = append(opts, peernet.Window(s.window))
	}
	h.mu.Lock()
	s.begun = time.Now()
	h.mu.Unlock()
	stream, err := peernet.OpenStream[portion, portion](ctx, s.from.node, s.from.other.keys.PublicKey(), doRelay, s.number, opts...)
	if err != nil {
		h.over(s, false, err)
		return
	}
	h.note("%s: stream %d has begun", s.from.name, s.number)
	var sender sync.WaitGroup
	sender.Go(func() { h.pour(ctx, s, stream) })
	broke, failed := h.collect(ctx, s, stream)
	if !broke && failed == nil {
		_ = stream.Wait(ctx) // what follows the last value
	}
	stream.Close()
	sender.Wait()
	err = stream.Wait(context.Background())
	h.over(s, broke, err)
	if again := stream.Wait(context.Background()); resultOf(again) != resultOf(err) {
		h.failf("stream %d has ended with %v, and then with %v", s.number, err, again)
	}
	if _, late := stream.Recv(context.Background()); late == nil {
		h.failf("a value of stream %d came after its end", s.number)
	}
}

// pour sends what the caller of a stream sends, and ends its direction.
func (h *history) pour(ctx context.Context, s *streaming, stream *peernet.Stream[portion, portion]) {
	for i := range s.sends {
		if i > 0 {
			<-dueIn(s.pace)
		}
		if stream.Send(ctx, portion{s.number, i, make([]byte, s.size)}) != nil {
			return
		}
		h.mu.Lock()
		s.sent++
		h.mu.Unlock()
	}
	_ = stream.CloseSend(ctx)
}

// collect receives what the caller of a stream receives. It returns whether the caller broke off, or why nothing more came.
func (h *history) collect(ctx context.Context, s *streaming, stream *peernet.Stream[portion, portion]) (broke bool, err error) {
	for s.keeps < 0 || s.got < s.keeps {
		p, err := stream.Recv(ctx)
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		h.portion(s, p, &s.got)
		<-dueIn(s.read)
	}
	return true, nil
}

// relay is the handler of streams: it sends back what it receives.
func (s *side) relay(ctx context.Context, from peernet.Caller, number int, in *peernet.In[portion], out *peernet.Out[portion]) (err error) {
	h := s.h
	h.note("%s: the handler of stream %d runs", s.name, number)
	h.mu.Lock()
	t := h.streams[number]
	t.runs++
	t.running, t.ctx = true, ctx
	h.mu.Unlock()
	if s != t.from.other || from.Key != t.from.keys.PublicKey() {
		h.failf("stream %d of %s is handled by %s, as of %v", number, t.from.name, s.name, from.Key)
	}
	defer func() {
		h.note("%s: the handler of stream %d returns %v", s.name, number, err)
		h.mu.Lock()
		defer h.mu.Unlock()
		t.running, t.returned = false, err
	}()
	for i := 0; i != t.takes; i++ {
		p, err := in.Recv(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		h.portion(t, p, &t.taken)
		<-dueIn(t.work)
		if err := out.Send(ctx, p); err != nil {
			return err
		}
		h.mu.Lock()
		t.answered++
		h.mu.Unlock()
	}
	if t.fails {
		return errOfHandler
	}
	return nil
}

// portion counts a value that has come, and checks that it is the next.
func (h *history) portion(s *streaming, p portion, n *int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.Stream != s.number || p.Number != *n || len(p.Pad) != s.size {
		h.failf("value %d of stream %d, of %d bytes, came in place of %d of %d, of %d", p.Number, p.Stream, len(p.Pad), *n, s.number, s.size)
	}
	*n++
}

// over notes what the caller of a stream was told.
func (h *history) over(s *streaming, broke bool, err error) {
	h.note("%s: stream %d has ended, sent %v: %v", s.from.name, s.number, peernet.Sent(err), err)
	h.mu.Lock()
	defer h.mu.Unlock()
	s.ended++
	s.endedAt, s.broke, s.err = time.Now(), broke, err
}
