package session

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// A writer seals and writes what is queued. It runs in a goroutine of the pool while there is something to write, so a session
// that is idle has none. Its queue starts it.
type writer struct {
	*Link
	send     *channel.CipherState
	segments []segment // of the next write; empty while the writer rests
	end      func(error)
}

// Run writes until nothing waits. When the queue is closed and empty, or the connection has broken, it calls end, and is not run
// again.
func (w *writer) Run() {
	var err error
	for err == nil {
		segments, next := w.queue.take(w.segments[:0])
		if next == rests {
			return // the next Run may have begun: w is its own
		}
		if next == ends {
			break
		}
		if w.segments = segments; len(segments) == 0 {
			continue // the queue closed while take let others append to it
		}
		err = w.flush(segments, w.send)
		w.queue.release(segments)
		w.counters.Add(counters.FramesOut, w.send.Nonce()-w.framesOut.Swap(w.send.Nonce()))
		if err == nil {
			w.CheckDrained()
		}
	}
	if half, ok := w.conn.(interface{ CloseWrite() error }); ok && err == nil {
		err = half.CloseWrite()
	}
	w.end(err)
}

// flush writes segments with one call.
func (l *Link) flush(segments []segment, send *channel.CipherState) (err error) {
	var out []byte
	if len(segments) == 1 && segments[0].alone {
		// A large envelope is sealed where it lies: that saves a second buffer as large. newEnvelope has left room for the tag
		// behind it; if the envelope has grown into that, append finds other room.
		out = segments[0].b[:0]
	} else {
		size := 0
		for _, s := range segments {
			size += len(s.b) + s.frames*channel.Overhead
		}
		buf := newBuffer(size)
		defer buf.release()
		out = buf.b
	}
	for _, s := range segments {
		if out, err = sealAll(out, s.b, send); err != nil {
			return err
		}
	}
	return l.writeAll(out)
}

// sealAll appends each envelope of the segment as a sealed frame (wire.md §5).
func sealAll(out, segment []byte, send *channel.CipherState) ([]byte, error) {
	for len(segment) > 0 {
		end := frame.HeaderSize + int(binary.BigEndian.Uint32(segment))
		out = frame.AppendHeader(out, end-frame.HeaderSize+channel.Overhead)
		var err error
		if out, err = send.Seal(out, segment[frame.HeaderSize:end]); err != nil {
			return out, err
		}
		segment = segment[end:]
	}
	return out, nil
}

// writeLook is how often writeAll looks whether anything was written. A session that is ending asks for less than a second.
const writeLook = lingerAfterBye / 5

// writeAll writes b as long as some of it is taken within each WriteStall (wire.md §7.2). A connection does
// not tell when it took the last byte, so the error may come later, by one look.
func (l *Link) writeAll(b []byte) error {
	for taken := l.config.Clock.Now(); ; {
		// By the system's clock, which is the connection's: the node's may be another.
		if err := l.conn.SetWriteDeadline(time.Now().Add(writeLook)); err != nil {
			return err
		}
		n, err := l.conn.Write(b)
		l.counters.Add(counters.BytesOut, uint64(n))
		now := l.config.Clock.Now()
		if n > 0 {
			taken = now
			l.taken.Store(int64(now.Sub(l.since)))
		} else if l.excusesSilence() {
			taken = now
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || now.Sub(taken) >= l.config.WriteStall {
			return err
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
