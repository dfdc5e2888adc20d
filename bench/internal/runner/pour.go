package runner

import (
	"io"
	"net"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/floor"
)

// floorStreamer is a floorClient with streams. The floor knows none: all of them share one connection, beside the session's. One whose
// reader has stopped costs it nothing.
type floorStreamer struct {
	floorClient
	connect func() (net.Conn, *floor.Cipher, error)
	pour    *floor.Pour // made with the first stream
}

func (c *floorStreamer) Stream(stops bool) (io.WriteCloser, error) {
	if stops {
		return make(stopped), nil
	}
	if c.pour == nil {
		conn, send, err := c.connect()
		if err != nil {
			return nil, err
		}
		c.pour = floor.NewPour(conn, send)
	}
	return c.pour, nil
}

// stopped is a stream that takes nothing, until it is closed.
type stopped chan struct{}

func (s stopped) Write([]byte) (int, error) {
	<-s
	return 0, net.ErrClosed
}

func (s stopped) Close() error {
	close(s)
	return nil
}
