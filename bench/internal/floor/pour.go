package floor

import (
	"io"
	"sync"
)

// pourID marks a frame that asks for no answer: the responder's end drops it.
const pourID = 0

// A Pour sends payloads that ask for no answer over a connection of its own: the least that bytes in one direction must do. The other
// end is a Session of a responder. It is safe for concurrent use.
type Pour struct {
	conn io.WriteCloser

	mu    sync.Mutex // guards the rest
	send  *Cipher
	frame []byte
}

// NewPour returns a Pour over conn, which it owns from now on.
func NewPour(conn io.WriteCloser, send *Cipher) *Pour { return &Pour{conn: conn, send: send} }

// Write sends b as one frame, in one write.
func (p *Pour) Write(b []byte) (int, error) {
	size := overhead + len(b)
	if size > headerSize+largest {
		return 0, errLength
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if cap(p.frame) < size {
		p.frame = make([]byte, size)
	}
	frame := p.frame[:size]
	fillFrame(frame, pourID, b)
	p.send.seal(frame[headerSize : size-tagSize])
	if _, err := p.conn.Write(frame); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close closes the connection. A Write that waits fails.
func (p *Pour) Close() error { return p.conn.Close() }
