package control

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// The kinds of pieces on the connection of an Upgrade. Append only.
const (
	pieceBytes = iota // bytes of the stream
	pieceEnd          // nothing follows in this direction; it is empty
	pieceDone         // from the client: it has written all that came, to the end; it is empty
	pieceLine         // from the node: a WatchLine
)

const (
	pieceHeader = 4         // kind, and the length of what follows in 3 bytes
	maxPiece    = 1<<24 - 1 // bytes that follow
	copyBytes   = 64 << 10  // that are read and written at a time
)

// errCut says that a connection ended before both directions did: the other process has gone.
var errCut = fmt.Errorf("%w: its connection ended in the middle", ErrGone)

// A Joint is the connection of an Upgrade: bytes both ways, of which each direction ends by itself, and lines of the node between
// them. A connection that is cut is never taken for an end: the process at the other end may have been killed. One goroutine may
// read; all other methods are safe for concurrent use.
type Joint struct {
	conn  io.ReadWriteCloser
	r     *bufio.Reader
	left  int  // bytes of the piece that is being read
	ended bool // the direction that is read has ended
	done  bool // the client has written all that it got

	mu     sync.Mutex // guards the rest
	piece  []byte     // that is being written
	broken error      // why nothing can be written: a piece may have been cut
}

// newJoint returns the Joint of a connection.
func newJoint(conn io.ReadWriteCloser) *Joint {
	return &Joint{conn: conn, r: bufio.NewReaderSize(conn, copyBytes)}
}

// Next reads to the next bytes, or to the next line. It returns a line, or nil if Read has bytes. The error is io.EOF where the
// direction ends.
func (j *Joint) Next() (*WatchLine, error) {
	for j.left == 0 {
		header, err := j.r.Peek(pieceHeader)
		if err != nil {
			return nil, cut(err)
		}
		kind, size := header[0], int(binary.BigEndian.Uint32(header)&maxPiece)
		j.r.Discard(pieceHeader)
		switch {
		case kind == pieceBytes:
			j.left = size
		case kind == pieceLine && size <= maxPlain:
			return j.readLine(size)
		case kind == pieceEnd && size == 0:
			j.ended = true
			return nil, io.EOF
		case kind == pieceDone && size == 0:
			if j.done = true; j.ended {
				return nil, io.EOF
			}
		default:
			return nil, fmt.Errorf("%w: a piece of kind %d with %d bytes", ErrRequest, kind, size)
		}
	}
	return nil, nil
}

func (j *Joint) readLine(size int) (*WatchLine, error) {
	text := make([]byte, size)
	if _, err := io.ReadFull(j.r, text); err != nil {
		return nil, cut(err)
	}
	line := new(WatchLine)
	if err := json.Unmarshal(text, line); err != nil {
		return nil, fmt.Errorf("reading the node's line: %w", err)
	}
	if line.Event == nil && line.Error == nil {
		return nil, fmt.Errorf("%w: a line of another version", ErrRequest)
	}
	return line, nil
}

// Read implements io.Reader. It is an error if a line comes first: a client calls Next before each Read.
func (j *Joint) Read(b []byte) (int, error) {
	switch line, err := j.Next(); {
	case err != nil:
		return 0, err
	case line != nil:
		return 0, fmt.Errorf("%w: a line among bytes", ErrRequest)
	}
	n, err := j.r.Read(b[:min(len(b), j.left)])
	j.left -= n
	return n, cut(err)
}

// Finish waits, after the end of what Read returns, until the client has written all that it got.
func (j *Joint) Finish() error {
	for !j.done {
		if _, err := j.Next(); err == nil {
			return fmt.Errorf("%w: something follows the end", ErrRequest)
		} else if err != io.EOF {
			return err
		}
	}
	return nil
}

// cut returns err as that of a connection.
func cut(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return errCut
	}
	return err
}

// Write implements io.Writer.
func (j *Joint) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		part := b[:min(len(b), copyBytes)]
		if err = j.write(pieceBytes, part); err == nil {
			n, b = n+len(part), b[len(part):]
		}
	}
	return n, err
}

// CloseWrite ends this direction.
func (j *Joint) CloseWrite() error { return j.write(pieceEnd, nil) }

// Done tells the node that all that came to the end of its direction has been written.
func (j *Joint) Done() error { return j.write(pieceDone, nil) }

// Tell sends a line to the client.
func (j *Joint) Tell(line WatchLine) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	return j.write(pieceLine, text)
}

// write writes a piece.
func (j *Joint) write(kind byte, b []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	j.piece = binary.BigEndian.AppendUint32(j.piece[:0], uint32(kind)<<24|uint32(len(b)))
	j.piece = append(j.piece, b...)
	_, j.broken = j.conn.Write(j.piece)
	return j.broken
}

// SetReadDeadline bounds Read, Next and Finish at the node.
func (j *Joint) SetReadDeadline(t time.Time) error { return j.conn.(net.Conn).SetReadDeadline(t) }

// SetWriteDeadline bounds the other methods at the node, but for Close.
func (j *Joint) SetWriteDeadline(t time.Time) error { return j.conn.(net.Conn).SetWriteDeadline(t) }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (j *Joint) SetDeadline(t time.Time) error { return j.conn.(net.Conn).SetDeadline(t) }

// Close closes the connection.
func (j *Joint) Close() error { return j.conn.Close() }
