package control

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// maxConns bounds the connections that are open at once; one more is closed as soon as it is accepted. It is above what all
// operations may have under way, so that a command too many is told so before this bound closes on it.
const maxConns = 12 * maxRequests

// A Socket is the listening end of a control socket. Its methods are safe for concurrent use.
type Socket struct {
	listener net.Listener
	path     string
	log      *slog.Logger
	check    func(net.Conn) error // whether the other end may command the node
	slots    chan struct{}        // one taken per open connection
	clean    func()               // removes the files; runs once
}

// Listen opens the control socket of the data directory dir, whose Lock the caller holds, and clears away
// what a killed node left there. What no node left there stays, and is an ErrFileKind. If log is nil, nothing is
// logged.
func Listen(dir string, log *slog.Logger) (*Socket, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := sweep(dir); err != nil {
		return nil, err
	}
	path, private, err := place(dir, os.TempDir())
	if err != nil {
		return nil, err
	}
	s := &Socket{path: path, log: log, check: checkServerSide, slots: make(chan struct{}, maxConns)}
	s.clean = sync.OnceFunc(func() {
		os.Remove(path)
		if private {
			os.Remove(filepath.Join(dir, pointerName))
			os.Remove(filepath.Dir(path))
		}
	})
	if s.listener, err = listen(path); err != nil {
		s.clean()
		return nil, err
	}
	if private {
		if err := point(dir, path); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// Path returns where the socket is. It is absolute and at most 107 bytes long.
func (s *Socket) Path() string { return s.path }

// Addr returns the address that the system knows the socket by.
func (s *Socket) Addr() net.Addr { return s.listener.Addr() }

// Accept returns the next connection of a process that may command the node. Others are closed and logged.
func (s *Socket) Accept() (net.Conn, error) {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return nil, err
		}
		if err := s.check(c); err != nil {
			s.log.Warn("control connection refused", "err", err)
			c.Close()
			continue
		}
		select {
		case s.slots <- struct{}{}:
			return &conn{Conn: c, release: sync.OnceFunc(func() { <-s.slots })}, nil
		default:
			s.log.Warn("control connection refused", "err", ErrBusy, "limit", maxConns)
			c.Close()
		}
	}
}

// Close stops listening and removes the socket's files. Connections already accepted stay.
func (s *Socket) Close() error {
	err := s.listener.Close()
	s.clean()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// A conn is an accepted connection; closing it gives its slot back.
type conn struct {
	net.Conn
	release func()
}

func (c *conn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
