package peernet

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// connected returns both ends of a connection of the system's network, as a node makes it.
func connected(t *testing.T, stall time.Duration) (dialled, accepted *net.TCPConn) {
	t.Helper()
	var n Network
	n.fill(stall)
	l, err := n.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	one, err := n.Dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { one.Close() })
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return one.(*net.TCPConn), other.(*net.TCPConn)
}

// ask calls f with the socket of a connection.
func ask(t *testing.T, c *net.TCPConn, f func(fd int) (int, error)) (n int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if cerr := raw.Control(func(fd uintptr) { n, err = f(int(fd)) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	return n
}

// TestConnectionsHaveAUserTimeout: those that are dialled, and those that are accepted (docs/wire.md §7.2).
func TestConnectionsHaveAUserTimeout(t *testing.T) {
	dialled, accepted := connected(t, 7*time.Second)
	for name, c := range map[string]*net.TCPConn{"dialled": dialled, "accepted": accepted} {
		ms := ask(t, c, func(fd int) (int, error) {
			return syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		})
		if ms != 7000 {
			t.Errorf("%s: %d ms, want 7000", name, ms)
		}
		allowStall(c)
		if ms := ask(t, c, func(fd int) (int, error) {
			return syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		}); ms != 0 {
			t.Errorf("%s, of a BEAM node: %d ms, want none", name, ms)
		}
	}
}

// TestSystemKeepsLittleOfWhatCannotBeSent writes to an end that does not read until the system takes no more.
func TestSystemKeepsLittleOfWhatCannotBeSent(t *testing.T) {
	dialled, accepted := connected(t, time.Minute)
	for name, c := range map[string]*net.TCPConn{"dialled": dialled, "accepted": accepted} {
		written, idle := 0, 0
		for b := make([]byte, 1<<20); idle < 3; { // as the other end's room may still grow
			if err := c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			n, err := c.Write(b)
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			if idle++; n > 0 {
				idle = 0
			}
			written += n
		}
		unsent := ask(t, c, func(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.SIOCOUTQNSD) })
		t.Logf("%s: %d bytes taken, %d of them not sent", name, written, unsent)
		if limit := unsentBytes + 64<<10; unsent == 0 || unsent > limit { // and what one packet of the system holds
			t.Errorf("%s: %d bytes are not sent, want some and at most %d", name, unsent, limit)
		}
	}
}
