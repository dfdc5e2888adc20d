package runner

import (
	"bytes"
	"encoding/json"
	"net"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/floor"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// encryptedFloor is bare encrypted sessions.
var encryptedFloor = Runner{
	Name:  "floor",
	Title: "encrypted floor",
	Serve: serveFloor,
	Dial:  dialFloor,
	Open:  openFloor,

	Streams: true,
}

// floorSecrets are the seeds of the key pairs of both ends.
type floorSecrets struct{ Initiator, Responder []byte }

func (s floorSecrets) keys() (initiator, responder floor.Key, err error) {
	if initiator, err = floor.NewKey(bytes.NewReader(s.Initiator)); err != nil {
		return initiator, responder, err
	}
	responder, err = floor.NewKey(bytes.NewReader(s.Responder))
	return initiator, responder, err
}

func serveFloor() (Endpoint, func(), error) {
	secrets := floorSecrets{newSeed(), newSeed()}
	initiator, responder, err := secrets.keys()
	if err != nil {
		return Endpoint{}, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Endpoint{}, nil, err
	}
	stop := serveConns(l, func(conn net.Conn) func() {
		send, recv, err := floor.Handshake(conn, responder, initiator.Public, false)
		if err != nil {
			conn.Close()
			return func() {}
		}
		return floor.NewSession(conn, send, recv, true).Close
	})
	at, err := newEndpoint(l.Addr().String(), secrets)
	return at, stop, err
}

// floorClient is the initiator's end of a session of the floor's.
type floorClient struct{ *floor.Session }

func dialFloor(at Endpoint) (measure.Client, error) {
	conn, send, recv, err := connectFloor(at)
	if err != nil {
		return nil, err
	}
	return proven(&floorStreamer{
		floorClient: floorClient{floor.NewSession(conn, send, recv, false)},
		connect: func() (net.Conn, *floor.Cipher, error) {
			conn, send, _, err := connectFloor(at)
			return conn, send, err
		},
	})
}

// connectFloor makes a connection and its handshake.
func connectFloor(at Endpoint) (conn net.Conn, send, recv *floor.Cipher, err error) {
	var secrets floorSecrets
	if err := json.Unmarshal(at.Secrets, &secrets); err != nil {
		return nil, nil, nil, err
	}
	initiator, responder, err := secrets.keys()
	if err != nil {
		return nil, nil, nil, err
	}
	if conn, err = net.Dial("tcp", at.Address); err != nil {
		return nil, nil, nil, err
	}
	if send, recv, err = floor.Handshake(conn, initiator, responder.Public, true); err != nil {
		conn.Close()
		return nil, nil, nil, err
	}
	return conn, send, recv, nil
}

func (c floorClient) Call(payload []byte) error {
	reply := c.Session.Call(payload)
	defer reply.Release()
	if reply.Err != nil {
		return reply.Err
	}
	return checkLength(payload, reply.Payload)
}

// floorOpener makes bare encrypted sessions.
type floorOpener struct{ *floor.Pairs }

func openFloor(int) (measure.Opener, error) {
	pairs, err := floor.NewPairs()
	return floorOpener{pairs}, err
}

func (o floorOpener) Open() (measure.Client, error) {
	initiator, responder, err := o.Pairs.Open()
	if err != nil {
		return nil, err
	}
	return floorPair{floorClient{initiator}, responder}, nil
}

// floorPair is both ends of a session.
type floorPair struct {
	floorClient
	responder *floor.Session
}

func (p floorPair) Close() {
	p.floorClient.Close()
	p.responder.Close()
}
