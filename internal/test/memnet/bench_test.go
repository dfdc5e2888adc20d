package memnet

import (
	"io"
	"net"
	"testing"
)

// pairs are the kinds of connections that are measured side by side.
var pairs = []struct {
	name string
	make func(b *testing.B) (x, y net.Conn)
}{
	{"memnet", func(b *testing.B) (x, y net.Conn) {
		n := New(1)
		return connectAny(b, n.Host(addr("10.0.0.1")), "127.0.0.1:0")
	}},
	{"net.Pipe", func(b *testing.B) (x, y net.Conn) { return net.Pipe() }},
}

func connectAny(b *testing.B, h *Host, address string) (x, y net.Conn) {
	b.Helper()
	l, err := h.Listen(b.Context(), "tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	if x, err = h.Dial(b.Context(), "tcp", l.Addr().String()); err != nil {
		b.Fatal(err)
	}
	if y, err = l.Accept(); err != nil {
		b.Fatal(err)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return x, y
}

func BenchmarkRoundTrip64(b *testing.B) {
	for _, p := range pairs {
		b.Run(p.name, func(b *testing.B) {
			x, y := p.make(b)
			defer func() { _ = x.Close() }()
			go func() {
				_, _ = io.CopyBuffer(struct{ io.Writer }{y}, struct{ io.Reader }{y}, make([]byte, 64))
				_ = y.Close()
			}()
			buf := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(x, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStream16K(b *testing.B) {
	for _, p := range pairs {
		b.Run(p.name, func(b *testing.B) {
			x, y := p.make(b)
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{y}, make([]byte, 64<<10))
				_ = y.Close()
			}()
			buf := make([]byte, 16<<10)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Write(buf); err != nil {
					b.Fatal(err)
				}
			}
			_ = x.Close()
			<-done
		})
	}
}
