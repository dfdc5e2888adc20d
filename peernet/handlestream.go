package peernet

import (
	"context"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// HandleWindow sets how many bytes of values of each stream a handler of HandleDuplex takes ahead of what it receives, 256 KiB
// by default: see Window. Other handlers ignore it.
func HandleWindow(bytes int) HandleOption {
	return func(g *registration) { g.window = checkWindow(bytes) }
}

// HandleStream registers a handler that answers a call with many values, which it sends to out, as CallStream receives them. The
// stream ends when the handler returns: with nil, or with an error as that of a Handler. The caller receives all that was
// sent before it gets the end. out must not be used after that.
//
// A stream is a call: Authorize, middleware and deadlines act on it as on any other, and ctx ends when the caller has given up, its deadline has
// passed, or the link is lost. It does not count towards Limits.CallsPerPeer but towards Limits.StreamsPerPeer. Send waits while
// the caller's reader is behind, so give it ctx. A plain call of the handler is answered `bad_args`.
func HandleStream[A, R any](n *Node, name string, f func(ctx context.Context, from Caller, args A, out *Out[R]) error, opts ...HandleOption) error {
	return handleStream(n, name, 0, func(ctx context.Context, from Caller, args A, end *streamEnd) error {
		return f(ctx, from, args, &Out[R]{end})
	}, opts)
}

// HandleDuplex registers a handler that receives values from in while it sends values to out, as OpenStream does at the caller.
// The caller sends values of type S, the handler values of type R. It is otherwise as HandleStream. Values that were not
// received when the handler returns are dropped.
func HandleDuplex[A, S, R any](n *Node, name string, f func(ctx context.Context, from Caller, args A, in *In[S], out *Out[R]) error, opts ...HandleOption) error {
	return handleStream(n, name, valueWindow, func(ctx context.Context, from Caller, args A, end *streamEnd) error {
		return f(ctx, from, args, &In[S]{end}, &Out[R]{end})
	}, opts)
}

func handleStream[A any](n *Node, name string, window int, f func(context.Context, Caller, A, *streamEnd) error, opts []HandleOption) error {
	return n.handle(name, func(g *registration) Handler {
		g.IsStream = true
		if window > 0 && g.window > 0 {
			window = g.window
		}
		return func(ctx context.Context, r *Request) (any, error) {
			s, err := r.stream()
			if err != nil {
				return nil, err
			}
			args, err := decode[A](r.Args())
			if err != nil {
				return nil, &RemoteError{Code: envelope.CodeBadArgs, Text: fmt.Sprintf("%s takes a %T", name, args)}
			}
			defer context.AfterFunc(ctx, func() { s.Interrupt(ctx.Err()) })()
			if err := s.Begin(window); err != nil {
				return nil, err
			}
			from := r.Caller()
			return nil, f(ctx, from, args, &streamEnd{s: s, peer: from.Key})
		}
	}, opts)
}

// stream returns the stream of a request. The error answers a caller that has not asked for one.
func (r *Request) stream() (*session.Stream, error) {
	if s, ok := r.r.Stream().(*session.Stream); ok {
		return s, nil
	}
	return nil, &RemoteError{Code: envelope.CodeBadArgs, Text: r.Name() + " is a stream: open it instead of calling it"}
}
