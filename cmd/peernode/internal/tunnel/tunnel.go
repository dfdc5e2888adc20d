// Package tunnel carries bytes between this machine and streams of peers (wire.md §6.11): TCP connections that come from peers
// or go to them, and the input and output of the command pipe. A stream carries bytes as binary values, so each end may also be a
// program that uses Node.Listen or Node.Dial.
//
// Each direction ends by itself. What breaks at one end breaks at the other too, and is never taken for its end.
package tunnel

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// chunk is the most bytes of one value: with its envelope it is less than 32 KiB, so it is not cut into parts (wire.md §6.10), and
// not more than half of the 64 KiB that a net.Conn of a peer takes ahead.
const chunk = 32<<10 - 64

// LeaveTime is how long a Local may take to accept a value of a peer that has given up the stream. One that does not read would
// otherwise hold the stream, and its share of the peer's limits, for as long as it lives. It is a variable so that tests need not
// wait for it.
var LeaveTime = 10 * time.Second

// resetTime is how often a Local that is not read, because the stream has no credit, is asked whether it has been reset.
const resetTime = time.Second

// Errors of tunnels.
var (
	// ErrBrokenOff: the peer that opened the stream has given it up, or the link is lost. This end is not told which.
	ErrBrokenOff = errors.New("the peer has broken off the stream, or the connection to it is lost")
	// ErrTaken: the node serves the name already.
	ErrTaken = errors.New("this node serves that name already")
	// ErrLocal: this machine's end has broken.
	ErrLocal = errors.New("this end has broken")
)

// A Local is this machine's end of a tunnel.
type Local interface {
	io.ReadWriter
	CloseWrite() error
	SetDeadline(time.Time) error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// A finisher is a Local that can tell when what was written to it, up to CloseWrite, has got where it goes.
type finisher interface{ Finish() error }

// Counts are the bytes that have passed.
type Counts struct{ In, Out uint64 } // from the peer, and to it

// A tunnel joins a stream to a Local.
type tunnel struct {
	local Local
	in    *peernet.In[peernet.Raw]
	out   *peernet.Out[[]byte]

	received, sent atomic.Uint64
	isOver         atomic.Bool // the stream is over: what the Local reads has nowhere to go
	unsent         atomic.Bool // some of what the Local has to send

	life context.Context // ends when the peer has given up the stream, at the end that serves it

	cancel context.CancelFunc // ends Recv and Send
	mu     sync.Mutex         // guards broken
	broken error              // the first error
}

// run carries bytes until both directions have ended, one breaks, or ctx ends. At the end that opened the stream, wait waits for
// the end of it. At the other, life is the context of the handler.
func (t *tunnel) run(ctx, life context.Context, wait func(context.Context) error) (Counts, error) {
	moving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	t.cancel, t.life = cancel, life
	defer after(ctx, func() { t.stop(context.Cause(ctx)) })()
	defer after(life, func() {
		t.endReading()
		t.limitWriting()
	})()
	var both sync.WaitGroup
	both.Go(func() { t.stop(t.up(moving)) })
	both.Go(func() {
		err := t.down(moving)
		if err == nil && wait != nil {
			err = wait(moving)
			t.endReading()
		}
		if err != nil && life.Err() != nil {
			err = ErrBrokenOff
		}
		t.stop(err)
	})
	both.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.broken != nil && ctx.Err() != nil: // which may end the stream before it stops the tunnel
		t.broken = context.Cause(ctx)
	case t.broken == nil && t.unsent.Load() && life.Err() != nil:
		t.broken = ErrBrokenOff
	case t.broken == nil && t.unsent.Load():
		t.broken = peernet.ErrStreamOver
	}
	return Counts{t.received.Load(), t.sent.Load()}, t.broken
}

// after has f run when ctx ends. After undo f does not run, and is not running: the Local's deadlines are its owner's again.
func after(ctx context.Context, f func()) (undo func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		f()
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// stop ends both directions if err is an error. The first one counts.
func (t *tunnel) stop(err error) {
	if err == nil {
		return
	}
	t.mu.Lock()
	if t.broken == nil {
		t.broken = err
	}
	t.mu.Unlock()
	t.cancel()
	t.local.SetDeadline(past)
}

// endReading ends the direction to the peer, because the stream is over.
func (t *tunnel) endReading() {
	t.isOver.Store(true)
	t.local.SetReadDeadline(past)
}

// limitWriting bounds the next write to the Local, or the one that is under way, if the stream is over.
func (t *tunnel) limitWriting() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken == nil && t.isOver.Load() { // or else stop sets the deadline
		t.local.SetWriteDeadline(time.Now().Add(LeaveTime))
	}
}

// buffers are for reading from Locals.
var buffers = sync.Pool{New: func() any { return new([chunk]byte) }}

// up carries bytes to the peer. It returns nil if nothing more can be sent: down finds out why.
func (t *tunnel) up(ctx context.Context) error {
	buf := buffers.Get().(*[chunk]byte)
	defer buffers.Put(buf)
	for most := chunk; ; {
		n, err := t.local.Read(buf[:])
		for rest := buf[:n]; len(rest) > 0; {
			part := rest[:min(len(rest), most)]
			switch err := t.send(ctx, part); {
			case err == nil:
				t.sent.Add(uint64(len(part)))
				rest = rest[len(part):]
			case errors.Is(err, peernet.ErrTooLarge) && most > 1: // the peer takes less at a time
				most /= 2
			case errors.Is(err, peernet.ErrTooLarge), errors.Is(err, ErrLocal):
				return err
			default:
				t.unsent.Store(true)
				return nil
			}
		}
		if err == io.EOF {
			return t.endUp(ctx)
		}
		if err != nil {
			return t.localError("reading", err)
		}
	}
}

// send sends a value, and fails with ErrLocal if the Local is reset before the stream has credit for it.
func (t *tunnel) send(ctx context.Context, value []byte) error {
	for {
		turn, cancel := context.WithTimeout(ctx, resetTime)
		err := t.out.Send(turn, value)
		isLate := turn.Err() != nil
		cancel()
		if err == nil || !isLate || ctx.Err() != nil {
			return err
		}
		if err := resetOf(t.local); err != nil {
			return &localError{"reading", err}
		}
	}
}

// endUp ends the direction to the peer, and waits until the other direction has got further than the Local.
func (t *tunnel) endUp(ctx context.Context) error {
	if err := t.out.CloseSend(ctx); err != nil {
		return nil // the stream is over
	}
	if f, ok := t.local.(finisher); ok {
		if err := f.Finish(); err != nil {
			return t.localError("reading", err)
		}
	}
	return nil
}

// down carries bytes from the peer.
func (t *tunnel) down(ctx context.Context) error {
	for {
		value, err := t.in.Recv(ctx)
		t.limitWriting()
		if err == io.EOF {
			if err := t.local.CloseWrite(); err != nil {
				return t.localError("writing", err)
			}
			return nil
		}
		if err != nil {
			return err
		}
		b, err := value.Binary()
		if err != nil {
			return &notBytesError{err}
		}
		if _, err := t.local.Write(b); err != nil {
			return t.localError("writing", err)
		}
		t.received.Add(uint64(len(b)))
	}
}

// localError returns the error of a Local, or nil if it comes from endReading. A Local that has sent something and has not come to its
// end then has more; one that has sent nothing is not used in this direction.
func (t *tunnel) localError(doing string, err error) error {
	if doing == "reading" && t.isOver.Load() {
		if t.life.Err() != nil && t.sent.Load() > 0 {
			t.unsent.Store(true)
		}
		return nil
	}
	return &localError{doing, err}
}

// A localError is an ErrLocal.
type localError struct {
	doing string
	err   error
}

func (e *localError) Error() string { return e.doing + ": " + e.err.Error() }

func (e *localError) Unwrap() []error { return []error{ErrLocal, e.err} }

// A notBytesError says that a value of the peer is no binary.
type notBytesError struct{ err error }

func (e *notBytesError) Error() string {
	return "the stream carries something else than bytes: " + e.err.Error()
}

func (e *notBytesError) Unwrap() []error { return []error{peernet.ErrBadArgs, e.err} }
