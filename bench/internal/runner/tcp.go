package runner

import (
	"net"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/floor"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// tcpFloor is the floor's sessions without handshake and encryption.
var tcpFloor = Runner{
	Name:  "tcp",
	Title: "TCP floor",
	Serve: serveTCP,
	Dial:  dialTCP,
	Open:  opener(serveTCP, dialTCP),

	Streams: true,
}

func serveTCP() (Endpoint, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Endpoint{}, nil, err
	}
	stop := serveConns(l, func(conn net.Conn) func() {
		return floor.NewSession(conn, floor.Plain(), floor.Plain(), true).Close
	})
	return Endpoint{Address: l.Addr().String()}, stop, nil
}

func dialTCP(at Endpoint) (measure.Client, error) {
	conn, err := net.Dial("tcp", at.Address)
	if err != nil {
		return nil, err
	}
	return proven(&floorStreamer{
		floorClient: floorClient{floor.NewSession(conn, floor.Plain(), floor.Plain(), false)},
		connect: func() (net.Conn, *floor.Cipher, error) {
			conn, err := net.Dial("tcp", at.Address)
			return conn, floor.Plain(), err
		},
	})
}
