package memnet

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A transport is a network on whose loopback a property of streams is checked.
type transport struct {
	listen func(ctx context.Context, network, address string) (net.Listener, error)
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

// tcpConn is what memnet's connections and the system's have in common.
type tcpConn interface {
	net.Conn
	CloseWrite() error
	SetLinger(int) error
	SetNoDelay(bool) error
	SetKeepAlive(bool) error
}

// pair returns both ends of a new connection to a listener at an address, which listens no more.
func (tr transport) pair(t *testing.T, network, address string) (dialler, acceptor tcpConn) {
	t.Helper()
	l, err := tr.listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d, err := tr.dial(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return d.(tcpConn), a.(tcpConn)
}

// streamProperties are true of memnet and, on Linux, of the system's TCP: that is what makes memnet a fair substitute.
var streamProperties = []struct {
	name  string
	check func(t *testing.T, tr transport)
}{
	{"ReadsDrainAfterClose", func(t *testing.T, tr transport) {
		a, b := tr.pair(t, "tcp", "127.0.0.1:0")
		write(t, a, "last words")
		wantNil(t, a.Close())
		wantRead(t, b, "last words")
		wantReadError(t, b, io.EOF)
		wantReadError(t, b, io.EOF)
	}},
	{"HalfCloseLeavesTheOtherDirection", func(t *testing.T, tr transport) {
		a, b := tr.pair(t, "tcp", "127.0.0.1:0")
		write(t, a, "request")
		wantNil(t, a.CloseWrite())
		wantNil(t, a.CloseWrite())
		wantWriteError(t, a, syscall.EPIPE)
		wantRead(t, b, "request")
		wantReadError(t, b, io.EOF)
		write(t, b, "reply")
		wantNil(t, b.Close())
		wantRead(t, a, "reply")
		wantReadError(t, a, io.EOF)
	}},
	{"CloseWithUnreadInputResets", func(t *testing.T, tr transport) {
		a, b := tr.pair(t, "tcp", "127.0.0.1:0")
		write(t, a, "ab")
		wantRead(t, b, "a")
		wantNil(t, b.Close())
		wantReadError(t, a, syscall.ECONNRESET)
	}},
	{"LingerZeroResets", func(t *testing.T, tr transport) {
		a, b := tr.pair(t, "tcp", "127.0.0.1:0")
		wantNil(t, a.SetLinger(0))
		wantNil(t, a.Close())
		wantReadError(t, b, syscall.ECONNRESET)
	}},
	{"LingerCanBeTakenBack", func(t *testing.T, tr transport) {
		a, b := tr.pair(t, "tcp", "127.0.0.1:0")
		wantNil(t, a.SetLinger(0))
		wantNil(t, a.SetLinger(-1))
		wantNil(t, a.Close())
		wantReadError(t, b, io.EOF)
	}},
	{"WhatCameBeforeTheEndIsReadAfterAWriteError", func(t *testing.T, tr transport) {
		a, b := tr.pair(t, "tcp", "127.0.0.1:0")
		write(t, a, "bye")
		wantNil(t, a.Close())
		var err error
		for err == nil {
			_, err = b.Write([]byte{0})
		}
		if !errors.Is(err, syscall.EPIPE) {
			t.Fatalf("Write to a closed peer: %v, want EPIPE", err)
		}
		wantRead(t, b, "bye")
		wantReadError(t, b, io.EOF)
	}},
	{"DialWithoutListenerIsRefused", func(t *testing.T, tr transport) {
		l, err := tr.listen(t.Context(), "tcp", "127.0.0.1:0")
		wantNil(t, err)
		wantNil(t, l.Close())
		_, err = tr.dial(t.Context(), "tcp", l.Addr().String())
		if oe := (*net.OpError)(nil); !errors.Is(err, syscall.ECONNREFUSED) || !errors.As(err, &oe) || oe.Op != "dial" {
			t.Fatalf("Dial: %v, want a refusal", err)
		}
	}},
	{"PastDeadlineHidesInput", func(t *testing.T, tr transport) {
		a, b := tr.pair(t, "tcp", "127.0.0.1:0")
		write(t, a, "x")
		wantNil(t, b.SetReadDeadline(time.Unix(1, 0)))
		wantReadError(t, b, os.ErrDeadlineExceeded)
		wantNil(t, b.SetReadDeadline(time.Time{}))
		wantRead(t, b, "x")
	}},
	{"DeadlineEndsAWaitingRead", func(t *testing.T, tr transport) {
		_, b := tr.pair(t, "tcp", "127.0.0.1:0")
		wantNil(t, b.SetDeadline(time.Now().Add(time.Millisecond)))
		wantReadError(t, b, os.ErrDeadlineExceeded)
		wantWriteError(t, b, os.ErrDeadlineExceeded)
	}},
	{"CloseEndsAWaitingRead", func(t *testing.T, tr transport) {
		a, _ := tr.pair(t, "tcp", "127.0.0.1:0")
		done := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			done <- err
		}()
		wantNil(t, a.Close())
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Fatalf("Read: %v, want net.ErrClosed", err)
		}
	}},
	{"ClosedEndRefusesEverything", func(t *testing.T, tr transport) {
		a, _ := tr.pair(t, "tcp", "127.0.0.1:0")
		wantNil(t, a.SetNoDelay(true))
		wantNil(t, a.SetKeepAlive(true))
		wantNil(t, a.Close())
		wantReadError(t, a, net.ErrClosed)
		wantWriteError(t, a, net.ErrClosed)
		for name, err := range map[string]error{
			"Close": a.Close(), "CloseWrite": a.CloseWrite(), "SetDeadline": a.SetDeadline(time.Time{}),
			"SetReadDeadline": a.SetReadDeadline(time.Now()), "SetWriteDeadline": a.SetWriteDeadline(time.Now()),
			"SetLinger": a.SetLinger(0),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
	}},
	{"EmptyReadAndWriteDoNotWait", func(t *testing.T, tr transport) {
		a, _ := tr.pair(t, "tcp", "127.0.0.1:0")
		if n, err := a.Read(nil); n != 0 || err != nil {
			t.Errorf("Read(nil) = %d, %v", n, err)
		}
		if n, err := a.Write(nil); n != 0 || err != nil {
			t.Errorf("Write(nil) = %d, %v", n, err)
		}
	}},
	{"AddressesAreThoseOfBothEnds", func(t *testing.T, tr transport) {
		for _, c := range []struct {
			network, address string
			acceptorIP       int // bytes
		}{
			{"tcp", "127.0.0.1:0", 4}, {"tcp4", ":0", 4}, {"tcp", "0.0.0.0:0", 16}, {"tcp4", "0.0.0.0:0", 4}, {"tcp", ":0", 16}, {"tcp", "[::]:0", 16},
		} {
			a, b := tr.pair(t, c.network, c.address)
			for _, end := range []struct {
				addr net.Addr
				ip   int
			}{{a.LocalAddr(), 4}, {a.RemoteAddr(), 4}, {b.LocalAddr(), c.acceptorIP}, {b.RemoteAddr(), c.acceptorIP}} {
				if ta, ok := end.addr.(*net.TCPAddr); !ok || len(ta.IP) != end.ip || ta.Port == 0 {
					t.Errorf("%s %s: address %#v, want a *net.TCPAddr with %d bytes", c.network, c.address, end.addr, end.ip)
				}
			}
			if a.LocalAddr().String() != b.RemoteAddr().String() || a.RemoteAddr().String() != b.LocalAddr().String() {
				t.Errorf("%v-%v is not %v-%v", a.LocalAddr(), a.RemoteAddr(), b.RemoteAddr(), b.LocalAddr())
			}
		}
	}},
	{"ListenerNamesItsAddress", func(t *testing.T, tr transport) {
		for _, c := range []struct{ network, address, host string }{
			{"tcp", ":0", "::"}, {"tcp", "[::]:0", "::"}, {"tcp6", ":0", "::"}, {"tcp4", ":0", "0.0.0.0"},
			{"tcp", "0.0.0.0:0", "::"}, {"tcp4", "0.0.0.0:0", "0.0.0.0"}, {"tcp", "127.0.0.1:0", "127.0.0.1"}, {"tcp", "[::ffff:127.0.0.1]:0", "127.0.0.1"},
			{"tcp", "127.0.0.1:", "127.0.0.1"},
		} {
			l, err := tr.listen(t.Context(), c.network, c.address)
			wantNil(t, err)
			host, _, err := net.SplitHostPort(l.Addr().String())
			if err != nil || host != c.host {
				t.Errorf("%s %s listens at %v, want %s", c.network, c.address, l.Addr(), c.host)
			}
			wantNil(t, l.Close())
		}
	}},
	{"ListenFails", func(t *testing.T, tr transport) {
		l, err := tr.listen(t.Context(), "tcp", "127.0.0.1:0")
		wantNil(t, err)
		defer func() { _ = l.Close() }()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		for _, c := range []struct {
			network, address string
			want             error
		}{
			{"tcp", l.Addr().String(), syscall.EADDRINUSE},
			{"tcp4", ":" + port, syscall.EADDRINUSE},
			{"tcp", "192.0.2.1:0", syscall.EADDRNOTAVAIL},
			{"udp", "127.0.0.1:0", errAny}, {"tcp6", "127.0.0.1:0", errAny}, {"tcp4", "[::1]:0", errAny},
			{"tcp6", "0.0.0.0:0", errAny},
			{"tcp", "127.0.0.1", errAny}, {"tcp", "127.0.0.1:x", errAny}, {"tcp", "127.0.0.1:65536", errAny},
		} {
			if o, err := tr.listen(t.Context(), c.network, c.address); err == nil || c.want != errAny && !errors.Is(err, c.want) {
				t.Errorf("Listen(%s, %s) = %v, %v, want %v", c.network, c.address, o, err, c.want)
			}
		}
	}},
	{"ClosedListenerAcceptsNothing", func(t *testing.T, tr transport) {
		l, err := tr.listen(t.Context(), "tcp", "127.0.0.1:0")
		wantNil(t, err)
		done := make(chan error)
		go func() {
			_, err := l.Accept()
			done <- err
		}()
		wantNil(t, l.Close())
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v, want net.ErrClosed", err)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v, want net.ErrClosed", err)
		}
	}},
	{"EndedContextEndsDial", func(t *testing.T, tr transport) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := tr.dial(ctx, "tcp", "127.0.0.1:1"); !errors.Is(err, context.Canceled) {
			t.Errorf("Dial: %v, want context.Canceled", err)
		}
	}},
}

var errAny = errors.New("any error")

func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStreamsBehaveAsTCP(t *testing.T) {
	for _, p := range streamProperties {
		t.Run(p.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *Network, a, b *Host) {
				p.check(t, transport{a.Listen, a.Dial})
				synctest.Wait()
			})
		})
	}
}

func TestTheSystemsTCPHasTheSameProperties(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("error numbers and the order of errors are those of Linux")
	}
	for _, p := range streamProperties {
		t.Run(p.name, func(t *testing.T) {
			p.check(t, transport{(&net.ListenConfig{}).Listen, (&net.Dialer{}).DialContext})
		})
	}
}
