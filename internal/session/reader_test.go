package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// sized returns a send whose frame has a body of size bytes, tag included, filled with a pattern of its own.
func sized(size int) []byte {
	empty := aSend("s", []byte{})
	if size-channel.Overhead < len(empty) {
		panic(fmt.Sprintf("no send has a body of %d bytes", size))
	}
	for pad := size - channel.Overhead - len(empty); ; pad-- { // the header of the binary grows too
		args := make([]byte, pad)
		for i := range args {
			args[i] = byte(i*7 + i>>8 + size)
		}
		plain := aSend("s", args)
		if len(plain)+channel.Overhead == size {
			return plain
		}
		if len(plain)+channel.Overhead < size { // sizes that one header skips: a longer name
			return append(append([]byte{0x93, 0x02, 0xa2, 's', 's'}, plain[4:]...), []byte{}...)
		}
	}
}

// argsOf returns the arguments of a send.
func argsOf(t *testing.T, plain []byte) []byte {
	t.Helper()
	var e envelope.Envelope
	if err := envelope.Msgpack.Parse(plain, &e); err != nil {
		t.Fatal(err)
	}
	return e.Args
}

// wantSends fails unless exactly these sends have been handled, in that order, and their bytes are as they were.
func (e *end) wantSends(t *testing.T, want [][]byte) {
	t.Helper()
	synctest.Wait()
	got := e.served.sent()
	if len(got) != len(want) {
		t.Fatalf("%d sends were handled, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i].Args, argsOf(t, want[i])) {
			t.Fatalf("send %d of %d bytes came out changed", i, len(want[i]))
		}
	}
}

// borders are the sizes of bodies at which the reader does something else: the idle buffer, the busy buffer, a frame
// that has a buffer of its own, the limit.
var borders = []int{
	30, arenaBytes - 1, arenaBytes, arenaBytes + 1,
	idleRead - frame.HeaderSize - 1, idleRead - frame.HeaderSize, idleRead - frame.HeaderSize + 1, idleRead + 1,
	busyRead - 2*frame.HeaderSize, busyRead - frame.HeaderSize - 1, busyRead - frame.HeaderSize, busyRead - frame.HeaderSize + 1,
	busyRead - 1, busyRead, busyRead + 1,
	frame.DefaultLimit - 1, frame.DefaultLimit,
}

// TestFramesOfEverySizeInPiecesOfEverySize puts each border between small frames and writes that in pieces, so that
// frames and reads straddle each other. All envelopes are looked at when all have come: none may share bytes with
// what was read later.
func TestFramesOfEverySizeInPiecesOfEverySize(t *testing.T) {
	for _, piece := range []int{0, 3, idleRead - 1, idleRead, idleRead + 1, busyRead - 1, busyRead, busyRead + 1} {
		name := fmt.Sprintf("pieces of %d", piece)
		if piece == 0 {
			name = "headers and bodies apart"
		}
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				var want [][]byte
				var stream, cuts []byte
				for _, size := range borders {
					if piece == 3 && size > 2*idleRead {
						continue // this many pieces are no use
					}
					for _, plain := range [][]byte{sized(40), sized(size), sized(41)} {
						want = append(want, plain)
						b := r.Frames(plain)
						stream = append(stream, b...)
						cuts = append(append(append(cuts, 0, 0, 0, 1), make([]byte, len(b)-frame.HeaderSize-1)...), 1)
					}
				}
				for begin := 0; begin < len(stream); {
					end := min(begin+piece, len(stream))
					if piece == 0 {
						end = begin + 1 + bytes.IndexByte(cuts[begin:], 1)
					}
					r.Write(stream[begin:end])
					if end-begin < busyRead/2 {
						synctest.Wait() // the reader has read it, and waits for more
					}
					begin = end
				}
				e.wantSends(t, want)
			})
		})
	}
}

// TestRandomFramesInRandomPieces is the same without a plan.
func TestRandomFramesInRandomPieces(t *testing.T) {
	for seed := range uint64(4) {
		bubble(t, func(t *testing.T, w *world) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			e, r := w.open(handshake.Responder)
			var want [][]byte
			var stream []byte
			for range 60 {
				plain := sized(30 + rnd.IntN([]int{100, 6000, 140_000}[rnd.IntN(3)]))
				want = append(want, plain)
				stream = append(stream, r.Frames(plain)...)
			}
			for len(stream) > 0 {
				n := min(1+rnd.IntN([]int{10, 5000, 100_000}[rnd.IntN(3)]), len(stream))
				r.Write(stream[:n])
				if rnd.IntN(2) == 0 {
					synctest.Wait()
				}
				stream = stream[n:]
			}
			e.wantSends(t, want)
		})
	}
}

// TestEnvelopesCannotGrowIntoTheirNeighbours appends to what the envelopes of one read hold. They lie in one piece of
// memory.
func TestEnvelopesCannotGrowIntoTheirNeighbours(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		var want [][]byte
		for n := range 20 {
			want = append(want, sized(60+n))
		}
		r.say(want...)
		for _, s := range e.served.sent() {
			_ = append(s.Args, "overwritten"...)
			_ = append(s.Name, "overwritten"...)
		}
		e.wantSends(t, want)
	})
}

// TestIdleSessionGivesItsBuffersBack loads the reader, in each of the ways that make it larger, and leaves it alone: the first
// frame after that makes it small again. What was left in the buffer is still there afterwards, however much it is.
func TestIdleSessionGivesItsBuffersBack(t *testing.T) {
	for _, left := range []int{0, 1, frame.HeaderSize, frame.HeaderSize + 1, idleRead - 1, idleRead, idleRead + 1, 2 * idleRead, busyRead - 10} {
		t.Run(fmt.Sprintf("with %d bytes of a frame", left), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				var want [][]byte
				for range 2000 { // many in one read, several reads
					want = append(want, sized(60))
				}
				last := sized(busyRead - frame.HeaderSize)
				want = append(want, last)
				load, tail := r.Frames(want[:2000]...), r.Frames(last)
				r.Write(append(load, tail[:left]...))
				e.look(func(s *session) {
					if cap(s.reader.buf.b) <= idleRead {
						t.Error("this makes no larger buffer: the test shows nothing")
					}
				})
				time.Sleep(15 * time.Second) // the session pings, as nothing has come for so long
				r.want(aPing(1))
				r.Write(tail[left:])
				e.wantSends(t, want)
				e.look(func(s *session) {
					if n := cap(s.reader.buf.b); n != idleRead {
						t.Errorf("an idle session keeps %d bytes to read into, want %d", n, idleRead)
					}
					for range len(s.reader.free) {
						b := <-s.reader.free
						if b != nil {
							t.Errorf("an idle session keeps a batch, with room for %d envelopes", cap(b.envelopes))
						}
						s.reader.free <- b
					}
				})
				r.say(aPong(1), aCall(1, "echo", "awake"))
				r.want(aReply(1, "awake"))
			})
		})
	}
}

// TestIdleSessionWaitsForTheRestOfALargeFrame lets time pass inside a frame that has a buffer of its own.
func TestIdleSessionWaitsForTheRestOfALargeFrame(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		want := [][]byte{sized(300_000), sized(frame.DefaultLimit)}
		b := r.Frames(want...)
		r.Write(b[:len(b)-10])
		time.Sleep(15 * time.Second)
		r.want(aPing(1))
		r.Write(b[len(b)-10:])
		e.wantSends(t, want)
		r.say(aPong(1))
		e.alive(open)
	})
}

// TestReaderAllocatesNothingForAFrameThatItRefuses announces 2^32-1 bytes, and the limit without a body.
func TestAnnouncedLengthsAreNotBelieved(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		r.Write(binary.BigEndian.AppendUint32(nil, frame.DefaultLimit))
		e.look(func(s *session) {
			if n := len(s.reader.large); n != frame.DefaultLimit {
				t.Errorf("room for %d bytes, want %d: that much the limit allows", n, frame.DefaultLimit)
			}
		})
		r.hangUp()
		if m := e.ended(); m.Reason != ReasonLost || m.Err != nil {
			t.Errorf("ended %+v", m)
		}
	})
}

// TestReaderWaitsForTheActor fills all batches while the actor is busy, after a command that only the actor handles: the reader
// reads no more, TCP holds the peer back, and nothing is lost.
func TestReaderWaitsForTheActor(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		unblock := make(chan struct{})
		e.tell(func(*session) { <-unblock })
		synctest.Wait()
		var want [][]byte
		stream := r.Frames(aCancel(9))
		for range 100 {
			want = append(want, sized(10_000))
			stream = append(stream, r.Frames(want[len(want)-1])...)
		}
		written := make(chan int, 1)
		go func() {
			n, _ := r.Conn.Write(stream)
			written <- n
		}()
		synctest.Wait()
		if got := w.network.Stats().Bytes; got > 64<<10+(maxBatches+2)*busyRead {
			t.Errorf("%d bytes were taken from the peer while the actor was busy", got)
		}
		close(unblock)
		if n := <-written; n != len(stream) {
			t.Errorf("%d of %d bytes were taken", n, len(stream))
		}
		e.wantSends(t, want)
	})
}

// TestStoppedActorLeavesNoReaderBehind stops a session whose reader waits for its actor, after a command that only the actor
// handles.
func TestStoppedActorLeavesNoReaderBehind(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		unblock := make(chan struct{})
		e.tell(func(*session) { <-unblock })
		synctest.Wait()
		go func() { _, _ = r.Conn.Write(make([]byte, 0)) }()
		r.say(aCancel(9))
		for range 10 {
			r.say(sized(3000))
		}
		w.System.Root.Stop(e.pid)
		close(unblock)
		if m := e.ended(); m.Reason != ReasonLost || !m.WasUp {
			t.Errorf("ended %+v", m)
		}
	})
}

// TestConnectionCutAtEveryByteOfAFrame ends the stream inside a frame: lost, and the part is never used (wire.md §3).
func TestConnectionCutAtEveryByteOfAFrame(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		size := len(aSend("note", nil)) + channel.Overhead + frame.HeaderSize
		for n := range size + 1 {
			e, r := w.open(handshake.Responder)
			r.Write(r.Frames(aSend("note", nil))[:n])
			r.halfClose()
			m := e.ended()
			if m.Reason != ReasonLost || m.ByPeer || m.Err != nil || !m.WasUp {
				t.Errorf("cut after %d bytes: ended %+v", n, m)
			}
			if got := len(e.served.sent()); (got == 1) != (n == size) {
				t.Errorf("cut after %d bytes: %d sends were handled", n, got)
			}
			r.wantClosed()
		}
	})
}

// TestReaderDeliversWithoutTheActor: while the actor is busy, calls are handed over, replies reach their callers and pings are
// answered. From the first command on everything waits for the actor, in order.
func TestReaderDeliversWithoutTheActor(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		mine := e.goCall(t.Context(), "mine", nil)
		r.want(aCall(1, "mine", nil))
		unblock := make(chan struct{})
		e.tell(func(*session) { <-unblock })
		r.say(aReply(1, "done"), aCall(1, "echo", "hi"))
		mine.want(t, "done")
		r.want(aReply(1, "hi"))
		r.say(aPing(7), aSend("before", nil))
		r.want(aPong(7))
		synctest.Wait()
		if n := len(e.served.sent()); n != 1 {
			t.Errorf("%d sends were handled, want 1", n)
		}
		r.say(aSend("with", nil), aCancel(9))
		r.say(aSend("behind", nil))
		synctest.Wait()
		if n := len(e.served.sent()); n != 1 {
			t.Errorf("%d sends were handled before the actor has looked", n)
		}
		close(unblock)
		synctest.Wait()
		var names []string
		for _, s := range e.served.sent() {
			names = append(names, string(s.Name))
		}
		if want := []string{"before", "with", "behind"}; !slices.Equal(names, want) {
			t.Errorf("sends were handled in the order %q, want %q", names, want)
		}
		if n := len(e.served.cancelled()); n != 1 {
			t.Errorf("%d cancels were handled", n)
		}
	})
}

// TestReaderAndActorTakeTurns sends commands and calls in reads of their own, without a pause. The race detector tells if the
// reader delivers while the actor still handles what came before.
func TestReaderAndActorTakeTurns(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		e.served.serve(nil)
		const calls = 500
		for id := range envelope.CallID(calls) {
			r.Write(r.Frames(aCancel(id + 1)))
			r.Write(r.Frames(aCall(id+1, "echo", nil)))
		}
		synctest.Wait()
		if n := len(e.served.called()); n != calls {
			t.Errorf("%d calls were handed over, want %d", n, calls)
		}
	})
}
