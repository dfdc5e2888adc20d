package peernet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Bounds of the lookup of a host name for one call, as docs/wire.md §8.1 has them for peers.
const (
	lookupTimeout = 5 * time.Second
	maxPerName    = 8
)

// dialFirst connects to addr, "host:port". Of a name it returns the first of its addresses that connects: the next one is tried when the
// one before has failed or taken 250 ms.
func (n *Node) dialFirst(ctx context.Context, addr string) (net.Conn, netip.AddrPort, error) {
	addrs, err := n.resolve(ctx, addr)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	type dialled struct {
		conn net.Conn
		addr netip.AddrPort
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan dialled, len(addrs))
	next := make(chan struct{}, 1) // the next address may be tried
	tryNext := func() {
		select {
		case next <- struct{}{}:
		default:
		}
	}
	tryNext()
	var last error
	for begun, ended := 0, 0; ended < len(addrs); {
		start := next
		if begun == len(addrs) {
			start = nil
		}
		select {
		case <-start:
			at := addrs[begun]
			begun++
			go func() {
				ctx, cancel := context.WithTimeout(ctx, n.config.Timing.Dial)
				defer cancel()
				conn, err := n.config.Network.dial(ctx, at)
				results <- dialled{conn, at, err}
			}()
			stop := n.config.Clock.AfterFunc(staggerDials, tryNext)
			defer stop()
		case r := <-results:
			if r.err == nil {
				left := begun - ended - 1
				go func() { // the dials under way end with ctx
					for range left {
						if r := <-results; r.conn != nil {
							_ = r.conn.Close()
						}
					}
				}()
				return r.conn, r.addr, nil
			}
			ended++
			last = &peers.DialError{Addr: r.addr, Err: r.err}
			tryNext()
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("%w: %w", err, last)
	}
	return nil, netip.AddrPort{}, last
}

// resolve returns the addresses of "host:port".
func (n *Node) resolve(ctx context.Context, addr string) (list []netip.AddrPort, err error) {
	host, port, err := trust.SplitAddr(addr)
	if err != nil {
		return nil, fmt.Errorf("address %.80q: %w", addr, err)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), port)}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	ips, err := n.config.Network.lookUp(ctx, host)
	for _, ip := range ips {
		at := netip.AddrPortFrom(ip.Unmap(), port)
		if ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && !slices.Contains(list, at) && len(list) < maxPerName {
			list = append(list, at)
		}
	}
	if len(list) > 0 {
		return list, nil
	}
	if err == nil {
		err = errors.New("the name has no address")
	}
	return nil, &peers.DialError{Name: addr, Err: err}
}
