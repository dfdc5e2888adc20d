package line

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// echo listens and echoes one connection until the end of its input.
func echo(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		if conn, err := l.Accept(); err == nil {
			io.Copy(conn, conn)
			conn.Close()
		}
	}()
	return l.Addr().String()
}

func TestALineIsNoFasterThanItsRate(t *testing.T) {
	const size, bits = 64 << 10, 8 << 20 // a sixteenth of a second
	l, err := New(echo(t), bits)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent, began := bytes.Repeat([]byte("line"), size/4), time.Now()
	go conn.Write(sent)
	got := make([]byte, size)
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, sent) {
		t.Error("the bytes came back changed")
	}
	if took, least := time.Since(began), time.Second*8*size/bits; took < least {
		t.Errorf("took %v, at least %v are due", took, least)
	}
}

func TestCloseEndsConnections(t *testing.T) {
	l, err := New(echo(t), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}
