package tunnel

import (
	"context"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A Taker is a name of this node that takes one stream.
type Taker struct {
	node   *peernet.Node
	name   string
	offers chan *Taken
	close  sync.Once
	closed chan struct{}
}

// A Taken is the stream that a Taker has taken.
type Taken struct {
	served
	name  string
	reply chan error // what its handler returns; it has room for it
}

// NewTaker returns a Taker of name for the peers of allow, or if that is empty all that are trusted. The error is that of Node.Handle.
func NewTaker(node *peernet.Node, name string, allow []identity.PublicKey) (*Taker, error) {
	t := &Taker{node: node, name: name, offers: make(chan *Taken), closed: make(chan struct{})}
	if err := handle(node, name, allow, t.serve); err != nil {
		return nil, err
	}
	return t, nil
}

// serve offers a stream, and returns when it has ended.
func (t *Taker) serve(s served) error {
	o := &Taken{s, t.name, make(chan error, 1)}
	select {
	case t.offers <- o:
		return <-o.reply
	case <-t.closed:
		return peernet.ErrNoHandler
	case <-s.life.Done():
		return s.life.Err()
	}
}

// Take waits for a stream until ctx ends. The caller must Join it. The name is free again when it returns: other peers get
// ErrNoHandler.
func (t *Taker) Take(ctx context.Context) (*Taken, error) {
	defer t.Close()
	select {
	case o := <-t.offers:
		return o, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close takes the name away.
func (t *Taker) Close() {
	t.close.Do(func() {
		t.node.Unhandle(t.name)
		close(t.closed)
	})
}

// From returns the peer that has opened the stream.
func (o *Taken) From() peernet.Caller { return o.from }

// Join carries bytes between the stream and local until both directions have ended, and tells the peer that all has got to the
// other end of local, or that it has not. local is not closed.
func (o *Taken) Join(ctx context.Context, local Local) (counts Counts, err error) {
	if counts, err = o.join(ctx, local); err != nil {
		o.reply <- failed("the reader of", o.name, "has ended before all was read")
		return counts, err
	}
	o.reply <- nil
	return counts, nil
}
