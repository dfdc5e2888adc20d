package control

import (
	"context"
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
// operations may have under way, so that a command too many is told so before this bound closes on it.
const maxConns = 12 * maxRequests

// lookTime is how often a Socket looks whether its files are there still.
const lookTime = time.Second

// A Socket is the listening end of a control socket. If somebody removes its files, it makes them again. Its methods are safe
// for concurrent use.
type Socket struct {
	dir     string // the data directory
	path    string
	private bool // path is in a directory of its own, and written down in dir
	log     *slog.Logger
	check   func(net.Conn) error // whether the other end may command the node
	slots   chan struct{}        // one taken per open connection

	mu       sync.Mutex // guards the rest
	listener *net.UnixListener
	made     fs.FileInfo // of the socket's file
	closed   bool
	failed   bool // the socket could not be made again, and the log says so
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
	s := &Socket{dir: dir, path: path, private: private, log: log, check: checkServerSide, slots: make(chan struct{}, maxConns)}
	if err := s.bind(); err != nil {
		s.clean()
		return nil, err
	}
	return s, nil
}

// bind makes the socket's files, and listens there instead of where it listened before. A socket that is there still is kept:
// a command may have connected to it.
func (s *Socket) bind() error {
	if s.private {
		if err := point(s.dir, s.path); err != nil {
			return err
		}
	}
	if s.hasSocket() {
		return nil
	}
	if err := checkSocket(s.path); err != nil {
		return err
	}
	l, err := listen(s.path)
	if err != nil {
		return err
	}
	if s.listener != nil {
		s.listener.Close()
	}
	s.listener = l
	s.made, err = os.Lstat(s.path)
	return err
}

// restore makes the socket's files again if they are not there any more, and returns what listens.
func (s *Socket) restore() *net.UnixListener {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.isThere() {
		return s.listener
	}
	if s.private {
		_ = os.Mkdir(filepath.Dir(s.path), 0o700) // if that is gone too; else bind says what is wrong
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

// rebind is bind, unless another node answers: one that was started after somebody had removed the lock too.
func (s *Socket) rebind() error {
	ctx, cancel := context.WithTimeout(context.Background(), lockTime)
	defer cancel()
	if other, err := dial(ctx, s.dir); err == nil {
		return errors.Join(ErrRunning, other.Close())
	}
	return s.bind()
}

// isThere says whether the socket's files are those that bind made.
func (s *Socket) isThere() bool {
	path, err := find(s.dir)
	return s.hasSocket() && (!s.private || err == nil && path == s.path)
}

// hasSocket says whether the socket is the one that bind made.
func (s *Socket) hasSocket() bool {
	info, err := os.Lstat(s.path)
	return err == nil && s.made != nil && os.SameFile(info, s.made)
}

// clean removes the socket's files, but not those of another node that has taken their place.
func (s *Socket) clean() {
	if s.hasSocket() {
		os.Remove(s.path)
	}
	if s.private {
		if path, err := find(s.dir); err == nil && path == s.path {
			os.Remove(filepath.Join(s.dir, pointerName))
		}
		os.Remove(filepath.Dir(s.path))
	}
}

// Path returns where the socket is. It is absolute and at most maxPath bytes long.
func (s *Socket) Path() string { return s.path }

// Addr returns the address that the system knows the socket by.
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

// Close stops listening and removes the socket's files. Connections already accepted stay.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.clean()
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
