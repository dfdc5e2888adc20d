package peers

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// A connection is one TCP connection, or why there is none.
type connection struct {
	addr netip.AddrPort
	conn net.Conn
	err  error
}

// race connects to the first of addrs that answers. The next address starts when the one before has failed,
// or after stagger; each has its own timeout. All attempts have ended when race returns, and won's is the only
// connection that is open. failed has those that failed before.
func race(ctx context.Context, addrs []netip.AddrPort, stagger, timeout time.Duration, dial func(context.Context, netip.AddrPort) (net.Conn, error)) (won connection, failed []connection) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan connection)
	start := func(a netip.AddrPort) {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			conn, err := dial(ctx, a)
			results <- connection{a, conn, err}
		}()
	}
	next := time.NewTimer(0)
	defer next.Stop()
	running := 0
	for running > 0 || len(addrs) > 0 && won.conn == nil {
		var c <-chan time.Time
		if len(addrs) > 0 && won.conn == nil {
			c = next.C
		}
		select {
		case <-c:
			start(addrs[0])
			addrs = addrs[1:]
			running++
			next.Reset(stagger)
		case r := <-results:
			running--
			switch {
			case r.err != nil:
				if won.conn == nil {
					failed = append(failed, r)
					next.Reset(0)
				}
			case won.conn == nil:
				won = r
				cancel()
			default:
				_ = r.conn.Close()
			}
		}
		if ctx.Err() != nil {
			addrs = nil
		}
	}
	return won, failed
}
