package kit

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/etf"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A BEAMNode behaves as PeerNet on Elixir does in what matters to the other end (wire.md §13.7). It parks what it has read
// with message 3 until more comes, closes a connection for a name that it has no atom for, keeps the newest session with a
// key and closes the one before, runs handlers in the order of arrival while it reads nothing, and closes cleanly, without
// a word, whatever it does not understand. Each connection that ends counts against its supervisor.
type BEAMNode struct {
	Keys     identity.KeyPair
	Trusted  func(identity.PublicKey) bool                   // nil: everybody
	Handlers map[string]func(args envelope.Raw) (any, error) // by atoms that it knows; nil: an atom without a handler

	tb    testing.TB
	join  sync.WaitGroup
	mu    sync.Mutex // guards the rest
	conns map[*beamConn]bool
	known map[identity.PublicKey]*beamConn
	ends  []time.Time
	began int
	next  envelope.CallID
	lis   net.Listener
}

// A beamConn is one connection. Its goroutine owns all but what mu guards.
type beamConn struct {
	node *BEAMNode
	conn net.Conn
	hs   *handshake.State
	recv *channel.CipherState
	buf  []byte
	key  identity.PublicKey

	mu    sync.Mutex // guards the rest
	send  *channel.CipherState
	calls map[envelope.CallID]chan *envelope.Envelope // nil: it has ended
}

// NewBEAMNode returns a node that neither listens nor has dialled.
func NewBEAMNode(tb testing.TB, keys identity.KeyPair) *BEAMNode {
	return &BEAMNode{Keys: keys, Handlers: make(map[string]func(envelope.Raw) (any, error)), tb: tb,
		conns: make(map[*beamConn]bool), known: make(map[identity.PublicKey]*beamConn)}
}

// Listen accepts connections until Close.
func (n *BEAMNode) Listen(l net.Listener) {
	n.mu.Lock()
	n.lis = l
	n.mu.Unlock()
	n.join.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.start(conn, handshake.Responder, identity.PublicKey{})
		}
	})
}

// Dial uses conn as an initiator.
func (n *BEAMNode) Dial(conn net.Conn, expect identity.PublicKey) {
	n.start(conn, handshake.Initiator, expect)
}

// Stop closes everything, as the end of the node's process does. Nothing of it counts against its supervisor.
func (n *BEAMNode) Stop() {
	n.mu.Lock()
	if n.lis != nil {
		_ = n.lis.Close()
	}
	for c := range n.conns {
		_ = c.conn.Close()
	}
	n.mu.Unlock()
	n.join.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ends = nil
}

// Ends returns when its connections have ended, in order.
func (n *BEAMNode) Ends() []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.ends)
}

// Began returns how many connections it has had, and Sessions how many authenticated ones it has now.
func (n *BEAMNode) Began() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.began
}

// Sessions returns how many connections it has.
func (n *BEAMNode) Sessions() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}

// CloseAll closes its connections, as their crash does.
func (n *BEAMNode) CloseAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		_ = c.conn.Close()
	}
}

// ErrNotConnected is returned by Call and Send if there is no session with the peer.
var ErrNotConnected = errors.New("kit: not connected")

// Call calls a handler of the peer over the newest session, and returns its answer.
func (n *BEAMNode) Call(ctx context.Context, key identity.PublicKey, name string, args any) (envelope.Raw, error) {
	c, id := n.newest(key)
	if c == nil {
		return envelope.Raw{}, ErrNotConnected
	}
	done := make(chan *envelope.Envelope, 1)
	c.mu.Lock()
	if c.calls == nil {
		c.mu.Unlock()
		return envelope.Raw{}, ErrNotConnected
	}
	c.calls[id] = done
	c.mu.Unlock()
	if err := c.write(etf.Codec.AppendCall(nil, id, name, envelope.Options{}, args)); err != nil {
		return envelope.Raw{}, err
	}
	select {
	case e := <-done:
		switch {
		case e == nil:
			return envelope.Raw{}, ErrNotConnected
		case e.Err != nil:
			return envelope.Raw{}, e.Err
		}
		return envelope.NewRaw(etf.Codec, e.Result), nil
	case <-ctx.Done():
		return envelope.Raw{}, ctx.Err()
	}
}

// Send sends to a handler of the peer.
func (n *BEAMNode) Send(key identity.PublicKey, name string, args any) error {
	c, _ := n.newest(key)
	if c == nil {
		return ErrNotConnected
	}
	return c.write(etf.Codec.AppendSend(nil, name, args))
}

func (n *BEAMNode) newest(key identity.PublicKey) (*beamConn, envelope.CallID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next += 7919
	return n.known[key], n.next
}

func (n *BEAMNode) start(conn net.Conn, role handshake.Role, expect identity.PublicKey) {
	c := &beamConn{node: n, conn: conn, calls: make(map[envelope.CallID]chan *envelope.Envelope)}
	var err error
	c.hs, err = handshake.New(handshake.Config{Role: role, Dialect: handshake.BEAM, Static: n.Keys, Expect: expect, Rand: rand.Reader,
		Trusted: func(k identity.PublicKey) bool { return n.Trusted == nil || n.Trusted(k) }})
	if err != nil {
		n.tb.Error(err)
		return
	}
	n.mu.Lock()
	n.conns[c] = true
	n.began++
	n.mu.Unlock()
	n.join.Go(func() {
		if role == handshake.Responder || c.step(nil) {
			c.run()
		}
		c.end()
	})
}

// run reads until something is not understood.
func (c *beamConn) run() {
	chunk := make([]byte, 4096)
	for {
		size, err := c.conn.Read(chunk)
		if err != nil {
			return
		}
		c.buf = append(c.buf, chunk[:size]...)
		if !c.hs.Done() {
			body, rest, err := frame.Next(c.buf, frame.DefaultLimit)
			if err == frame.ErrShort {
				continue
			}
			if err != nil || !c.step(body) {
				return
			}
			c.buf = bytes.Clone(rest) // what follows message 3 waits for the next read
			continue
		}
		for {
			body, rest, err := frame.Next(c.buf, frame.DefaultLimit)
			if err == frame.ErrShort {
				break
			}
			if err != nil || !c.handle(body) {
				return
			}
			c.buf = bytes.Clone(rest)
		}
	}
}

// step takes a handshake message, if there is one, and writes the next one.
func (c *beamConn) step(body []byte) bool {
	if body != nil && c.hs.Read(body) != nil {
		return false
	}
	if write, size := c.hs.Next(); write {
		b, err := c.hs.Write(frame.AppendHeader(nil, size))
		if err != nil {
			return false
		}
		if _, err := c.conn.Write(b); err != nil {
			return false
		}
	}
	if c.hs.Done() {
		r := c.hs.Result()
		c.mu.Lock()
		c.send = channel.NewCipherState(r.SendKey())
		c.mu.Unlock()
		c.recv, c.key = channel.NewCipherState(r.RecvKey()), r.Remote
		c.node.register(c)
	}
	return true
}

// register makes c the session with its key, and closes the one before.
func (n *BEAMNode) register(c *beamConn) {
	n.mu.Lock()
	old := n.known[c.key]
	n.known[c.key] = c
	n.mu.Unlock()
	if old != nil {
		_ = old.conn.Close()
	}
}

// handle handles one frame. False: the connection ends.
func (c *beamConn) handle(body []byte) bool {
	plain, err := c.recv.Open(nil, body)
	if err != nil {
		return false
	}
	var e envelope.Envelope
	if etf.Codec.Parse(plain, &e) != nil {
		return false
	}
	switch e.Kind {
	case envelope.KindCall, envelope.KindSend:
		handler, isAtom := c.node.Handlers[string(e.Name)]
		if !isAtom {
			return false
		}
		if handler == nil {
			return e.Kind == envelope.KindSend || c.write(etf.Codec.AppendError(nil, e.ID, &envelope.RemoteError{Code: envelope.CodeNoHandler})) == nil
		}
		result, err := handler(envelope.NewRaw(etf.Codec, e.Args))
		switch {
		case e.Kind == envelope.KindSend:
			return true
		case err != nil:
			return c.write(etf.Codec.AppendError(nil, e.ID, &envelope.RemoteError{Code: envelope.CodeOf(err), Text: err.Error()})) == nil
		}
		return c.write(etf.Codec.AppendReply(nil, e.ID, result)) == nil
	case envelope.KindPing:
		return c.write(etf.Codec.AppendPong(nil, e.Nonce), nil) == nil
	case envelope.KindReply:
		c.mu.Lock()
		done := c.calls[e.ID]
		delete(c.calls, e.ID)
		c.mu.Unlock()
		if done != nil {
			done <- &e
		}
	}
	return true
}

// write seals and writes one envelope.
func (c *beamConn) write(plain []byte, err error) error {
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := binary.BigEndian.AppendUint32(nil, uint32(len(plain)+channel.Overhead))
	if out, err = c.send.Seal(out, plain); err != nil {
		return err
	}
	_, err = c.conn.Write(out)
	return err
}

// end closes the connection and fails its calls.
func (c *beamConn) end() {
	_ = c.conn.Close()
	c.mu.Lock()
	for _, done := range c.calls {
		done <- nil
	}
	c.calls = nil
	c.mu.Unlock()
	n := c.node
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
	if n.known[c.key] == c {
		delete(n.known, c.key)
	}
	n.ends = append(n.ends, time.Now())
}
