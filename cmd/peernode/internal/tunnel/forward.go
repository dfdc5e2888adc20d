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

// maxForwarded bounds the connections of one Forward at once; more wait in the system's queue. acceptPause is how long it waits
// when the system has no room for one more.
const (
	maxForwarded = 1024
	acceptPause  = time.Second
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
			case <-time.After(acceptPause):
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

// forward carries one connection.
func forward(ctx context.Context, node *peernet.Node, c *net.TCPConn, r Report, report func(Report)) {
	s, err := Open(ctx, node, r.Peer, r.Name, ConnectTime, peernet.WaitForReady())
	if err != nil {
		c.SetLinger(0)
		c.Close()
		r.Err = err
		report(r)
		return
	}
	_ = carry(c, r, report, func(local Local) (Counts, error) { return s.Join(ctx, local) }) // it is reported
}
