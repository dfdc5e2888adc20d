package session

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// A sink is a connection that takes everything and never has anything.
type sink struct{ net.Conn }

func (sink) Write(b []byte) (int, error)        { return len(b), nil }
func (sink) Read([]byte) (int, error)           { return 0, io.EOF }
func (sink) SetWriteDeadline(t time.Time) error { return nil }

// bareLink returns a link without a session: its queue and its table are there, nothing runs.
func bareLink() *Link {
	l := &Link{config: &Config{Clock: clock.System, Log: slog.New(slog.DiscardHandler), FrameLimit: frame.DefaultLimit,
		WriteStall: time.Minute}, conn: sink{}, codec: envelope.Msgpack, counters: new(counters.Peer)}
	l.inbound = newStub(l)
	l.queue = newQueue(8<<20, l.isCrowded)
	l.largest.Store(frame.DefaultLimit)
	return l
}

// step lets the writer write once what waits.
func (w *writer) step(t *testing.T) {
	w.segments, _ = takeOnce(w.queue, w.segments[:0])
	if err := w.flush(w.segments); err != nil {
		t.Fatal(err)
	}
	w.queue.release(w.segments)
}

// countable skips a test that counts allocations where others than ours would be counted.
func countable(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("the portable cipher of x/crypto allocates too: see package channel")
	}
}

// TestAllocationsOfWriting counts what one message costs on its way out, from the caller's arguments to the write.
func TestAllocationsOfWriting(t *testing.T) {
	countable(t)
	for _, size := range []int{0, 64, 5000, 100_000, 1_000_000} {
		var args any = envelope.NewRaw(envelope.Msgpack, must(envelope.Msgpack.AppendValue(nil, make([]byte, size))))
		for name, write := range map[string]func(l *Link) error{
			"send":  func(l *Link) error { return l.Send(context.Background(), "name", args) },
			"reply": func(l *Link) error { l.Reply(7, args, nil); return nil },
		} {
			t.Run(fmt.Sprintf("%s of %d bytes", name, size), func(t *testing.T) {
				l := bareLink()
				w := &writer{Link: l, send: channel.NewCipherState([32]byte{1})}
				got := testing.AllocsPerRun(200, func() {
					if err := write(l); err != nil {
						t.Fatal(err)
					}
					w.step(t)
				})
				if got != 0 {
					t.Errorf("%v allocations, want none", got)
				}
			})
		}
	}
}

// TestAllocationsOfACall counts what a call costs its caller: the table, the queue, the writer and the wait.
func TestAllocationsOfACall(t *testing.T) {
	countable(t)
	l, send := bareLink(), channel.NewCipherState([32]byte{1})
	value := must(envelope.Msgpack.AppendValue(nil, "result"))
	stopped := make(chan struct{})
	go func() { // the writer and the actor in one
		defer close(stopped)
		var segments []segment
		take := waiting(l.queue)
		w := &writer{Link: l, send: send}
		for id := envelope.CallID(1); ; id++ {
			var more bool
			if segments, more = take(segments[:0]); !more {
				return
			}
			if err := w.flush(segments); err != nil {
				t.Error(err)
			}
			l.queue.release(segments)
			l.flight.takeCall(id).done <- success(value)
		}
	}()
	var args any = envelope.NewRaw(envelope.Msgpack, value)
	got := testing.AllocsPerRun(500, func() {
		if _, err := l.Call(context.Background(), "name", "", args); err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations, want none", got)
	}
	l.queue.finish(nil, errTest)
	<-stopped
}

func success(value []byte) result { return result{value: value} }

// TestAllocationsOfReading counts what one read costs, from the bytes to the envelopes: one allocation for all plaintexts of
// up to arenaBytes, and one for each larger one.
func TestAllocationsOfReading(t *testing.T) {
	countable(t)
	for _, c := range []struct {
		name  string
		plain [][]byte
		want  float64
	}{
		{"one call", [][]byte{aCall(1, "echo", "hi")}, 1},
		{"ten calls", repeat(aCall(1, "echo", "hi"), 10), 1},
		{"a hundred calls of 64 bytes", repeat(aCall(1, "echo", make([]byte, 64)), 100), 2},
		{"one reply", [][]byte{aReply(1, "hi")}, 1},
		{"a ping", [][]byte{aPing(1)}, 1},
		{"a send of 20,000 bytes", [][]byte{aSend("x", make([]byte, 20_000))}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			const runs = 100
			send := channel.NewCipherState([32]byte{1})
			reads := make([][]byte, runs+1)
			for i := range reads {
				for _, p := range c.plain {
					reads[i] = frame.AppendHeader(reads[i], len(p)+channel.Overhead)
					reads[i], _ = send.Seal(reads[i], p)
				}
			}
			r := newReader(bareLink(), channel.NewCipherState([32]byte{1}), nil)
			r.buf = newBuffer(busyRead)
			i := 0
			got := testing.AllocsPerRun(runs, func() {
				r.buf.b = append(r.buf.b[:0], reads[i]...)
				i++
				b, err := r.decode()
				if err != nil || len(b.envelopes) != len(c.plain) {
					t.Fatal(err)
				}
				r.giveBack(b)
			})
			if got != c.want {
				t.Errorf("%v allocations, want %v", got, c.want)
			}
		})
	}
}

func repeat(plain []byte, n int) (all [][]byte) {
	for range n {
		all = append(all, plain)
	}
	return all
}
