package session

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

var errStopped = errors.New("the handshake was stopped")

// ErrYielded ends a handshake whose peer was proved at another address first (wire.md §8.1).
var ErrYielded = errors.New("the peer was proved at another address first")

// handshake does the handshake over conn (wire.md §4). It runs in a goroutine of its own, which ends once conn and stop
// are closed. conn is closed if the error is not nil, except by a responder that does not trust the key of its peer: it gets the
// result as well, so that it can tell the peer.
//
// The error is an ErrMode if the first message is not of this mode (wire.md §4.6), and an ErrUnanswered if the connection
// ends where message 2 is due.
//
// A responder that gives up before it has sent message 2 resets the connection; from then on it just closes. It sets
// hc.Dialect to that of its peer. An initiator asks claim, if there is one, before it sends message 3.
func (c *Config) handshake(conn net.Conn, hc *handshake.Config, claim func() bool, stop <-chan struct{}) (handshake.Result, error) {
	hc.Static, hc.Prologue, hc.Rand, hc.Trusted = c.Static, c.Prologue, c.Rand, c.Trusted
	knocks := &limitedKnocks{Knocks: c.Knocks, config: c, source: limiter.SourceOf(AddrOf(conn.RemoteAddr()).Addr())}
	if c.Knocks != nil && !hc.Guest {
		hc.Knocks = knocks
	}
	if hc.Role == handshake.Responder && !c.Dialects.Speaks(handshake.Native) {
		hc.Dialect = handshake.BEAM
	}
	state, err := handshake.New(*hc)
	if err != nil {
		Reset(conn)
		return handshake.Result{}, err
	}
	defer func() { state.Discard() }()       // if it does not end by itself; readMessage1 may replace it
	silent := hc.Role == handshake.Responder // and has sent nothing yet
	var in [handshake.MaxMessageSize]byte
	out := make([]byte, 0, frame.HeaderSize+handshake.MaxMessageSize)
	for !state.Done() {
		write, size := state.Next()
		if !write {
			switch {
			case silent:
				state, size, err = c.readMessage1(conn, hc, state, in[:])
			case hc.Role == handshake.Responder:
				size, err = c.readMessage3(conn, hc, state, in[:])
			default:
				err = frame.ReadExact(conn, in[:size])
			}
			if err != nil {
				err = c.explainRead(err, size, hc.Guest)
				break
			}
		}
		if out, err = c.compute(state, write, in[:size], out[:0], stop); err != nil {
			break
		}
		if !write && hc.Role == handshake.Initiator && claim != nil && !claim() {
			err = ErrYielded
			break
		}
		if write {
			if _, err = conn.Write(out); err != nil {
				break
			}
			silent = false
		}
	}
	if hc.Role == handshake.Responder && c.Blocked != nil && (err == nil || errors.Is(err, handshake.ErrUntrusted)) {
		if result := state.Result(); c.Blocked(result.Remote) {
			result.Erase()
			err = ErrBlocked
		}
	}
	if err == nil {
		result := state.Result()
		if result.Guest || c.Dialects.Serves(result.Remote, hc.Dialect) {
			return result, nil
		}
		result.Erase()
		err = fmt.Errorf("%w than %v", ErrDialect, hc.Dialect)
	}
	knocks.fail()
	switch {
	case errors.Is(err, handshake.ErrUntrusted) && hc.Role == handshake.Responder:
		return state.Result(), err
	case silent:
		Reset(conn)
	default:
		_ = conn.Close()
	}
	return handshake.Result{}, err
}

// AddrOf returns the address of one end of a connection, zero if it is not one of TCP.
func AddrOf(end net.Addr) netip.AddrPort {
	a, ok := end.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := a.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// explainRead says more about the error of reading a message of that size, if only one end may be in private mode. A responder
// does not say why it ends a handshake.
func (c *Config) explainRead(err error, size int, guest bool) error {
	other := handshake.PrivateMessage1Size
	if c.Knocks != nil {
		other = handshake.Message1Size
	}
	wrong, isSize := errors.AsType[*frame.SizeError](err)
	switch {
	case isSize && size <= handshake.PrivateMessage1Size && wrong.Got == uint32(other): // of message 1
		return fmt.Errorf("%w: %w", ErrMode, err)
	case isSize || size != handshake.Message2Size && size != handshake.BEAMMessage2Size || errors.Is(err, net.ErrClosed): // which is our own end
		return err
	case guest:
		return fmt.Errorf("%w (%w): it may be in private mode, where guests come while an offer is open, speak BEAM alone, or be busy", ErrUnanswered, err)
	case c.Knocks != nil:
		return fmt.Errorf("%w (%w): check that both ends use private mode, that the peer trusts this key, and that both clocks agree to 5 minutes",
			ErrUnanswered, err)
	}
	return fmt.Errorf("%w (%w): the peer may be in private mode, speak BEAM alone, or be busy", ErrUnanswered, err)
}

// compute takes one step while it holds one slot of Compute. A message to write is framed.
func (c *Config) compute(s *handshake.State, write bool, in, out []byte, stop <-chan struct{}) ([]byte, error) {
	select {
	case c.Compute <- struct{}{}:
		defer func() { <-c.Compute }()
	case <-stop:
		return nil, errStopped
	}
	if !write {
		return nil, s.Read(in)
	}
	_, size := s.Next()
	return s.Write(frame.AppendHeader(out, size))
}
