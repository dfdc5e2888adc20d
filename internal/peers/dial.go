package peers

import (
	"context"
	"net"
	"net/netip"
	"slices"
)

// A connection is one TCP connection, or why there is none.
type connection struct {
	addr netip.AddrPort
	conn net.Conn
	err  error
}

// A runner is an address in a race.
type runner struct {
	addr netip.AddrPort
	hint bool // it starts if the ledger allows
}

// A result is what a race has brought.
type result struct {
	won    connection       // no conn: none has
	failed []connection     // by themselves, not those that were called off because another had won or the context ended
	begun  []netip.AddrPort // all that were started, those that failed and the winner included
}

// A race is what is under way in Config.race, and its goroutine's alone.
type race struct {
	*Config
	ctx     context.Context // of every attempt; ends when one has won
	hints   *ledger
	results chan connection
	due     chan int // the stagger after so many starts is over
	left    []runner
	begun   []netip.AddrPort
	started int
	running int
	stop    func() bool // of the latest stagger
}

// race connects to the first of left that answers. The next address starts when one before it has failed, or
// after Stagger; each is given up after DialTimeout. What comes through more is put first, and starts at once. A hint that must
// not start yet is passed over, and looked at again when the next may start; the race does not wait for it alone. All
// attempts have ended when race returns, and won's is the only connection that is open.
func (c *Config) race(ctx context.Context, left []runner, more <-chan runner, hints *ledger) (out result) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &race{Config: c, ctx: ctx, hints: hints, results: make(chan connection), due: make(chan int), left: slices.Clone(left),
		stop: func() bool { return true }}
	r.next()
	for r.running > 0 {
		select {
		case e := <-more:
			r.left = append([]runner{e}, r.left...)
			r.next()
		case n := <-r.due:
			if n == r.started { // not one that was stopped too late
				r.next()
			}
		case got := <-r.results:
			r.running--
			switch {
			case got.err == nil && out.won.conn == nil:
				out.won = got
				cancel()
			case got.err == nil:
				_ = got.conn.Close()
			case ctx.Err() == nil:
				out.failed = append(out.failed, got)
				r.next()
			}
		}
	}
	r.stop()
	out.begun = r.begun
	return out
}

// next starts the next address, unless there is none or the race is over.
func (r *race) next() {
	r.stop()
	if len(r.left) == 0 || r.ctx.Err() != nil {
		return
	}
	now := r.Clock.Now()
	if i := slices.IndexFunc(r.left, func(e runner) bool { return !e.hint || r.hints.spend(now, e.addr.Addr()) }); i >= 0 {
		r.start(r.left[i].addr)
		r.left = slices.Delete(r.left, i, i+1)
	}
	n := r.started
	r.stop = r.Clock.AfterFunc(r.Stagger, func() {
		select {
		case r.due <- n:
		case <-r.ctx.Done():
		}
	})
}

func (r *race) start(addr netip.AddrPort) {
	r.begun = append(r.begun, addr)
	r.started++
	r.running++
	go func() {
		ctx, cancel := context.WithTimeout(r.ctx, r.DialTimeout)
		defer cancel()
		conn, err := r.Dial(ctx, addr)
		r.results <- connection{addr, conn, err}
	}()
}
