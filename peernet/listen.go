package peernet

import (
	"context"
	"net"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A streamListener accepts the streams that peers dial under one name.
type streamListener struct {
	node   *Node
	name   string
	window int
	offers chan *offer // those that wait to be accepted

	close  sync.Once
	closed chan struct{}
}

// An offer is a stream that may be accepted.
type offer struct {
	stream *session.Stream
	from   Caller
	done   chan struct{} // closed when the call is to be answered
	err    error         // with this; set before done is closed
}

// Listen accepts the streams of bytes that peers open with Dial under that name. It is a handler: Authorize and middleware act on each
// as on a call, Limits.StreamsPerPeer bounds those of one peer, and those that wait for Accept count. The errors are those of Handle. A node may have any
// number of listeners, also before Start; each accepts until its Close, after which the name is free again. The net.Conns that it has
// accepted go on; see Dial for what they do. Shutdown waits for them.
//
//	l, err := node.Listen("web")
//	http.Serve(l, nil) // for peers alone; Request.RemoteAddr is the key of the peer
func (n *Node) Listen(name string, opts ...HandleOption) (net.Listener, error) {
	l := &streamListener{node: n, name: name, offers: make(chan *offer), closed: make(chan struct{})}
	err := n.handle(name, func(g *registration) Handler {
		g.IsStream = true
		if l.window = g.window; l.window == 0 {
			l.window = byteWindow
		}
		return l.serve
	}, opts)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// serve offers a stream and returns when its net.Conn is closed.
func (l *streamListener) serve(ctx context.Context, r *Request) (any, error) {
	s, err := r.stream()
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { s.Interrupt(ctx.Err()) })()
	o := &offer{stream: s, from: r.Caller(), done: make(chan struct{})}
	select {
	case l.offers <- o:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed:
		return nil, &RemoteError{Code: envelope.CodeNoHandler, Text: "nobody listens any more as " + l.name}
	}
	<-o.done
	return nil, o.err
}

// Accept implements net.Listener.
func (l *streamListener) Accept() (net.Conn, error) {
	for {
		select {
		case <-l.closed:
			return nil, &net.OpError{Op: "accept", Net: Addr{}.Network(), Addr: l.Addr(), Err: net.ErrClosed}
		case o := <-l.offers:
			if o.err = o.stream.Begin(l.window); o.err != nil {
				close(o.done)
				continue
			}
			return l.node.newConn(&streamEnd{s: o.stream, peer: o.from.Key}, func() {
				o.stream.Interrupt(net.ErrClosed)
				close(o.done)
			}), nil
		}
	}
}

// Close implements net.Listener. Peers whose streams were not accepted get ErrNoHandler.
func (l *streamListener) Close() error {
	err := error(&net.OpError{Op: "close", Net: Addr{}.Network(), Addr: l.Addr(), Err: net.ErrClosed})
	l.close.Do(func() {
		l.node.Unhandle(l.name)
		close(l.closed)
		err = nil
	})
	return err
}

// Addr implements net.Listener: the Addr of the node.
func (l *streamListener) Addr() net.Addr { return Addr{l.node.self} }
