package floor

import (
	"crypto/rand"
	"net"
	"sync"
)

// Pairs makes bare encrypted sessions over TCP on loopback, both ends in this process.
type Pairs struct {
	initiator, responder Key
	listener             net.Listener
	pairing              sync.Mutex // held from a dial to its accept, so that the two ends belong together
}

// NewPairs makes the key pairs of both ends and listens.
func NewPairs() (*Pairs, error) {
	p := new(Pairs)
	var err error
	if p.initiator, err = NewKey(rand.Reader); err != nil {
		return nil, err
	}
	if p.responder, err = NewKey(rand.Reader); err != nil {
		return nil, err
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	return p, nil
}

// Close stops listening. Sessions that are open stay open.
func (p *Pairs) Close() { p.listener.Close() }

// connect makes a TCP connection and returns its two ends.
func (p *Pairs) connect() (initiator, responder net.Conn, err error) {
	p.pairing.Lock()
	defer p.pairing.Unlock()
	if initiator, err = net.Dial("tcp", p.listener.Addr().String()); err != nil {
		return nil, nil, err
	}
	if responder, err = p.listener.Accept(); err != nil {
		initiator.Close()
		return nil, nil, err
	}
	return initiator, responder, nil
}

// Open makes a session and returns its two ends: the first calls, the second echoes.
func (p *Pairs) Open() (initiator, responder *Session, err error) {
	left, right, err := p.connect()
	if err != nil {
		return nil, nil, err
	}
	accepted := make(chan error, 1)
	go func() {
		send, recv, err := Handshake(right, p.responder, p.initiator.Public, false)
		if err != nil {
			right.Close()
		} else {
			responder = NewSession(right, send, recv, true)
		}
		accepted <- err
	}()
	send, recv, err := Handshake(left, p.initiator, p.responder.Public, true)
	if err != nil {
		left.Close()
		if <-accepted == nil {
			responder.Close()
		}
		return nil, nil, err
	}
	if err = <-accepted; err != nil {
		left.Close()
		return nil, nil, err
	}
	return NewSession(left, send, recv, false), responder, nil
}
