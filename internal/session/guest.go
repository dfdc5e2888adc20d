package session

import (
	"io"
	"net"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// MaxGuestFrame is the most bytes that the body of a frame of a guest session has (wire.md §4.7).
const MaxGuestFrame = 64 << 10

// What a guest session may hold is less than what a peer may: there are many, and nobody knows who is behind them.
const (
	guestRead     = idleRead      // bytes of read buffer under load: a read brings fewer calls than guestRefusals
	guestRoom     = MaxGuestFrame // bytes of small replies, and of large ones, that wait to be written; their handlers wait
	guestRefusals = 32            // error replies that wait; one more ends the session
)

// limitGuest has the queue hold no more than a guest session may. It is called before the writer runs.
func (q *queue) limitGuest() {
	q.replies.limit, q.largeReplies.limit, q.mostRefusals = guestRoom, guestRoom, guestRefusals
}

// A guestSession is what a session has that is one of a guest.
type guestSession struct {
	hash [32]byte // the handshake hash

	bucket limiter.Bucket // of its pace
	read   int            // bytes that the reader has read and that do not count yet
	opened uint64         // frames that count
}

// IsGuest says whether the session is that of a guest: of the peer if this node is the responder, else this node is one.
func (l *Link) IsGuest() bool { return l.guest != nil }

// GuestHash returns the handshake hash of a guest session. It is equal at both ends and unique to the session.
func (l *Link) GuestHash() [32]byte { return l.guest.hash }

// frameLimit returns the bytes of the largest frame body that is accepted.
func (l *Link) frameLimit() int {
	if l.guest != nil {
		return MaxGuestFrame
	}
	return l.config.FrameLimit
}

// ownHello returns what the node says of itself in this session, without Boot. To a guest and as one it says no more than that
// it has neither parts nor streams.
func (l *Link) ownHello() envelope.Hello {
	if l.guest != nil {
		return envelope.Hello{Version: 1}
	}
	return l.config.hello()
}

// takesGuests says whether an initiator may ask for a guest session now.
func (c *Config) takesGuests() bool { return c.TakesGuests != nil && c.TakesGuests() }

// readMessage3 reads message 3 of an initiator, which may be a guest, and returns its size. Only while the node takes guests does it
// read more of one than the header, also in private mode, where message 1 was taken for the sake of a guest.
func (c *Config) readMessage3(conn net.Conn, hc *handshake.Config, state *handshake.State, in []byte) (int, error) {
	_, size := state.Next()
	due := in[:size]
	if size == handshake.GuestMessage3Size {
		due = nil // the header alone: takesGuests is asked first
	}
	err := frame.ReadExact(conn, due)
	wrong, isSize := err.(*frame.SizeError)
	switch {
	case isSize && wrong.Got == handshake.GuestMessage3Size && hc.Dialect == handshake.Native && hc.Knocks == nil && c.takesGuests():
	case err == nil && len(due) != size:
		return size, &frame.SizeError{Want: size}
	default:
		return size, err
	}
	if size != handshake.GuestMessage3Size {
		state.ExpectGuest()
	}
	return handshake.GuestMessage3Size, readBody(conn, in[:handshake.GuestMessage3Size])
}

// readBody reads the body of a frame whose header has been read.
func readBody(conn net.Conn, body []byte) error {
	_, err := io.ReadFull(conn, body)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
