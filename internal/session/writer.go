package session

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/frame"
)

// keepIdle is how large a buffer an idle session may keep, in bytes.
const keepIdle = 4 << 10

// write seals what the queue holds and writes it, until the queue is closed and empty or the connection
// breaks. It runs in a goroutine of its own.
func (l *Link) write(send *channel.CipherState) error {
	var (
		batch []segment
		out   *buffer
		more  bool
		err   error
	)
	for {
		batch, more = l.queue.take(batch[:0])
		if !more {
			break
		}
		if len(batch) == 0 {
			continue // the queue closed while take let others append to it
		}
		size := 0
		for _, s := range batch {
			size += len(s.b) + s.frames*channel.Overhead
		}
		if out == nil || cap(out.b) < size {
			if out != nil {
				out.release()
			}
			out = newBuffer(size)
		}
		for _, s := range batch {
			if out.b, err = sealAll(out.b, s.b, send); err != nil {
				break
			}
		}
		if err == nil {
			err = l.writeAll(out.b)
		}
		out.b = out.b[:0]
		l.queue.wrote(batch)
		if err != nil {
			break
		}
		if cap(out.b) > keepIdle {
			out.release()
			out = nil
		}
		if l.draining.Load() {
			l.system.Root.Send(l.pid, settled{})
		}
	}
	if out != nil {
		out.release()
	}
	if half, ok := l.conn.(interface{ CloseWrite() error }); ok && err == nil {
		err = half.CloseWrite()
	}
	return err
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

// stallLooks is how often within WriteStall writeAll looks whether anything was written.
const stallLooks = 6

// writeAll writes b, for as long as some of it is taken within each WriteStall (wire.md §7.2). A connection does
// not tell when it took the last byte, so the end may come later, by one look.
func (l *Link) writeAll(b []byte) error {
	for idle := 0; ; {
		if err := l.conn.SetWriteDeadline(time.Now().Add(l.config.WriteStall / stallLooks)); err != nil {
			return err
		}
		n, err := l.conn.Write(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		b = b[n:]
		if idle++; n > 0 {
			idle = 0
		}
		if idle == stallLooks {
			return err
		}
	}
}

// Reset closes a connection so that the other end sees a reset and nothing else (wire.md §4.2).
func Reset(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}
