package session

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

const (
	idleRead    = 1 << 10  // bytes of read buffer that an idle session keeps
	busyRead    = 64 << 10 // bytes of read buffer under load; a frame that does not fit gets one of its own
	arenaBytes  = 4 << 10  // plaintexts share an allocation of at most this, so one that is kept pins no more
	maxBatches  = 2        // reads that may be on their way to the actor; then the reader waits, and so does TCP
	idleBatch   = 2        // envelopes that a batch of an idle session has room for
	discardMost = 64 << 10 // bytes thrown away after the end, so that no reset overtakes our bye (wire.md §7.3)
)

// A batch is what one read brought.
type batch struct{ envelopes []envelope.Envelope }

// A reader opens and decodes what arrives, and gives the actor one message for each read.
type reader struct {
	*Link
	recv *channel.CipherState

	buf   *buffer // its length is what has been read and is not decoded yet
	full  bool    // the last read filled it
	big   []byte  // body of a frame that buf cannot hold, its envelope's to keep
	have  int     // bytes of big that have been read
	arena []byte  // plaintexts; what is handed on is never written again
	made  int     // batches made so far

	free    chan *batch   // batches that the actor has given back
	stop    chan struct{} // closed when the session stops without asking anybody
	deaf    atomic.Bool   // the session is ending: discard what still comes
	swollen atomic.Bool   // buf is larger than an idle session keeps; see shrink
}

func newReader(l *Link, recv *channel.CipherState) *reader {
	return &reader{Link: l, recv: recv, buf: &buffer{make([]byte, 0, idleRead)},
		free: make(chan *batch, maxBatches), stop: make(chan struct{})}
}

// read reads until the connection ends, and returns why. It runs in a goroutine of its own.
func (r *reader) read() error {
	defer func() { r.buf.release() }()
	for !r.deaf.Load() {
		if err := r.fill(); err != nil {
			return err
		}
		b, err := r.decode()
		if b != nil {
			r.heard.Store(int64(r.config.Clock.Now().Sub(r.since)))
			r.counters.Add(counters.FramesIn, r.recv.Nonce()-r.opened.Swap(r.recv.Nonce()))
			crowd := len(b.envelopes) > 1
			r.system.Root.Send(r.pid, received{b})
			if crowd {
				runtime.Gosched() // let them be worked on: what that brings is worth one read, not several
			}
		}
		if err != nil {
			r.system.Root.Send(r.pid, violated{err})
			break
		}
	}
	return r.discard()
}

// fill reads once.
func (r *reader) fill() error {
	for {
		var n int
		var err error
		if r.big != nil {
			n, err = r.conn.Read(r.big[r.have:])
			r.have += n
		} else {
			if r.full && cap(r.buf.b) < busyRead {
				r.resize(busyRead) // there is more where that came from
			}
			n, err = r.conn.Read(r.buf.b[len(r.buf.b):cap(r.buf.b)])
			r.buf.b = r.buf.b[:len(r.buf.b)+n]
			r.full = len(r.buf.b) == cap(r.buf.b)
		}
		r.counters.Add(counters.BytesIn, uint64(n))
		switch {
		case n > 0:
			return nil
		case err == nil:
			return io.ErrNoProgress
		case errors.Is(err, os.ErrDeadlineExceeded) && r.swollen.Load(): // see shrink
			if err := r.conn.SetReadDeadline(time.Time{}); err != nil {
				return err
			}
			r.resize(idleRead)
			r.thin()
		default:
			return err
		}
	}
}

// shrink is called by the actor of an idle session: it makes the waiting read return, so that fill gives
// large buffers back.
func (r *reader) shrink() {
	if r.swollen.Load() {
		_ = r.conn.SetReadDeadline(time.Unix(1, 0)) // long past
	}
}

func (r *reader) resize(size int) {
	if size <= len(r.buf.b) {
		return
	}
	next := &buffer{}
	if size > idleRead {
		next = newBuffer(size)
	} else {
		next.b = make([]byte, 0, size)
	}
	next.b = append(next.b, r.buf.b...)
	r.buf.release()
	r.buf = next
	r.swollen.Store(size > idleRead)
}

// thin replaces the batches that have grown.
func (r *reader) thin() {
	for range maxBatches {
		select {
		case b := <-r.free:
			if cap(b.envelopes) > idleBatch {
				b.envelopes = nil
			}
			r.free <- b
		default:
		}
	}
}

// decode takes every complete frame out of what was read. The batch is nil if there was none.
func (r *reader) decode() (*batch, error) {
	var b *batch
	if r.big != nil {
		if r.have < len(r.big) {
			return nil, nil
		}
		body := r.big
		r.big = nil
		if b = r.batch(); b == nil {
			return nil, nil
		}
		_, err := r.open(b, body[:0], body)
		return b, err
	}
	rest := r.buf.b
	for {
		body, after, err := frame.Next(rest, r.config.FrameLimit)
		if err == frame.ErrShort {
			r.keep(rest)
			return b, nil
		}
		if err != nil {
			return b, err
		}
		if b == nil {
			if b = r.batch(); b == nil {
				return nil, nil
			}
		}
		n, err := r.open(b, r.room(len(body), len(rest)), body)
		r.arena = r.arena[:len(r.arena)+n]
		if err != nil {
			return b, err
		}
		rest = after
	}
}

// open decrypts one frame into dst, adds what it says to b, and returns the size of the plaintext.
func (r *reader) open(b *batch, dst, body []byte) (int, error) {
	plain, err := r.recv.Open(dst, body)
	if err != nil {
		return 0, err
	}
	b.envelopes = append(b.envelopes, envelope.Envelope{})
	if err := r.codec.Parse(plain, &b.envelopes[len(b.envelopes)-1]); err != nil {
		b.envelopes = b.envelopes[:len(b.envelopes)-1]
		return 0, err
	}
	if e := &b.envelopes[len(b.envelopes)-1]; len(plain)-len(e.Args)-len(e.Name) > arenaBytes {
		// Most of a large frame is options that nobody keeps: what is kept must not pin them.
		e.Args, e.Name = bytes.Clone(e.Args), bytes.Clone(e.Name)
	}
	return len(plain), nil
}

// room returns room for the plaintext of a frame, in an allocation that it shares with its neighbours among
// the next bytes.
func (r *reader) room(size, next int) []byte {
	if cap(r.arena)-len(r.arena) < size {
		r.arena = make([]byte, 0, max(size, min(next, arenaBytes)))
	}
	return r.arena[len(r.arena):]
}

// keep moves what is left, the beginning of a frame, to where the next read continues it.
func (r *reader) keep(rest []byte) {
	if len(rest) >= frame.HeaderSize {
		if size, _ := frame.Length(rest, r.config.FrameLimit); size > busyRead-frame.HeaderSize {
			r.big = make([]byte, size)
			r.have = copy(r.big, rest[frame.HeaderSize:])
			rest = nil
		}
	}
	r.buf.b = r.buf.b[:copy(r.buf.b[:cap(r.buf.b)], rest)]
	if len(r.buf.b) == 0 {
		r.arena = nil
	}
}

// batch returns one that is free, waiting for the actor if it has them all; nil: the session stops.
func (r *reader) batch() *batch {
	select {
	case b := <-r.free:
		return b
	default:
	}
	if r.made < maxBatches {
		r.made++
		return &batch{}
	}
	select {
	case b := <-r.free:
		return b
	case <-r.stop:
		return nil
	}
}

// give is called by the actor: the batch and its slice are the reader's again, what it pointed to is not.
func (r *reader) give(b *batch) {
	clear(b.envelopes)
	b.envelopes = b.envelopes[:0]
	r.free <- b
}

// discard reads on, for a while, so that the peer can read our last words: a close with unread input would
// reset the connection. The actor closes it when it takes too long.
func (r *reader) discard() error {
	_ = r.conn.SetReadDeadline(time.Time{}) // shrink may have set it: fill would have lifted it
	for left := discardMost; left > 0; {
		n, err := r.conn.Read(r.buf.b[:cap(r.buf.b)])
		if left -= n; err != nil {
			return err
		}
	}
	return nil
}
