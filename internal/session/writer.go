package session

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// A writer seals and writes what is queued. It runs in a goroutine of the pool while there is something to write, so a session
// that is idle has none. Its queue starts it.
type writer struct {
	*Link
	send     *channel.CipherState
	segments []segment // of the next write; empty while the writer rests
	line     lineRate
	fresh    bool        // nothing was written since the writer has begun to run
	unsent   int         // bytes that the connection was last told to hold at most
	end      func(m any) // is told how it has ended: writeEnded, or panicked
}

// Run writes until nothing waits. When the queue is closed and empty, or the connection has broken, it calls end, and is not run
// again. If it panics, the actor fails in its place: only this session ends.
func (w *writer) Run() {
	defer func() {
		if p := recover(); p != nil {
			w.end(panicked{p, string(debug.Stack())})
		}
	}()
	var err error
	w.fresh = true
	for err == nil {
		segments, next := w.queue.take(w.segments[:0], w.line.allowance())
		if next == rests {
			return // the next Run may have begun: w is its own
		}
		if next == ends {
			break
		}
		if w.segments = segments; len(segments) == 0 {
			continue // the queue closed while take let others append to it
		}
		err = w.flush(segments)
		w.queue.release(segments)
		w.counters.Add(counters.FramesOut, w.send.Nonce()-w.framesOut.Swap(w.send.Nonce()))
		w.limitUnsent()
		if err == nil {
			w.CheckDrained()
		}
	}
	if half, ok := w.conn.(interface{ CloseWrite() error }); ok && err == nil && !w.held.Load() {
		err = half.CloseWrite()
	}
	w.end(writeEnded{err})
}

// limitUnsent has the system hold no more than is given to it at one time, if that has changed much.
func (w *writer) limitUnsent() {
	bulk := w.line.allowance()
	if limit := w.config.LimitUnsent; limit != nil && (bulk > w.unsent+w.unsent/4 || bulk < w.unsent-w.unsent/4) {
		w.unsent = bulk
		limit(w.conn, bulk)
	}
}

// awaitUnsent waits until what was given to the system before has been sent, but for what it is to hold. Lines that are fast enough
// to take all that is ever given need no wait, and what is small passes: the wait costs a call of the system's.
func (w *writer) awaitUnsent(size int) error {
	if wait := w.config.AwaitUnsent; wait != nil && size >= leastAllowance && w.line.allowance() < mostAllowance {
		return wait(w.conn)
	}
	return nil
}

// flush writes segments with one call.
func (w *writer) flush(segments []segment) (err error) {
	var out []byte
	if len(segments) == 1 && segments[0].alone {
		// A large envelope is sealed where it lies: that saves a second buffer as large. newEnvelope has left room for the tag
		// behind it; if the envelope has grown into that, append finds other room.
		out = segments[0].b[:0]
	} else {
		size := 0
		for i := range segments {
			size += segments[i].size() + segments[i].frames*channel.Overhead
		}
		buf := newBuffer(size)
		defer buf.release()
		out = buf.b
	}
	for i := range segments {
		if out, err = segments[i].seal(out, w.send); err != nil {
			return err
		}
	}
	return w.writeAll(out)
}

// writeLook is how often writeAll looks whether anything was written. A session that is ending asks for less than a second.
const writeLook = lingerAfterBye / 5

// writeAll writes b as long as some of it is taken within each WriteStall (wire.md §7.2), except that it waits longer for a peer
// that may be at work on a call. A connection does not tell when it took the last byte, so the error may come later, by one look.
func (w *writer) writeAll(b []byte) error {
	taken := w.config.Clock.Now()
	stalledFrom := taken
	if w.fresh {
		w.line.begin(taken)
		w.fresh = false
	}
	for {
		// By the system's clock, which is the connection's: the node's may be another.
		if err := w.conn.SetWriteDeadline(time.Now().Add(writeLook)); err != nil {
			return err
		}
		n, err := 0, w.awaitUnsent(len(b))
		if err == nil {
			n, err = w.conn.Write(b)
		}
		w.counters.Add(counters.BytesOut, uint64(n))
		now := w.config.Clock.Now()
		if n > 0 {
			w.line.wrote(n, now)
			taken, stalledFrom = now, now
			w.taken.Store(int64(now.Sub(w.since)))
		} else if w.isSilenceExcused(stalledFrom, now) {
			taken = now
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if now.Sub(taken) >= w.config.WriteStall {
			return errStalled
		}
		b = b[n:]
	}
}

// Reset closes a connection so that the other end sees a reset and nothing else (wire.md §4.2).
func Reset(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}
