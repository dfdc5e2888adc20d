// Package line puts a slow line between two ends of a TCP connection on loopback: bytes of each direction pass at a rate of their
// own, and what does not fit waits at the sender.
package line

import (
	"net"
	"sync"
	"time"
)

const (
	chunk  = 8 << 10  // bytes that pass together: 1.3 ms at 50 Mbit/s
	buffer = 32 << 10 // receive buffer of each socket: more would wait in the line instead of at the sender
)

// A Line forwards connections. It is safe for concurrent use.
type Line struct {
	listener net.Listener
	to       string
	rate     float64 // bytes per second in each direction
	running  sync.WaitGroup

	mu    sync.Mutex // guards conns
	conns []net.Conn // nil after Close
}

// New listens on loopback and forwards each connection to the address to, at bits per second in each direction.
func New(to string, bits float64) (*Line, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	line := &Line{listener: l, to: to, rate: bits / 8, conns: []net.Conn{}}
	line.running.Go(line.accept)
	return line, nil
}

// Address is where the line begins.
func (l *Line) Address() string { return l.listener.Addr().String() }

// Close ends the line and its connections, and waits for its goroutines.
func (l *Line) Close() {
	l.listener.Close()
	l.mu.Lock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
	l.mu.Unlock()
	l.running.Wait()
}

func (l *Line) accept() {
	for {
		left, err := l.listener.Accept()
		if err != nil {
			return
		}
		right, err := net.Dial("tcp", l.to)
		if err != nil {
			left.Close()
			continue
		}
		if !l.keep(left, right) {
			return
		}
		l.running.Go(func() { l.forward(right, left) })
		l.running.Go(func() { l.forward(left, right) })
	}
}

// keep has Close close two connections, and reports whether Close was not yet called.
func (l *Line) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	open := l.conns != nil
	if open {
		l.conns = append(l.conns, conns...)
	}
	for _, c := range conns {
		c.(*net.TCPConn).SetReadBuffer(buffer)
		if !open {
			c.Close()
		}
	}
	return open
}

// forward passes bytes on at the rate of the line until either end closes, and closes both.
func (l *Line) forward(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	var due time.Time // when the line is free
	b := make([]byte, chunk)
	for {
		n, err := from.Read(b)
		now := time.Now()
		if due.Before(now) {
			due = now
		}
		due = due.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
		time.Sleep(due.Sub(now))
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
