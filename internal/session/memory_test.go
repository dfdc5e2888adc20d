package session

import (
	"context"
	"testing"
	"testing/synctest"
	"unsafe"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// held returns the bytes that a session at rest holds for what waits to be written, and for what it reads: of buffers
// their capacity, however little is in them.
func held(s *session) (out, in int) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	for _, g := range s.queue.turns.urgent {
		out += cap(g.b)
	}
	for f := s.queue.turns.ring.first; f != nil; f = f.next {
		for _, g := range f.envelopes {
			if f.waiter == nil { // else its goroutine holds it
				out += cap(g.b)
			}
		}
	}
	for _, nonce := range s.queue.pongs {
		out += cap(nonce)
	}
	in = cap(s.reader.buf.b) + cap(s.reader.large) + cap(s.reader.arena)
	for range len(s.reader.free) {
		b := <-s.reader.free
		if b != nil {
			in += cap(b.envelopes) * int(unsafe.Sizeof(envelope.Envelope{}))
		}
		s.reader.free <- b
	}
	return out, in
}

// TestMemoryOfASessionIsBounded holds the sum in docs/architecture.md against peers that do not read, whatever they or
// this node send meanwhile.
func TestMemoryOfASessionIsBounded(t *testing.T) {
	const limit, frames = 1 << 20, frame.DefaultLimit
	calling := func(size int) func(t *testing.T, e *end, r *raw) {
		return func(t *testing.T, e *end, _ *raw) {
			for range 200 {
				go func() { _, _ = e.link.Call(context.Background(), "x", "", make([]byte, size)) }()
			}
		}
	}
	asked := func(n, size int, answer func(*stub, envelope.Envelope)) func(t *testing.T, e *end, r *raw) {
		return func(t *testing.T, e *end, r *raw) {
			e.served.serve(answer)
			for id := range envelope.CallID(n) {
				r.say(aCall(id+1, "x", make([]byte, size)))
			}
		}
	}
	refuse := func(s *stub, e envelope.Envelope) {
		s.link.Refuse(e.ID, &envelope.RemoteError{Code: envelope.CodeNoHandler, Text: string(make([]byte, 1024))})
	}
	for name, flood := range map[string]func(t *testing.T, e *end, r *raw){
		"small calls of ours":     calling(100),
		"calls of 17 KiB":         calling(17 << 10), // the least that is queued by reference
		"calls of 65 KiB":         calling(65 << 10), // the least that has a large buffer
		"calls of 1 MB":           calling(1_000_000),
		"small calls of the peer": asked(2000, 100, echo),
		"its calls of 17 KiB":     asked(200, 17<<10, echo),
		"its calls of 65 KiB":     asked(100, 65<<10, echo),
		"its calls of 1 MB":       asked(10, 1_000_000, echo),
		"its calls, all refused":  asked(maxRefusals, 1, refuse),
		"its sends": func(t *testing.T, e *end, r *raw) {
			for range 1000 {
				r.say(aSend("x", nil), aSend("x", nil), aSend("x", nil))
			}
		},
		"its pings": func(t *testing.T, e *end, r *raw) {
			for i := range uint64(5000) {
				r.say(aPing(i))
			}
		},
		"half of a large frame": func(t *testing.T, e *end, r *raw) {
			f := frame.AppendHeader(nil, frame.DefaultLimit)
			r.Write(append(f, make([]byte, frame.DefaultLimit/2)...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				var used []*buffer
				for range 40 { // what large messages have left in the pool is not for those of 65 KiB
					used = append(used, newBuffer(largeBuffer))
				}
				for _, b := range used {
					b.release()
				}
				e, r := w.open(handshake.Responder, func(c *Config) { c.QueueBytes = limit })
				flood(t, e, r)
				synctest.Wait()
				e.look(func(s *session) {
					out, in := held(s)
					t.Logf("%d bytes out, %d in", out, in)
					if most := mostSlack*(limit+urgentRoom) + maxRefusals*1100; out > most {
						t.Errorf("%d bytes wait to be written, more than %d", out, most)
					}
					// Two reads of busyRead are at most this many envelopes; a body that does not fit comes alone.
					perRead := busyRead / (frame.HeaderSize + 17) * 2 * int(unsafe.Sizeof(envelope.Envelope{}))
					if most := maxBatches*perRead + busyRead + frames + arenaBytes; in > most {
						t.Errorf("%d bytes are held for reading, more than %d", in, most)
					}
				})
			})
		})
	}
}
