package memnet

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs f inside a synctest bubble with two hosts, 10.0.0.1 and 10.0.0.2, and checks afterwards that nothing is
// left open.
func bubble(t *testing.T, f func(t *testing.T, n *Network, a, b *Host)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		t.Cleanup(func() {
			synctest.Wait()
			if s := n.Stats(); s.Conns != 0 || s.Listeners != 0 || s.PacketConns != 0 {
				t.Errorf("left open: %+v", s)
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			if len(n.links) != 0 {
				t.Errorf("%d connections are still known", len(n.links))
			}
			for _, h := range n.hosts {
				if len(h.dialPorts) != 0 {
					t.Errorf("%d ports of %v are still taken", len(h.dialPorts), h.addrs)
				}
			}
		})
		f(t, n, n.Host(addr("10.0.0.1")), n.Host(addr("10.0.0.2")))
	})
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func listen(t *testing.T, h *Host, network, address string) *Listener {
	t.Helper()
	l, err := h.Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*Listener)
}

func dialTo(t *testing.T, h *Host, address string) *Conn {
	t.Helper()
	c, err := h.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*Conn)
}

func accept(t *testing.T, l net.Listener) *Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*Conn)
}

// connect returns both ends of a connection that a made to b's first address, which listens no more.
func connect(t *testing.T, a, b *Host) (dialler, acceptor *Conn) {
	t.Helper()
	l := listen(t, b, "tcp", netip.AddrPortFrom(b.addrs[0], 0).String())
	dialler = dialTo(t, a, l.Addr().String())
	acceptor = accept(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dialler, acceptor
}

func socket(t *testing.T, h *Host, network, address string) *PacketConn {
	t.Helper()
	p, err := h.ListenPacket(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p.(*PacketConn)
}

func write(t *testing.T, w io.Writer, s string) {
	t.Helper()
	if n, err := io.WriteString(w, s); n != len(s) || err != nil {
		t.Fatalf("Write = %d, %v, want %d", n, err, len(s))
	}
}

// wantRead reads exactly what is wanted.
func wantRead(t *testing.T, r io.Reader, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(r, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v, want %q", b, err, want)
	}
}

// wantReadError reads once and wants nothing but this error.
func wantReadError(t *testing.T, r io.Reader, want error) {
	t.Helper()
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, want) {
		t.Fatalf("Read = %d, %v, want %v", n, err, want)
	}
}

func wantWriteError(t *testing.T, w io.Writer, want error) {
	t.Helper()
	if n, err := w.Write([]byte{0}); n != 0 || !errors.Is(err, want) {
		t.Fatalf("Write = %d, %v, want %v", n, err, want)
	}
}

// wantSilence checks that nothing can be read for a long time.
func wantSilence(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(make([]byte, 1))
	if ne := net.Error(nil); n != 0 || !errors.As(err, &ne) || !ne.Timeout() {
		t.Fatalf("Read = %d, %v, want silence", n, err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// since returns how much time passed in f.
func since(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// port returns the port that l listens on.
func port(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// pass lets d pass on the bubble's clock, and all that then happens happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
