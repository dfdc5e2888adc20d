package control

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// maxConns bounds the connections that are open at once; one more is closed as soon as it is accepted. It is above what all
// operations together may serve, so that one command too many gets ErrBusy before this bound closes its connection.
const maxConns = 14 * maxRequests

// lookTime is how often a Socket looks whether its file is still there.
const lookTime = time.Second

// A Socket is the listening end of a control socket. If somebody removes the socket, it makes a new one. Its methods are
// safe for concurrent use.
type Socket struct {
	path  string
	log   *slog.Logger
	check func(net.Conn) error // whether the other end may command the node
	slots chan struct{}        // one taken per open connection

	mu       sync.Mutex // guards the rest
	listener *net.UnixListener
	made     fs.FileInfo // of the socket's file
	closed   bool
	failed   bool // the socket could not be made again, and the log says so
}

// Listen opens the control socket of the data directory dir, an absolute path, in place of one that a killed node left. The
// caller holds the directory's Lock. Anything else that has its name stays there, and is an ErrFileKind.
func Listen(dir string, log *slog.Logger) (*Socket, error) {
	s := &Socket{path: filepath.Join(dir, socketName), log: log, check: checkServerSide, slots: make(chan struct{}, maxConns)}
	if err := s.bind(); err != nil {
		return nil, err
	}
	return s, nil
}

// bind makes the socket, and listens there instead of where it listened before.
func (s *Socket) bind() error {
	if err := socketFile.check(s.path); err != nil {
		return err
	}
	l, err := listen(s.path)
	if err != nil {
		return err
	}
	return s.adopt(l)
}

// adopt makes l the listener. If it cannot look at the socket of l, it closes l: what is known stays true of the one before.
func (s *Socket) adopt(l *net.UnixListener) error {
	made, err := os.Lstat(s.path)
	if err != nil {
		l.Close()
		return err
	}
	if s.listener != nil {
		s.listener.Close()
	}
	s.listener, s.made = l, made
	return nil
}

// restore makes the socket again if it is not there any more, and returns the listener.
func (s *Socket) restore() *net.UnixListener {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.isThere() {
		return s.listener
	}
	err := s.rebind()
	switch {
	case err == nil:
		s.log.Warn("the control socket was removed, and is there again", "path", s.path)
	case !s.failed:
		s.log.Warn("the control socket was removed, and cannot be made again yet", "err", err)
	}
	s.failed = err != nil
	return s.listener
}

// rebind is bind, unless there may be another node: one that was started after somebody had removed the lock too.
func (s *Socket) rebind() error {
	if err := checkNoNode(filepath.Dir(s.path)); err != nil {
		return err
	}
	return s.bind()
}

// isThere says whether the socket is the one that bind made.
func (s *Socket) isThere() bool {
	info, err := os.Lstat(s.path)
	return err == nil && os.SameFile(info, s.made)
}

// Path returns where the socket is.
func (s *Socket) Path() string { return s.path }

// Addr returns the socket's path as an address.
func (s *Socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// Accept returns the next connection of a process that may command the node. Others are closed and logged.
func (s *Socket) Accept() (net.Conn, error) {
	for {
		l := s.restore()
		l.SetDeadline(time.Now().Add(lookTime))
		c, err := l.Accept()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
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

// Close stops listening and removes the socket. Connections already accepted stay.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.isThere() { // not that of another node, which has taken its place
		os.Remove(s.path)
	}
	return s.listener.Close()
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
