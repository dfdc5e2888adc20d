package peers

import (
	"context"
	"net"
	"net/netip"
)

// A connection is one TCP connection, or why there is none.
type connection struct {
	addr netip.AddrPort
	conn net.Conn
	err  error
}

// A race is what is under way in Config.race, and its goroutine's alone.
type race struct {
	*Config
	ctx     context.Context // of every attempt; ends when one has won
	results chan connection
	due     chan int // the stagger after so many starts is over
	left    []netip.AddrPort
	started int
	running int
	stop    func() bool // of the latest stagger
}

// race connects to the first of addrs that answers. The next address starts when one before it has failed, or
// after Stagger; each is given up after DialTimeout. What comes through more is put first, and starts at once. All
// attempts have ended when race returns, and won's is the only connection that is open. failed has those that failed
// by themselves, not those that were called off because another had won or ctx ended.
func (c *Config) race(ctx context.Context, addrs []netip.AddrPort, more <-chan netip.AddrPort) (won connection, failed []connection) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &race{Config: c, ctx: ctx, results: make(chan connection), due: make(chan int), left: addrs,
		stop: func() bool { return true }}
	r.next()
	for r.running > 0 {
		select {
		case addr := <-more:
			r.left = append([]netip.AddrPort{addr}, r.left...)
			r.next()
		case n := <-r.due:
			if n == r.started { // not one that was stopped too late
				r.next()
			}
		case got := <-r.results:
			r.running--
			switch {
			case got.err == nil && won.conn == nil:
				won = got
				cancel()
			case got.err == nil:
				_ = got.conn.Close()
			case ctx.Err() == nil:
				failed = append(failed, got)
				r.next()
			}
		}
	}
	r.stop()
	return won, failed
}

// next starts the next address, unless there is none or the race is over.
func (r *race) next() {
	r.stop()
	if len(r.left) == 0 || r.ctx.Err() != nil {
		return
	}
	addr := r.left[0]
	r.left = r.left[1:]
	r.started++
	r.running++
	go func() {
		ctx, cancel := context.WithTimeout(r.ctx, r.DialTimeout)
		defer cancel()
		conn, err := r.Dial(ctx, addr)
		r.results <- connection{addr, conn, err}
	}()
	n := r.started
	r.stop = r.Clock.AfterFunc(r.Stagger, func() {
		select {
		case r.due <- n:
		case <-r.ctx.Done():
		}
	})
}
