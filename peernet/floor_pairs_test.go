package peernet_test

import (
	"crypto/rand"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// floorPairs makes bare encrypted sessions over TCP on loopback, both ends in this process.
type floorPairs struct {
	initiator, responder floorKey
	listener             net.Listener
	pairing              sync.Mutex    // held from a dial to its accept, so that the two ends belong together
	writes               atomic.Uint64 // calls of Write on all connections
}

func newFloorPairs(tb testing.TB) *floorPairs {
	tb.Helper()
	p := new(floorPairs)
	var err error
	if p.initiator, err = newFloorKey(rand.Reader); err != nil {
		tb.Fatal(err)
	}
	if p.responder, err = newFloorKey(rand.Reader); err != nil {
		tb.Fatal(err)
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		tb.Fatal(err)
	}
	return p
}

// close stops listening. Sessions that are open stay open.
func (p *floorPairs) close() { p.listener.Close() }

// connect makes a TCP connection and returns its two ends.
func (p *floorPairs) connect() (initiator, responder net.Conn, err error) {
	p.pairing.Lock()
	defer p.pairing.Unlock()
	if initiator, err = net.Dial("tcp", p.listener.Addr().String()); err != nil {
		return nil, nil, err
	}
	if responder, err = p.listener.Accept(); err != nil {
		initiator.Close()
		return nil, nil, err
	}
	return countingConn{initiator, &p.writes}, countingConn{responder, &p.writes}, nil
}

// open makes a session and returns its two ends: the first calls, the second echoes.
func (p *floorPairs) open() (initiator, responder *floorSession, err error) {
	left, right, err := p.connect()
	if err != nil {
		return nil, nil, err
	}
	accepted := make(chan error, 1)
	go func() {
		send, recv, err := floorHandshake(right, p.responder, p.initiator.Public, false)
		if err != nil {
			right.Close()
		} else {
			responder = newFloorSession(right, send, recv, true)
		}
		accepted <- err
	}()
	send, recv, err := floorHandshake(left, p.initiator, p.responder.Public, true)
	if err != nil {
		left.Close()
		if <-accepted == nil {
			responder.close()
		}
		return nil, nil, err
	}
	if err = <-accepted; err != nil {
		left.Close()
		return nil, nil, err
	}
	return newFloorSession(left, send, recv, false), responder, nil
}

// floorSubject is one bare encrypted session.
func floorSubject(tb testing.TB) subject {
	tb.Helper()
	pairs := newFloorPairs(tb)
	initiator, responder, err := pairs.open()
	if err != nil {
		pairs.close()
		tb.Fatal(err)
	}
	return subject{
		name: "floor",
		call: func(payload []byte) error {
			reply := initiator.call(payload)
			defer reply.release()
			if reply.err == nil && len(reply.payload) != len(payload) {
				return fmt.Errorf("a reply of %d bytes to a call of %d", len(reply.payload), len(payload))
			}
			return reply.err
		},
		writes: pairs.writes.Load,
		close: func() {
			initiator.close()
			responder.close()
			pairs.close()
		},
	}
}

// floorOpener makes bare encrypted sessions.
func floorOpener(tb testing.TB) opener {
	tb.Helper()
	pairs := newFloorPairs(tb)
	return opener{
		name: "floor",
		open: func() (end func(), err error) {
			initiator, responder, err := pairs.open()
			if err != nil {
				return nil, err
			}
			return func() {
				initiator.close()
				responder.close()
			}, nil
		},
		close: pairs.close,
	}
}
