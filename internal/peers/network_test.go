package peers

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// The network of a rig.

// Where the peer may be. Each address is reached from another address of this machine.
var (
	x, y, z   = at("10.0.1.2:7100"), at("10.0.2.2:7100"), at("10.0.3.2:7100")
	nearX     = netip.MustParseAddr("10.0.1.1") // from where x is reached
	addresses = []netip.AddrPort{x, y, z}
)

func named(addr netip.AddrPort) string { return string("xyz"[slices.Index(addresses, addr)]) }

// A pendingDial is a TCP connect that waits for the test.
type pendingDial struct {
	addr   netip.AddrPort
	answer chan dial
}

// dial is Config.Dial: it waits for won or lost.
func (r *rig) dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	d := &pendingDial{addr, make(chan dial, 1)}
	r.mu.Lock()
	r.dials, r.dialled = append(r.dials, d), append(r.dialled, "dial "+named(addr))
	r.mu.Unlock()
	select {
	case c := <-d.answer:
		return c.conn, c.err
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dials = slices.DeleteFunc(r.dials, func(o *pendingDial) bool { return o == d })
	r.dialled = append(r.dialled, "off "+named(addr))
	return nil, ctx.Err()
}

// waiting takes the dial to an address that waits.
func (r *rig) waiting(addr netip.AddrPort) *pendingDial {
	r.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.dials, func(d *pendingDial) bool { return d.addr == addr })
	if i < 0 {
		r.Fatalf("%v is not being dialled", addr)
	}
	d := r.dials[i]
	r.dials = slices.Delete(r.dials, i, i+1)
	return d
}

// pipe returns the two ends of a connection to an address of the peer.
func (r *rig) pipe(addr netip.AddrPort) (near, far net.Conn) {
	r.Helper()
	l, err := r.far.Listen(r.Context(), "tcp", addr.String())
	if err != nil {
		r.Fatal(err)
	}
	defer l.Close()
	if near, err = r.near.Dial(r.Context(), "tcp", addr.String()); err == nil {
		far, err = l.Accept()
	}
	if err != nil {
		r.Fatal(err)
	}
	return near, far
}

var errLost = errors.New("lost on purpose")

// lost lets a dial fail.
func (r *rig) lost(addr netip.AddrPort) {
	r.Helper()
	r.waiting(addr).answer <- dial{addr: addr, err: errLost}
	synctest.Wait()
}

// won lets a dial succeed; the other end is called name, and has heard message 1.
func (r *rig) won(addr netip.AddrPort, name string) *end {
	r.Helper()
	d := r.waiting(addr)
	near, far := r.pipe(addr)
	e := r.end(name, far, handshake.Responder)
	d.answer <- dial{addr: addr, conn: near}
	e.Step() // message 1
	return e
}

// inbound makes a session that the peer initiates, and whose handshake is done; the other end is called name.
func (r *rig) inbound(name string) *end {
	r.Helper()
	near, far := r.pipe(z)
	e := r.end(name, far, handshake.Initiator)
	r.System.Root.Send(r.parent, &session.Params{Config: r.config.Session, Conn: near, Role: handshake.Responder})
	e.shake()
	return e
}

func texts(addrs []netip.AddrPort) (list []string) {
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return list
}

// connect asks for a connection.
func (r *rig) connect(addrs ...netip.AddrPort) { r.connectTo(texts(addrs)...) }

func (r *rig) connectTo(addrs ...string) {
	done := make(chan error, 1)
	r.waiters = append(r.waiters, done)
	r.tell(connect{addrs, false, &waiter{done: done}})
}
