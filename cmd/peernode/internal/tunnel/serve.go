package tunnel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A served is a stream that a peer has opened.
type served struct {
	from peernet.Caller
	life context.Context // ends when the peer has given it up
	in   *peernet.In[peernet.Raw]
	out  *peernet.Out[[]byte]
}

// handle has do serve the streams that peers open to name: those of allow, or if that is empty all that are trusted. A stream ends
// with what do returns.
func handle(node *peernet.Node, name string, allow []identity.PublicKey, do func(served) error) error {
	opts := []peernet.HandleOption{peernet.HandleWindow(window)}
	if len(allow) > 0 {
		opts = append(opts, peernet.Authorize(func(_ context.Context, c peernet.Caller) bool { return slices.Contains(allow, c.Key) }))
	}
	err := peernet.HandleDuplex(node, name, func(ctx context.Context, from peernet.Caller, _ peernet.Raw, in *peernet.In[peernet.Raw], out *peernet.Out[[]byte]) error {
		return do(served{from, ctx, in, out})
	}, opts...)
	if errors.Is(err, peernet.ErrTaken) {
		return fmt.Errorf("%w: %s", ErrTaken, name)
	}
	return err
}

// join carries bytes between the stream and local until both directions have ended. local is not closed.
func (s served) join(ctx context.Context, local Local) (Counts, error) {
	t := tunnel{local: local, in: s.in, out: s.out}
	return t.run(ctx, s.life, nil)
}

// failed returns the error with which a handler tells its caller what has failed.
func failed(what, name, how string) error {
	return peernet.NewError(envelope.CodeFailed, what+" "+strconv.Quote(name)+" "+how, nil)
}
