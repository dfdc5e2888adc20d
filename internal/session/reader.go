package session

import (
	"bytes"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

const (
	idleRead    = 512      // bytes of read buffer that an idle session keeps
	busyRead    = 72 << 10 // bytes of read buffer under load, in whole pages; a larger frame gets one of its own
	arenaBytes  = 4 << 10  // plaintexts share an allocation of at most this, so one that is kept pins no more
	maxBatches  = 2        // reads that may be on their way to the actor; then the reader waits, and TCP with it
	firstWords  = 4        // messages in which a peer greets: its hello, pings and pongs
	discardMost = 64 << 10 // bytes thrown away after the end, so that no reset overtakes our bye (wire.md §7.3)
)

// A batch is what one read brought.
type batch struct {
	envelopes []envelope.Envelope
	chains    int  // of sends that ended with it: CloseChain is told once the sends are delivered
	isLast    bool // the session may fall idle after it: it is not kept
}

// A reader opens and decodes what arrives. It delivers calls, replies, sends, pings and pongs itself; a read with anything else
// in it becomes one message to the actor.
type reader struct {
	*Link
	recv *channel.CipherState

	busy   int     // bytes of read buffer under load: busyRead, or fewer
	buf    *buffer // its length is what has been read and is not decoded yet
	isFull bool    // the last read filled buf
	large  []byte  // body of a frame that buf cannot hold, its envelope's to keep
	read   int     // bytes of large that have been read
	arena  []byte  // plaintexts; bytes given to an envelope are never reused
	parts  assembly
	part   envelope.Envelope // the last one
	values *buffer           // in which a large frame is opened, as the last one was a value of a byte stream; nil: it was not
	opened *buffer           // values, while a frame that was opened in it is handled

	free     chan *batch     // batches that the actor does not have; nil: made when it is needed
	atActor  atomic.Int32    // batches that the actor has not handled yet
	stop     <-chan struct{} // closed when the session stops at once
	discards atomic.Bool     // the session is ending: what still comes is discarded
}

func newReader(l *Link, recv *channel.CipherState, stop <-chan struct{}) *reader {
	own := l.ownHello()
	r := &reader{Link: l, recv: recv, busy: busyRead, buf: &buffer{make([]byte, 0, idleRead)},
		free: make(chan *batch, maxBatches), stop: stop, parts: assembly{limits: partsOf(&own)}}
	if l.guest != nil {
		r.busy = guestRead
	}
	for range maxBatches {
		r.free <- nil
	}
	return r
}

// run reads until the connection ends, and returns why, or until the session may fall idle: then it is to be called again.
func (r *reader) run() (mayIdle bool, err error) {
	defer func() {
		if !mayIdle {
			r.releaseBuffer()
			r.releaseValues()
		}
	}()
	for !r.discards.Load() {
		if err := r.fill(); err != nil {
			return false, err
		}
		b, err := r.decode()
		if r.guest != nil {
			r.keepPace()
		}
		mayIdle = r.recv.Nonce() <= firstWords
		if b != nil {
			now := r.config.Clock.Now().Sub(r.since)
			if err == nil {
				err = r.parts.checkSilence(now)
			}
			if now-time.Duration(r.heard.Swap(int64(now))) >= r.config.PingAfter/2 {
				r.shrink()
				mayIdle = true
			}
			b.isLast = mayIdle
			r.counters.Add(counters.FramesIn, r.recv.Nonce()-r.framesIn.Swap(r.recv.Nonce()))
			several := len(b.envelopes) > 1 // once handed on, b may be the actor's
			if violation := r.handOn(b); violation != nil {
				err = violation
			}
			if several {
				runtime.Gosched() // let those who were handed something act, so the next read collects several frames
			}
		}
		if err != nil {
			r.system.Root.Send(r.pid, violated{err})
			break
		}
		if mayIdle {
			return true, nil
		}
	}
	return false, r.discard()
}

// handOn delivers what asks for no decision of the actor, and sends the actor everything else. An error is a violation of the
// protocol.
func (r *reader) handOn(b *batch) error {
	if !r.mayDeliver(b) {
		r.atActor.Add(1)
		r.system.Root.Send(r.pid, received{b})
		return nil
	}
	defer r.giveBack(b)
	defer r.inbound.Begin()
	return r.deliverAll(b.envelopes)
}

// deliverAll delivers envelopes in order.
func (r *reader) deliverAll(envelopes []envelope.Envelope) error {
	for i := range envelopes {
		if err := r.deliver(&envelopes[i]); err != nil {
			return err
		}
	}
	return nil
}

// mayDeliver says whether all envelopes of a batch may be delivered without the actor: there is nothing in it that the actor has
// to decide, and nothing before it that the actor has not handled yet. So all envelopes are handled in order.
func (r *reader) mayDeliver(b *batch) bool {
	if r.atActor.Load() > 0 || !r.direct.Load() || r.isRotationDue() {
		return false
	}
	return !slices.ContainsFunc(b.envelopes, func(e envelope.Envelope) bool { return isCommand(&e) })
}

// fill reads once from the connection.
func (r *reader) fill() error {
	var n int
	var err error
	if r.large != nil {
		n, err = r.conn.Read(r.large[r.read:])
		r.read += n
	} else {
		if r.isFull && cap(r.buf.b) < r.busy {
			r.resize(r.busy) // the last read filled the buffer; more data probably waits
		}
		n, err = r.conn.Read(r.buf.b[len(r.buf.b):cap(r.buf.b)])
		r.buf.b = r.buf.b[:len(r.buf.b)+n]
		r.isFull = len(r.buf.b) == cap(r.buf.b)
	}
	r.counters.Add(counters.BytesIn, uint64(n))
	if r.guest != nil {
		r.guest.read += n
	}
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

func (r *reader) resize(size int) {
	if size <= len(r.buf.b) {
		return
	}
	next := newReadBuffer(size)
	next.b = append(next.b, r.buf.b...)
	r.releaseBuffer()
	r.buf, r.isFull = next, false
}

// readBuffers keeps buffers of busyRead bytes. Those of other sizes are few or small.
var readBuffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, busyRead)} }}

func newReadBuffer(size int) *buffer {
	if size == busyRead {
		return readBuffers.Get().(*buffer)
	}
	return &buffer{make([]byte, 0, size)}
}

func (r *reader) releaseBuffer() {
	if cap(r.buf.b) == busyRead {
		r.buf.b = r.buf.b[:0]
		readBuffers.Put(r.buf)
	}
	r.buf = nil
}

// shrink gives back what grew under load. It is called after a silence, and is with the first ping or pong of an idle session at
// the latest.
func (r *reader) shrink() {
	if cap(r.buf.b) > idleRead {
		r.resize(idleRead)
	}
	r.releaseValues()
	for range len(r.free) {
		<-r.free
		r.free <- nil
	}
}

// decode takes every complete frame out of what was read. The batch is nil if there was none.
func (r *reader) decode() (*batch, error) {
	var b *batch
	if r.large != nil {
		if r.read < len(r.large) {
			return nil, nil
		}
		body := r.large
		r.large = nil
		if b = r.nextBatch(); b == nil {
			return nil, nil
		}
		_, err := r.open(b, body[:0], body)
		return b, err
	}
	rest := r.buf.b
	for {
		body, after, err := frame.Next(rest, r.frameLimit())
		if err == frame.ErrShort {
			r.keepRest(rest)
			return b, nil
		}
		if err != nil {
			return b, err
		}
		if b == nil {
			if b = r.nextBatch(); b == nil {
				return nil, nil
			}
		}
		if len(body) > arenaBytes {
			err = r.openLent(b, body)
		} else {
			var n int
			n, err = r.open(b, r.roomFor(len(body), len(rest)), body)
			r.arena = r.arena[:len(r.arena)+n]
		}
		if err != nil {
			return b, err
		}
		rest = after
	}
}

// open decrypts one frame into dst, adds its envelope to b, and returns the size of the plaintext.
func (r *reader) open(b *batch, dst, body []byte) (int, error) {
	plain, err := r.recv.Open(dst, body)
	if err != nil {
		return 0, err
	}
	return len(plain), r.parse(b, plain)
}

// openLent is open for a frame that may be a part or a value of a stream. It lies in the read buffer, and is decrypted
// there: the bytes of a part are copied once only, to where the envelope is joined. While values of a byte stream come, it is
// decrypted into a buffer that its value can stay in.
func (r *reader) openLent(b *batch, body []byte) error {
	dst := body[:0]
	if r.opened = nil; r.values != nil && len(body) <= valueBytes {
		r.opened = r.values
		dst = r.values.b
	}
	plain, err := r.recv.Open(dst, body)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(plain, partPrefix) || bytes.HasPrefix(plain, lastPrefix) {
		if err = r.codec.Parse(plain, &r.part); err == nil {
			err = r.takePart(b)
		}
		return err
	}
	if taken, err := r.takeData(b, plain); taken || err != nil {
		return err
	}
	own := bytes.Clone(plain) // which does not clear the memory first
	r.releaseValues()         // plain may lie in that buffer, and from now on another session may write into it
	return r.parse(b, own)
}

// parse adds the envelope of plain to b, or takes it as a part of one.
func (r *reader) parse(b *batch, plain []byte) error {
	n := len(b.envelopes)
	b.envelopes = append(b.envelopes, envelope.Envelope{})
	e := &b.envelopes[n]
	err := r.codec.Parse(plain, e)
	if err == nil && !(isPart(e) && r.dialect.hasControl) {
		if len(plain)-len(e.Args)-len(e.Name) > arenaBytes {
			// Most of a large frame is options that are not kept: what is kept must not pin them.
			e.Args, e.Name = bytes.Clone(e.Args), bytes.Clone(e.Name)
		}
		return nil
	}
	r.part = *e
	b.envelopes = b.envelopes[:n]
	if err != nil {
		return err
	}
	return r.takePart(b)
}

// roomFor returns room for the plaintext of a frame, in an allocation that it shares with its neighbours among
// the next bytes.
func (r *reader) roomFor(size, next int) []byte {
	if cap(r.arena)-len(r.arena) < size {
		r.arena = make([]byte, 0, max(size, min(next, arenaBytes)))
	}
	return r.arena[len(r.arena):]
}

// keepRest moves what is left, the beginning of a frame, to where the next read continues it.
func (r *reader) keepRest(rest []byte) {
	if len(rest) >= frame.HeaderSize {
		if size, _ := frame.Length(rest, r.frameLimit()); size > r.busy-frame.HeaderSize {
			r.large = make([]byte, size)
			r.read = copy(r.large, rest[frame.HeaderSize:])
			rest = nil
		}
	}
	r.buf.b = r.buf.b[:copy(r.buf.b[:cap(r.buf.b)], rest)]
	if len(r.buf.b) == 0 {
		r.arena = nil
	}
}

// nextBatch returns a free batch. It waits for the actor if that has them all; nil: the session stops.
func (r *reader) nextBatch() *batch {
	select {
	case b := <-r.free:
		if b == nil {
			b = new(batch)
		}
		return b
	case <-r.stop:
		return nil
	}
}

// giveBack is called once a batch has been handled: the batch and its slice are the reader's again, what they pointed to is not.
func (r *reader) giveBack(b *batch) {
	for ; b.chains > 0; b.chains-- {
		r.inbound.CloseChain()
	}
	if b.isLast {
		r.free <- nil
		return
	}
	clear(b.envelopes)
	b.envelopes = b.envelopes[:0]
	r.free <- b
}

// discard reads on, for a while, so that the peer can read our bye: a close with unread input would
// reset the connection. The actor closes the connection when that takes too long.
func (r *reader) discard() error {
	for left := discardMost; left > 0; {
		n, err := r.conn.Read(r.buf.b[:cap(r.buf.b)])
		if left -= n; err != nil {
			return err
		}
	}
	return nil
}
