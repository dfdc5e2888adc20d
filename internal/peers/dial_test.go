package peers

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

var errNobody = errors.New("nobody there")

// An answer is what dialling one address brings, and when; an attempt that ends before is called off.
type answer struct {
	after    time.Duration
	err      error
	stubborn bool // it does not notice that it is called off
}

// A field is a network on which races are run.
type field struct {
	answers map[netip.AddrPort]answer

	mu      sync.Mutex // guards the rest
	began   time.Time
	started []time.Duration // of each dial, in order
	dialled []netip.AddrPort
	open    int
}

type fieldConn struct {
	net.Conn
	f *field
}

func (c fieldConn) Close() error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.open--
	return nil
}

func (f *field) dial(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	f.mu.Lock()
	f.started = append(f.started, time.Since(f.began))
	f.dialled = append(f.dialled, a)
	f.mu.Unlock()
	x := f.answers[a]
	done := ctx.Done()
	if x.stubborn {
		done = nil
	}
	select {
	case <-time.After(x.after):
	case <-done:
		return nil, ctx.Err()
	}
	if x.err != nil {
		return nil, x.err
	}
	f.mu.Lock()
	f.open++
	f.mu.Unlock()
	return fieldConn{f: f}, nil
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
		{name: "one that comes later starts at once, and the others after it", more: map[time.Duration]netip.AddrPort{100 * ms: d},
			answers: map[netip.AddrPort]answer{a: blackhole, b: {after: 10 * ms}, d: blackhole},
			won:     b, dialled: []netip.AddrPort{a, d, b}, started: []time.Duration{0, 100 * ms, 100*ms + stagger}, took: 110*ms + stagger},
		{name: "one that comes when all have started", more: map[time.Duration]netip.AddrPort{time.Second: d},
			answers: map[netip.AddrPort]answer{a: blackhole, b: blackhole, c: blackhole, d: {after: 10 * ms}},
			won:     d, dialled: []netip.AddrPort{a, b, c, d}, started: []time.Duration{0, stagger, 2 * stagger, time.Second}, took: time.Second + 10*ms},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &field{answers: test.answers, began: time.Now()}
				ctx := t.Context()
				if test.cancel > 0 {
					var stop context.CancelFunc
					ctx, stop = context.WithTimeout(ctx, test.cancel)
					defer stop()
				}
				config := &Config{Dial: f.dial, Clock: clock.System, Stagger: stagger, DialTimeout: timeout}
				more := make(chan runner, 2)
				for after, addr := range test.more {
					time.AfterFunc(after, func() { more <- runner{addr: addr} })
				}
				got := config.race(ctx, []runner{{addr: a}, {addr: b}, {addr: c}}, more, new(ledger))
				won, failed := got.won, got.failed
				took := time.Since(f.began)
				synctest.Wait()
				if won.addr != test.won && !test.either || test.won.IsValid() != (won.conn != nil) {
					t.Errorf("won: %v, want %v", won.addr, test.won)
				}
				var lost []netip.AddrPort
				for _, l := range failed {
					lost = append(lost, l.addr)
					if l.err == nil || l.conn != nil {
						t.Errorf("failed: %+v", l)
					}
				}
				if !slices.Equal(lost, test.failed) {
					t.Errorf("failed: %v, want %v", lost, test.failed)
				}
				if !slices.Equal(f.started, test.started) || took != test.took {
					t.Errorf("started after %v, took %v; want %v, %v", f.started, took, test.started, test.took)
				}
				want := test.dialled
				if want == nil {
					want = []netip.AddrPort{a, b, c}[:len(f.started)]
				}
				if !slices.Equal(f.dialled, want) {
					t.Errorf("dialled %v, want %v", f.dialled, want)
				}
				if !slices.Equal(got.begun, want) {
					t.Errorf("begun: %v, want %v", got.begun, want)
				}
				open := 0
				if won.conn != nil {
					open = 1
				}
				if f.open != open {
					t.Errorf("%d connections are open, want %d", f.open, open)
				}
			})
		})
	}
}

func TestRaceThatIsCalledOffBeforeItBeginsDialsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f := &field{}
		config := &Config{Dial: f.dial, Clock: clock.System, Stagger: time.Second, DialTimeout: time.Second}
		got := config.race(ctx, []runner{{addr: at("10.0.0.1:1")}}, nil, new(ledger))
		if got.won.conn != nil || got.failed != nil || got.begun != nil || f.dialled != nil {
			t.Errorf("%+v, dialled %v", got, f.dialled)
		}
	})
}
