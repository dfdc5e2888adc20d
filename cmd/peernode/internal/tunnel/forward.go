package tunnel

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// maxForwarded bounds the connections of one Forward at once; more wait in the system's queue. roomPause is how long one
// waits before it tries again, when the system or the peer has no room for one more.
const (
	maxForwarded = 1024
	roomPause    = time.Second
)

// Forward has each TCP connection that l accepts lead to a name of a peer, until ctx ends, which also closes l and breaks the
// connections that there are then. It returns when all have ended. report is called by several goroutines at once.
func Forward(ctx context.Context, node *peernet.Node, l net.Listener, key identity.PublicKey, name string, report func(Report)) {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()
	var all sync.WaitGroup
	defer all.Wait()
	slots := make(chan struct{}, maxForwarded)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		c, err := l.Accept()
		if err != nil {
			<-slots
			if errors.Is(err, net.ErrClosed) {
				return
			}
			report(Report{Peer: key, Name: name, Address: l.Addr().String(), Err: err})
			select {
			case <-time.After(roomPause):
			case <-ctx.Done():
			}
			continue
		}
		all.Go(func() {
			defer func() { <-slots }()
			forward(ctx, node, c.(*net.TCPConn), Report{Peer: key, Name: name, Address: c.RemoteAddr().String()}, report)
		})
	}
}

// errClientGone: the client ended its connection before the peer was reached.
var errClientGone = errors.New("the client has gone")

// forward carries one connection.
func forward(ctx context.Context, node *peernet.Node, c *net.TCPConn, r Report, report func(Report)) {
	begun := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s, err := openFor(ctx, node, c, r, cancel)
	if err != nil {
		c.SetLinger(0)
		c.Close()
		r.Took, r.Err = time.Since(begun), err
		report(r)
		return
	}
	_ = carry(c, r, report, func(local Local) (Counts, error) { return s.Join(ctx, local) }) // it is reported
}

// openFor opens the stream of a connection within ConnectTime. It waits for the peer, and for room among its streams. Cancel ends ctx,
// and is called if the client goes in the meantime.
func openFor(ctx context.Context, node *peernet.Node, c Local, r Report, cancel context.CancelCauseFunc) (s *Stream, err error) {
	end := time.Now().Add(ConnectTime)
	watch := time.NewTicker(resetTime)
	defer watch.Stop()
	done := make(chan struct{})
	var watching sync.WaitGroup
	defer watching.Wait()
	defer close(done)
	watching.Go(func() {
		for {
			select {
			case <-watch.C:
				if goneOf(c) != nil {
					cancel(errClientGone)
					return
				}
			case <-done:
				return
			}
		}
	})
	for {
		s, err = Open(ctx, node, r.Peer, r.Name, time.Until(end), peernet.WaitForReady())
		if !errors.Is(err, peernet.ErrOverloaded) || time.Until(end) <= roomPause {
			break
		}
		select {
		case <-time.After(roomPause):
		case <-ctx.Done():
		}
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return s, err
}
