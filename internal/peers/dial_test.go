package peers

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errNobody = errors.New("nobody there")

// An answer is what dialling one address brings, and when; a dial that ends before is called off.
type answer struct {
	after    time.Duration
	err      error
	stubborn bool // it does not notice that it is called off
}

// A field is a network on which races are run. What connects there says nothing.
type field struct {
	answers map[netip.AddrPort]answer
	began   time.Time

	mu      sync.Mutex      // guards the rest
	started []time.Duration // of each dial, in order
	dialled []netip.AddrPort
	running int
	ended   time.Duration // when the last dial ended
	open    int
}

type fieldConn struct {
	net.Conn
	f    *field
	once sync.Once
}

func (c *fieldConn) Close() error {
	c.once.Do(func() {
		c.f.mu.Lock()
		defer c.f.mu.Unlock()
		c.f.open--
	})
	return c.Conn.Close()
}

// newField has the peer of a rig dial on a field.
func (r *rig) newField(answers map[netip.AddrPort]answer, stagger, timeout time.Duration) *field {
	f := &field{answers: answers, began: time.Now()}
	r.look(func(p *peer) { p.Config.Dial, p.Stagger, p.DialTimeout = f.dial, stagger, timeout })
	return f
}

func (f *field) dial(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	f.mu.Lock()
	f.started = append(f.started, time.Since(f.began))
	f.dialled = append(f.dialled, a)
	f.running++
	f.mu.Unlock()
	x := f.answers[a]
	done := ctx.Done()
	if x.stubborn {
		done = nil
	}
	err := x.err
	select {
	case <-time.After(x.after):
	case <-done:
		err = ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running--
	f.ended = time.Since(f.began)
	if err != nil {
		return nil, err
	}
	f.open++
	near, far := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, far) }()
	return &fieldConn{Conn: near, f: f}, nil
}

func TestRaceOfDials(t *testing.T) {
	a, b, c, d := at("10.0.0.1:1"), at("10.0.0.2:1"), at("10.0.0.3:1"), at("10.0.0.4:1")
	const stagger, timeout, ms = 250 * time.Millisecond, 5 * time.Second, time.Millisecond
	blackhole := answer{after: time.Hour}
	for _, test := range []struct {
		name    string
		answers map[netip.AddrPort]answer
		cancel  time.Duration // 0: never
		more    map[time.Duration]netip.AddrPort
		dialled []netip.AddrPort // nil: the first of those that are given
		won     netip.AddrPort
		either  bool // it may be another
		failed  []netip.AddrPort
		started []time.Duration
		took    time.Duration
	}{
		{name: "the first answers before the second starts", answers: map[netip.AddrPort]answer{a: {after: 100 * ms}},
			won: a, started: []time.Duration{0}, took: 100 * ms},
		{name: "each starts a stagger after the one before", answers: map[netip.AddrPort]answer{a: blackhole, b: blackhole, c: {after: 10 * ms}},
			won: c, started: []time.Duration{0, stagger, 2 * stagger}, took: 2*stagger + 10*ms},
		{name: "a failure starts the next at once", answers: map[netip.AddrPort]answer{a: {after: 5 * ms, err: errNobody}, b: {after: 5 * ms, err: errNobody}, c: {after: 5 * ms}},
			won: c, failed: []netip.AddrPort{a, b}, started: []time.Duration{0, 5 * ms, 10 * ms}, took: 15 * ms},
		{name: "the stagger counts from the last start", answers: map[netip.AddrPort]answer{a: {after: 300 * ms, err: errNobody}, b: blackhole, c: {after: 10 * ms}},
			won: c, failed: []netip.AddrPort{a}, started: []time.Duration{0, stagger, 300 * ms}, took: 310 * ms},
		{name: "the first to answer wins, not the first to start", answers: map[netip.AddrPort]answer{a: {after: 400 * ms}, b: {after: 10 * ms}},
			won: b, started: []time.Duration{0, stagger}, took: stagger + 10*ms},
		{name: "two answer at once: one is closed", answers: map[netip.AddrPort]answer{a: {after: 300 * ms, stubborn: true}, b: {after: 50 * ms, stubborn: true}},
			won: a, either: true, started: []time.Duration{0, stagger}, took: 300 * ms},
		{name: "a late winner is closed", answers: map[netip.AddrPort]answer{a: {after: 400 * ms, stubborn: true}, b: {after: 10 * ms}},
			won: b, started: []time.Duration{0, stagger}, took: 400 * ms},
		{name: "each has its own timeout", answers: map[netip.AddrPort]answer{a: blackhole, b: blackhole, c: blackhole},
			failed: []netip.AddrPort{a, b, c}, started: []time.Duration{0, stagger, 2 * stagger}, took: 2*stagger + timeout},
		{name: "all fail", answers: map[netip.AddrPort]answer{a: {err: errNobody}, b: {err: errNobody}, c: {err: errNobody}},
			failed: []netip.AddrPort{a, b, c}, started: []time.Duration{0, 0, 0}},
		{name: "called off before any answered: none has failed", answers: map[netip.AddrPort]answer{a: blackhole, b: blackhole, c: blackhole},
			cancel: 300 * ms, started: []time.Duration{0, stagger}, took: 300 * ms},
		{name: "called off between two starts", answers: map[netip.AddrPort]answer{a: {after: 100 * ms, err: errNobody}, b: blackhole},
			cancel: 200 * ms, failed: []netip.AddrPort{a}, started: []time.Duration{0, 100 * ms}, took: 200 * ms},
		{name: "called off at once", answers: map[netip.AddrPort]answer{a: blackhole}, cancel: 1, started: []time.Duration{0}, took: 1},
		{name: "one that comes later starts at once, and the others after it", more: map[time.Duration]netip.AddrPort{100 * ms: d},
			answers: map[netip.AddrPort]answer{a: blackhole, b: {after: 10 * ms}, d: blackhole},
			won:     b, dialled: []netip.AddrPort{a, d, b}, started: []time.Duration{0, 100 * ms, 100*ms + stagger}, took: 110*ms + stagger},
		{name: "one that comes when all have started", more: map[time.Duration]netip.AddrPort{time.Second: d},
			answers: map[netip.AddrPort]answer{a: blackhole, b: blackhole, c: blackhole, d: {after: 10 * ms}},
			won:     d, dialled: []netip.AddrPort{a, b, c, d}, started: []time.Duration{0, stagger, 2 * stagger, time.Second}, took: time.Second + 10*ms},
	} {
		t.Run(test.name, func(t *testing.T) {
			onRig(t, alone[0], func(r *rig) {
				f := r.newField(test.answers, stagger, timeout)
				if test.cancel > 0 {
					time.AfterFunc(test.cancel, func() { r.look(func(p *peer) { p.dropRound().answer(errLost) }) })
				}
				for after, addr := range test.more {
					time.AfterFunc(after, func() { r.System.Root.Send(r.pid, sighted(addr)) })
				}
				r.connect(a, b, c)
				time.Sleep(test.took)
				synctest.Wait()
				var won, failed []netip.AddrPort
				r.look(func(p *peer) {
					for _, d := range p.dialledTo {
						won = append(won, d.addr)
					}
					for _, a := range p.addrs {
						if a.failures > 0 {
							failed = append(failed, a.addr)
						}
						if began := slices.Contains(f.dialled, a.addr); began == a.dialled.IsZero() {
							t.Errorf("%v was dialled: %v, but that began at %v", a.addr, began, a.dialled)
						}
					}
				})
				f.mu.Lock()
				defer f.mu.Unlock()
				want := []netip.AddrPort{test.won}
				if !test.won.IsValid() {
					want = nil
				}
				if !slices.Equal(won, want) && (!test.either || len(won) != 1) {
					t.Errorf("won: %v, want %v", won, want)
				}
				if !slices.Equal(failed, test.failed) {
					t.Errorf("failed: %v, want %v", failed, test.failed)
				}
				if !slices.Equal(f.started, test.started) || f.ended != test.took || f.running > 0 {
					t.Errorf("started after %v, took %v, %d are running; want %v, %v", f.started, f.ended, f.running, test.started, test.took)
				}
				want = test.dialled
				if want == nil {
					want = []netip.AddrPort{a, b, c}[:len(f.started)]
				}
				if !slices.Equal(f.dialled, want) {
					t.Errorf("dialled %v, want %v", f.dialled, want)
				}
				if f.open != len(won) {
					t.Errorf("%d connections are open, want %d", f.open, len(won))
				}
			})
		})
	}
}
