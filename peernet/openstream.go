package peernet

import (
	"context"
	"errors"
	"io"
	"iter"
	"runtime/debug"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// Bytes of values that may arrive ahead of the reader of a stream, at the beginning.
const (
	valueWindow = 256 << 10
	byteWindow  = 2 * (3 + chunk) // of net.Conns, two values: there may be many streams
)

// maxWindow is the most that Window and HandleWindow take.
const maxWindow = 1 << 30

// Window sets how many bytes of values a stream of this node takes ahead of its reader at the beginning, 256 KiB by default: at
// least 4 KiB, at most 1 GiB. They are reserved within Limits.StreamBytesPerPeer. One value may have half of them. Where the
// reader keeps up they grow, up to 4 MiB.
func Window(bytes int) CallOption {
	return func(o callOptions) callOptions {
		o.window = checkWindow(bytes)
		return o
	}
}

func checkWindow(bytes int) int { return min(max(bytes, session.MinWindow), maxWindow) }

// OpenStream asks a peer's stream handler, one of HandleDuplex or HandleStream, and returns once the handler has begun. It is a call
// in all but its values: ctx bounds the whole stream, and the peer learns of its deadline and trace; the handler's return ends it. When
// ctx ends before, the stream ends and the handler is told to stop.
//
// Receive to the end, call Close, or end ctx: until then what has arrived stays reserved (Limits.StreamBytesPerPeer).
//
// The errors are those of Node.Call, and besides: ErrNoStreams if the peer has none, as one of version 1 or a BEAM node; ErrNotStream
// if the handler is one of calls; ErrOverloaded if the streams with the peer take too much already: Sent tells whether here or there.
func OpenStream[S, R any](ctx context.Context, n *Node, key identity.PublicKey, name string, args any, opts ...CallOption) (*Stream[S, R], error) {
	o := Outgoing{Peer: key, Name: name, Args: args, options: optionsOf(opts)}
	if o.options.window == 0 {
		o.options.window = valueWindow
	}
	end, err := n.openStream(ctx, o, false)
	if err != nil {
		return nil, err
	}
	return &Stream[S, R]{Out[S]{end}, In[R]{end}, end}, nil
}

// CallStream calls a peer's stream handler and returns what it sends, as it comes. A loop that breaks off cancels the call, as the end
// of ctx does, and the handler is told to stop. If the call fails, the last pair has the error; a loop over a stream that ends well gets
// no error. Each loop calls anew.
//
//	for line, err := range peernet.CallStream[string](ctx, node, key, "tail", "/var/log/syslog") {
//		if err != nil {
//			return err
//		}
//		fmt.Println(line)
//	}
func CallStream[R any](ctx context.Context, n *Node, key identity.PublicKey, name string, args any, opts ...CallOption) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		s, err := OpenStream[Raw, R](ctx, n, key, name, args, opts...)
		if err != nil {
			yield(none, err)
			return
		}
		defer s.Close()
		if s.end.s.Takes() > 0 {
			_ = s.CloseSend(ctx) // the handler must not wait for values; that the stream is over is told below
		}
		for {
			value, err := s.Recv(ctx)
			if err == io.EOF {
				if err := s.Wait(ctx); err != nil {
					yield(none, err)
				}
				return
			}
			if !yield(value, err) || err != nil {
				return
			}
		}
	}
}

// An opening is a stream that is being opened.
type opening struct {
	outlives bool                      // the stream outlives the context it is opened with
	end      atomic.Pointer[streamEnd] // once it has begun, inside middleware
	begun    chan struct{}             // closed then
}

var (
	errOpenedTwice = errors.New("the stream is open already: middleware can make it again only if it did not begin")
	errNotMade     = errors.New("the middleware has made no stream")
)

// openStream opens a stream inside the middleware of calls. If there is any, it sees a call that lasts as long as the stream does, in a
// goroutine of its own.
func (n *Node) openStream(ctx context.Context, o Outgoing, outlives bool) (*streamEnd, error) {
	opening := &opening{outlives: outlives, begun: make(chan struct{})}
	o.IsStream, o.options.opening = true, opening
	invoke := n.around.calls.Load()
	if invoke == nil && o.options.use == nil {
		return n.beginStream(ctx, &o)
	}
	if invoke == nil {
		invoker := Invoker(n.invokeOne)
		invoke = &invoker
	}
	failed, crashed := make(chan error, 1), make(chan *crash, 1)
	go func() {
		returned := false
		defer func() {
			if returned {
				return
			}
			c := &crash{recover(), debug.Stack()}
			if end := opening.end.Load(); end != nil { // nobody waits for the opening any more
				end.s.Abandon(context.Canceled)
				c.repeat()
			}
			crashed <- c
		}()
		_, err := (*invoke)(ctx, &o)
		returned = true
		failed <- err
	}()
	var err error
	select {
	case <-opening.begun:
	case c := <-crashed:
		c.repeat()
	case err = <-failed:
	}
	if end := opening.end.Load(); end != nil { // perhaps it has ended already
		return end, nil
	}
	if err == nil {
		err = &callError{"stream", o.Name, errNotMade}
	}
	return nil, err
}

// beginStream opens a stream over the session in use.
func (n *Node) beginStream(ctx context.Context, o *Outgoing) (*streamEnd, error) {
	end := &streamEnd{peer: o.Peer, name: o.Name}
	err := n.useLink(ctx, o.Peer, o.options.wait, func(l *session.Link) (again bool, err error) {
		end.s, err = l.OpenStream(ctx, session.StreamCall{Name: o.Name, Trace: TraceOf(ctx), Args: o.Args,
			Window: o.options.window, Outlives: o.options.opening.outlives})
		return session.Unsent(err), err
	})
	if err != nil {
		return nil, &callError{"stream", o.Name, err}
	}
	return end, nil
}

// stream opens a stream and returns when it is over. It is the Invoker of streams inside all middleware.
func (n *Node) stream(ctx context.Context, o *Outgoing) (Raw, error) {
	end, err := n.beginStream(ctx, o)
	if err != nil {
		return Raw{}, err
	}
	if !o.options.opening.end.CompareAndSwap(nil, end) {
		end.s.Abandon(context.Canceled)
		return Raw{}, &callError{"stream", o.Name, errOpenedTwice}
	}
	close(o.options.opening.begun)
	<-end.s.Done()
	return Raw{}, end.explain(end.s.Wait(context.Background()))
}
