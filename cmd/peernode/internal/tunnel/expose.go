package tunnel

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// ConnectTime is how long a connection may take to be made, at either end.
const ConnectTime = 10 * time.Second

// An Exposure is a TCP address that peers reach by a name.
type Exposure struct {
	Name   string
	Target string               // HOST:PORT, which is dialled for each stream
	Allow  []identity.PublicKey // the peers that may use it; if empty, all that are trusted
}

// A Report tells that a TCP connection through a tunnel, or the stream of a pipe, has begun or ended.
type Report struct {
	Opened  bool // or else it has ended
	Peer    identity.PublicKey
	Name    string
	Address string // the target, or where the connection comes from

	// Of the end.
	Counts
	Took time.Duration
	Err  error // nil: both ends have ended it
}

// Expose lets peers reach x until stop is called, which also breaks the connections that there are then. The error is that of
// Node.Handle. report is called by several goroutines at once.
func Expose(node *peernet.Node, x Exposure, report func(Report)) (stop func(), err error) {
	e := &exposing{Exposure: x, report: report}
	var cancel context.CancelFunc
	e.ctx, cancel = context.WithCancel(context.Background())
	if err := handle(node, x.Name, x.Allow, e.serve); err != nil {
		cancel()
		return nil, err
	}
	return func() {
		node.Unhandle(x.Name)
		cancel()
	}, nil
}

// An exposing is an Exposure in use.
type exposing struct {
	Exposure
	ctx    context.Context // ends when it is stopped
	report func(Report)
}

// serve joins one stream to the target.
func (e *exposing) serve(s served) error {
	r := Report{Peer: s.from.Key, Name: e.Name, Address: e.Target}
	ctx, cancel := context.WithTimeout(s.life, ConnectTime)
	defer cancel()
	defer context.AfterFunc(e.ctx, cancel)()
	begun := time.Now()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", e.Target)
	if err != nil {
		r.Took, r.Err = time.Since(begun), err
		e.report(r)
		return failed("the target of", e.Name, "cannot be reached: "+reason(err))
	}
	err = carry(c.(*net.TCPConn), r, e.report, func(local Local) (Counts, error) { return s.join(e.ctx, local) })
	if err != nil {
		return failed("the connection to the target of", e.Name, "has broken: "+reason(err))
	}
	return nil
}

// carry reports what join does with c, and closes c: with a reset if it broke.
func carry(c *net.TCPConn, r Report, report func(Report), join func(Local) (Counts, error)) error {
	return r.Of(report, func() (Counts, error) {
		counts, err := join(c)
		if err != nil {
			c.SetLinger(0)
		}
		c.Close()
		return counts, err
	})
}

// Of reports the beginning and the end of join, and returns its error.
func (r Report) Of(report func(Report), join func() (Counts, error)) error {
	begun := time.Now()
	r.Opened = true
	report(r)
	r.Opened = false
	r.Counts, r.Err = join()
	r.Took = time.Since(begun)
	report(r)
	return r.Err
}

// reason returns why a connection failed, without addresses of this machine's network, which are not the peer's business.
func reason(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return "it does not answer in time"
	}
	if errors.Is(err, context.Canceled) {
		return "it is exposed no more"
	}
	return "the events of its node say more"
}
