package peernet

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// TestConnectionsHaveAUserTimeout: those that are dialled, and those that are accepted (docs/wire.md §7.2).
func TestConnectionsHaveAUserTimeout(t *testing.T) {
	var n Network
	n.fill(7 * time.Second)
	l, err := n.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := n.Dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	for name, c := range map[string]net.Conn{"dialled": dialled, "accepted": accepted} {
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		ms := 0
		if cerr := raw.Control(func(fd uintptr) { ms, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout) }); cerr != nil || err != nil {
			t.Fatal(cerr, err)
		}
		if ms != 7000 {
			t.Errorf("%s: %d ms, want 7000", name, ms)
		}
	}
}
