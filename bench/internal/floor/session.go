package floor

import (
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"sync"
)

const (
	flushSize = 256 << 10 // bytes sealed before a write, unless a single frame is larger
	readMin   = 2 << 10   // the read buffer of an idle session
	readMax   = 64 << 10  // and of a busy one

	// slotBits is how many low bits of an id say which waiter the reply belongs to, so that no map is needed. It bounds the
	// callers that wait at the same time.
	slotBits = 20
)

var errClosed = errors.New("floor: session closed")

// waiter is one caller's place to wait. Its slot is its index in Session.waiters.
type waiter struct {
	slot  uint64
	id    uint64 // 0 while nothing is awaited; guarded by Session.mu
	reply chan Reply
}

// A Session is one end of a bare encrypted session, the least that a call over Noise must do: what everything else costs is measured
// against it, so it has to be as fast as it can be, or it would flatter whatever is compared with it. The initiator's end calls, the
// responder's end echoes in its reader. There is no dispatch, no actor, no envelope, no bound on what is queued.
//
// Senders append plaintext frames to out. The writer takes all that is there, seals each frame where it lies and writes once; meanwhile
// more gather. It is safe for concurrent use. Its two goroutines end when the connection does; Close waits for them.
type Session struct {
	conn       io.ReadWriteCloser
	send, recv *Cipher // the writer's, the reader's
	echo       bool
	running    sync.WaitGroup

	mu      sync.Mutex // guards what follows
	more    sync.Cond  // out, big or err changed
	out     []byte
	big     []*frameBuffer
	waiters []*waiter
	free    []*waiter
	calls   uint64
	err     error // why the session ended
}

// NewSession starts a session on conn, which it owns from now on.
func NewSession(conn io.ReadWriteCloser, send, recv *Cipher, echo bool) *Session {
	s := &Session{conn: conn, send: send, recv: recv, echo: echo}
	s.more.L = &s.mu
	s.running.Go(s.read)
	s.running.Go(s.write)
	return s
}

// Call sends payload, which it does not keep, and waits for the answer.
func (s *Session) Call(payload []byte) Reply {
	size := overhead + len(payload)
	if size > headerSize+largest {
		return Reply{Err: errLength}
	}
	s.mu.Lock()
	if s.err != nil {
		defer s.mu.Unlock()
		return Reply{Err: s.err}
	}
	w := s.takeWaiter()
	s.calls++
	w.id = s.calls<<slotBits | w.slot
	if size < bigFrame {
		s.out = appendFrame(s.out, w.id, payload)
	} else {
		id := w.id
		s.mu.Unlock()
		b := takeBuffer(size)
		fillFrame(b.frame, id, payload)
		s.mu.Lock()
		s.big = append(s.big, b)
	}
	s.more.Signal()
	s.mu.Unlock()

	reply := <-w.reply
	s.mu.Lock()
	s.free = append(s.free, w)
	s.mu.Unlock()
	return reply
}

// Close ends the session and waits for its goroutines; calls in flight fail.
func (s *Session) Close() {
	s.fail(errClosed)
	s.running.Wait()
}

// takeWaiter takes an unused waiter. The caller holds mu.
func (s *Session) takeWaiter() *waiter {
	if n := len(s.free) - 1; n >= 0 {
		w := s.free[n]
		s.free = s.free[:n]
		return w
	}
	w := &waiter{slot: uint64(len(s.waiters)), reply: make(chan Reply, 1)}
	s.waiters = append(s.waiters, w)
	return w
}

// fail ends the session with the reason err, unless it has ended.
func (s *Session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	s.conn.Close()
	s.more.Broadcast()
	for _, w := range s.waiters {
		if w.id != 0 {
			w.id = 0
			w.reply <- Reply{Err: err}
		}
	}
}

// write is the writer: it flushes what has gathered until the session ends.
func (s *Session) write() {
	var (
		out []byte
		big []*frameBuffer
		err error
	)
	for err == nil {
		s.mu.Lock()
		for len(s.out) == 0 && len(s.big) == 0 && s.err == nil {
			s.more.Wait()
		}
		if s.err != nil {
			s.mu.Unlock()
			return
		}
		if len(s.waiters)-len(s.free) > 1 { // others may be about to append: one write serves them all
			s.mu.Unlock()
			runtime.Gosched()
			s.mu.Lock()
		}
		out, s.out = s.out, out[:0]
		big, s.big = s.big, big[:0]
		s.mu.Unlock()
		err = s.flush(out, big)
	}
	s.fail(err)
}

// flush seals and writes the frames in out, then those in big, whose buffers it gives back.
func (s *Session) flush(out []byte, big []*frameBuffer) error {
	for start, end := 0, 0; start < len(out); start = end {
		for end < len(out) && end-start < flushSize {
			frame := out[end:][:headerSize+binary.BigEndian.Uint32(out[end:])]
			s.send.seal(frame[headerSize : len(frame)-tagSize])
			end += len(frame)
		}
		if _, err := s.conn.Write(out[start:end]); err != nil {
			return err
		}
	}
	for i, b := range big {
		big[i] = nil
		s.send.seal(b.frame[headerSize : len(b.frame)-tagSize])
		_, err := s.conn.Write(b.frame)
		frameBuffers.Put(b)
		if err != nil {
			return err
		}
	}
	return nil
}

// read is the reader: it receives what arrives until the session ends.
func (s *Session) read() {
	buf := make([]byte, readMin)
	for have := 0; ; {
		n, err := s.conn.Read(buf[have:])
		have += n
		used, frames := 0, 0
		for n := 1; n > 0 && err == nil; frames++ {
			n, err = s.next(buf[used:have])
			used += n
		}
		if err != nil {
			s.fail(err)
			return
		}
		if s.echo {
			s.more.Signal()
		}
		if have == len(buf) && len(buf) < readMax {
			buf = append(buf, make([]byte, 3*len(buf))...)
		}
		have = copy(buf, buf[used:have])
		if frames > 2 { // let those whose replies came send again before the connection is asked for more
			runtime.Gosched()
		}
	}
}

// next receives the first frame in b, which may be incomplete, and returns how many bytes of b it used: 0 to wait for more.
func (s *Session) next(b []byte) (used int, err error) {
	if len(b) < headerSize {
		return 0, nil
	}
	n := binary.BigEndian.Uint32(b)
	if n < idSize+tagSize || n > largest {
		return 0, errLength
	}
	size := headerSize + int(n)
	if size >= bigFrame {
		buffer := takeBuffer(size)
		used = copy(buffer.frame, b)
		if _, err = io.ReadFull(s.conn, buffer.frame[used:]); err != nil {
			return used, err
		}
		return used, s.receive(buffer.frame, buffer)
	}
	if size > len(b) {
		return 0, nil
	}
	return size, s.receive(b[:size], nil)
}

// receive opens a frame where it lies and echoes it or hands it to the caller that waits. buffer is where the frame lies, which receive
// takes over, or nil if it lies in the reader's.
func (s *Session) receive(frame []byte, buffer *frameBuffer) error {
	plaintext, err := s.recv.open(frame[headerSize:])
	if err != nil {
		return err
	}
	id, payload := binary.BigEndian.Uint64(plaintext), plaintext[idSize:]
	if id == pourID {
		if buffer != nil {
			frameBuffers.Put(buffer)
		}
		return nil
	}
	if s.echo {
		s.mu.Lock()
		defer s.mu.Unlock()
		if buffer != nil { // the answer is the request's bytes, so they go back as they are
			s.big = append(s.big, buffer)
		} else {
			s.out = appendFrame(s.out, id, payload)
		}
		return nil
	}
	if buffer == nil {
		payload = append(make([]byte, 0, len(payload)), payload...)
	}
	if w := s.answered(id); w != nil {
		w.reply <- Reply{Payload: payload, buffer: buffer}
	}
	return nil
}

// answered removes and returns the waiter for the reply to id; nil: there is none.
func (s *Session) answered(id uint64) *waiter {
	slot := id & (1<<slotBits - 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot >= uint64(len(s.waiters)) || s.waiters[slot].id != id {
		return nil
	}
	w := s.waiters[slot]
	w.id = 0
	return w
}
