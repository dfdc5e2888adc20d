package tunnel

import (
	"context"
	"strconv"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// window is how many bytes may arrive ahead of a Local at the beginning, as at a net.Conn of a peer.
const window = 64 << 10

// A Stream is one that this node has opened to carry bytes.
type Stream struct {
	s   *peernet.Stream[[]byte, peernet.Raw]
	end context.CancelFunc
}

// Open opens a stream of bytes to a name of a peer, within a time. The stream ends with ctx.
func Open(ctx context.Context, node *peernet.Node, key identity.PublicKey, name string, within time.Duration, opts ...peernet.CallOption) (*Stream, error) {
	life, end := context.WithCancel(ctx)
	timer := time.AfterFunc(within, end)
	s, err := peernet.OpenStream[[]byte, peernet.Raw](life, node, key, name, nil, append(opts, peernet.Window(window))...)
	if !timer.Stop() && ctx.Err() == nil {
		err = &lateError{name, context.DeadlineExceeded} // it has ended with life
		if p, known := node.Peer(key); known && p.State != peernet.StateConnected {
			err = &lateError{name, peernet.ErrNotConnected}
		}
	}
	if err != nil {
		end()
		return nil, err
	}
	return &Stream{s, end}, nil
}

// A lateError says that a stream was not opened in time, and of which kind that is.
type lateError struct {
	name string
	kind error
}

func (e *lateError) Error() string {
	text := "stream " + strconv.Quote(e.name) + " was not opened in time"
	if e.kind == peernet.ErrNotConnected {
		text += ": the peer is not connected"
	}
	return text
}

func (e *lateError) Unwrap() error { return e.kind }

// Close gives the stream up unless it is over.
func (s *Stream) Close() { s.end() }

// Join carries bytes between the stream and local until both directions have ended and the peer has ended the stream, which says
// that all has got where it goes there. The stream is over when it returns; local is not closed.
func (s *Stream) Join(ctx context.Context, local Local) (Counts, error) {
	defer s.end()
	t := tunnel{local: local, in: &s.s.In, out: &s.s.Out}
	return t.run(ctx, context.Background(), s.s.Wait)
}
