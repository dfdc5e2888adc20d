package peernet_test

import (
	"io"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// BenchmarkStream writes to a stream of bytes whose reader keeps up, 64 KiB at a time, with both ends in this process. It is for
// profiles; the module bench compares.
func BenchmarkStream(b *testing.B) {
	from, to := startNode(b, peernet.Config{}), startNode(b, peernet.Config{})
	pair(b, from, to)
	listener, err := to.Listen("read")
	if err != nil {
		b.Fatal(err)
	}
	connect(b, from, to)
	ended := make(chan int64, 1)
	go func() {
		defer close(ended)
		accepted, err := listener.Accept()
		if err != nil {
			b.Error(err)
			return
		}
		defer accepted.Close()
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{accepted}, make([]byte, 64<<10))
		ended <- n
	}()
	conn, err := from.Dial(b.Context(), to.PublicKey(), "read")
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	payload := make([]byte, 64<<10)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(payload); err != nil {
			b.Fatal(err)
		}
	}
	_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	if n := <-ended; n != int64(b.N*len(payload)) {
		b.Errorf("%d bytes arrived of %d", n, b.N*len(payload))
	}
}
