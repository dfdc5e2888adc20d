package frame_test

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// recorded returns every frame of the Noise vectors with its body. Frames of a BEAM handshake wrap the body once more,
// so there the body is all that follows the header.
func recorded(t testing.TB) (bodies, frames [][]byte) {
	t.Helper()
	for _, name := range []string{vectors.NoiseNative, vectors.NoisePrologue, vectors.NoiseBEAM} {
		f := vectors.Noise(t, name)
		for _, v := range f.Vectors {
			for _, m := range v.Messages {
				body := m.Body
				if f.Transcript == "beam" {
					body = m.Frame[frame.HeaderSize:]
				}
				bodies, frames = append(bodies, body), append(frames, m.Frame)
			}
			for _, m := range v.Transport {
				bodies, frames = append(bodies, m.Ciphertext), append(frames, m.Frame)
			}
		}
	}
	return bodies, frames
}

// panics reports whether f panics.
func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

func TestVectorsFrame(t *testing.T) {
	bodies, frames := recorded(t)
	for i, body := range bodies {
		if got := frame.Append(nil, body); !bytes.Equal(got, frames[i]) {
			t.Errorf("got %x, want %x", got, frames[i])
		}
		if got := frame.AppendHeader([]byte("before"), len(body)); string(got) != "before"+string(frames[i][:frame.HeaderSize]) {
			t.Errorf("header: got %x, want %x, appended", got, frames[i][:frame.HeaderSize])
		}
		got, rest, err := frame.Next(frames[i], frame.DefaultLimit)
		if err != nil || !bytes.Equal(got, body) || len(rest) != 0 {
			t.Errorf("got %x, %x, %v, want %x", got, rest, err, body)
		}
	}
}

func TestTruncatedFramesAreIncomplete(t *testing.T) {
	_, frames := recorded(t)
	for _, f := range frames {
		for n := range f {
			body, rest, err := frame.Next(f[:n], frame.DefaultLimit)
			if err != frame.ErrShort || body != nil || !bytes.Equal(rest, f[:n]) {
				t.Fatalf("%d of %d bytes: got %x, %x, %v, want ErrShort", n, len(f), body, rest, err)
			}
		}
	}
}

// TestStreamIsCutIntoItsFrames reads many frames from one buffer, whatever part of the next one has arrived.
func TestStreamIsCutIntoItsFrames(t *testing.T) {
	bodies, frames := recorded(t)
	stream := bytes.Join(frames, nil)
	for extra := range len(frames[0]) {
		buf := append(bytes.Clone(stream), frames[0][:extra]...)
		for i, want := range bodies {
			body, rest, err := frame.Next(buf, frame.DefaultLimit)
			if err != nil || !bytes.Equal(body, want) {
				t.Fatalf("frame %d: got %x, %v, want %x", i, body, err, want)
			}
			buf = rest
		}
		if body, rest, err := frame.Next(buf, frame.DefaultLimit); err != frame.ErrShort || body != nil || !bytes.Equal(rest, frames[0][:extra]) {
			t.Fatalf("after the last frame and %d bytes: got %x, %x, %v", extra, body, rest, err)
		}
	}
}

func TestBodyAliasesTheBufferWithoutRoom(t *testing.T) {
	buf := frame.Append(frame.Append(nil, []byte("one")), []byte("two"))
	body, rest, err := frame.Next(buf, 3)
	if err != nil {
		t.Fatal(err)
	}
	if &body[0] != &buf[frame.HeaderSize] || &rest[0] != &buf[frame.HeaderSize+3] {
		t.Error("the body or the rest was copied")
	}
	_ = append(body, "overrun"...)
	if next, _, err := frame.Next(rest, 3); err != nil || string(next) != "two" {
		t.Errorf("appending to a body changed the next frame: %q, %v", next, err)
	}
}

func TestLengthsOutsideTheLimitAreRefusedOnTheHeader(t *testing.T) {
	for _, c := range []struct {
		name   string
		header string
		limit  int
		n      int
		want   error
	}{
		{"no byte", "", 10, 0, frame.ErrShort},
		{"three bytes of a header", "\x00\x00\x00", 10, 0, frame.ErrShort},
		{"three bytes that already say too much", "\xff\xff\xff", 10, 0, frame.ErrShort},
		{"empty", "\x00\x00\x00\x00", 10, 0, frame.ErrEmpty},
		{"shortest", "\x00\x00\x00\x01", 10, 1, nil},
		{"at the limit", "\x00\x00\x00\x0a", 10, 10, nil},
		{"over the limit", "\x00\x00\x00\x0b", 10, 0, frame.ErrTooLarge},
		{"at the default limit", "\x00\x10\x00\x00", frame.DefaultLimit, 1 << 20, nil},
		{"over the default limit", "\x00\x10\x00\x01", frame.DefaultLimit, 0, frame.ErrTooLarge},
		{"2^31-1", "\x7f\xff\xff\xff", math.MaxInt32, math.MaxInt32, nil},
		{"2^31", "\x80\x00\x00\x00", math.MaxInt32, 0, frame.ErrTooLarge},
		{"2^32-1", "\xff\xff\xff\xff", frame.DefaultLimit, 0, frame.ErrTooLarge},
		{"first byte counts", "\x01\x00\x00\x01", frame.DefaultLimit, 0, frame.ErrTooLarge},
		{"no limit to be under", "\x00\x00\x00\x01", 0, 0, frame.ErrTooLarge},
		{"negative limit", "\xff\xff\xff\xff", -1, 0, frame.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, following := range []string{"", "\xff", "some of a body"} {
				if c.want == frame.ErrShort && following != "" {
					continue
				}
				n, err := frame.Length([]byte(c.header+following), c.limit)
				if n != c.n || !errors.Is(err, c.want) {
					t.Errorf("got %d, %v, want %d, %v", n, err, c.n, c.want)
				}
				if c.want == nil {
					continue
				}
				body, rest, err := frame.Next([]byte(c.header+following), c.limit)
				if body != nil || string(rest) != c.header+following || !errors.Is(err, c.want) {
					t.Errorf("Next: got %x, %x, %v, want %v", body, rest, err, c.want)
				}
			}
		})
	}
}

func TestBodiesWithoutAHeaderPanic(t *testing.T) {
	sizes := []int{-1, 0}
	if strconv.IntSize == 64 {
		over := int64(math.MaxUint32) + 1
		sizes = append(sizes, int(over))
	}
	for _, n := range sizes {
		if !panics(func() { frame.AppendHeader(nil, n) }) {
			t.Errorf("a header for %d bytes", n)
		}
	}
	if !panics(func() { frame.Append(nil, nil) }) {
		t.Error("a frame of nothing")
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	buf := frame.Append(nil, make([]byte, 1000))
	room := make([]byte, 0, len(buf))
	if n := testing.AllocsPerRun(100, func() {
		body, _, err := frame.Next(buf, frame.DefaultLimit)
		if err != nil {
			t.Fatal(err)
		}
		frame.Append(room, body)
		if _, _, err := frame.Next(buf[:500], frame.DefaultLimit); err != frame.ErrShort {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// seedStreams adds every frame of the vectors, pairs of them, and headers at the edges.
func seedStreams(f *testing.F, add func([]byte)) {
	f.Helper()
	_, frames := recorded(f)
	for i, b := range frames {
		add(b)
		add(append(bytes.Clone(b), frames[(i+1)%len(frames)]...))
	}
	for _, header := range []string{"", "\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x00\x10\x00\x00", "\x00\x10\x00\x01", "\x00\x00\x00\x02x"} {
		add([]byte(header))
	}
}

// FuzzNext checks that a frame that Next accepts encodes to the same bytes, that a shorter input is incomplete, and
// that a final error comes as soon as the header is there.
func FuzzNext(f *testing.F) {
	seedStreams(f, func(b []byte) { f.Add(b, frame.DefaultLimit); f.Add(b, 32) })
	f.Fuzz(func(t *testing.T, buf []byte, limit int) {
		before := bytes.Clone(buf)
		body, rest, err := frame.Next(buf, limit)
		if !bytes.Equal(buf, before) {
			t.Fatal("the buffer was changed")
		}
		switch {
		case err == nil:
			if len(body) < 1 || len(body) > limit {
				t.Fatalf("a body of %d bytes, limit %d", len(body), limit)
			}
			if !bytes.Equal(append(frame.Append(nil, body), rest...), buf) {
				t.Fatalf("%x and %x are not %x", body, rest, buf)
			}
			if _, _, err := frame.Next(buf[:len(buf)-len(rest)-1], limit); err != frame.ErrShort {
				t.Fatalf("without its last byte: %v", err)
			}
		case errors.Is(err, frame.ErrShort):
			if len(buf) >= frame.HeaderSize {
				if n, err := frame.Length(buf, limit); err != nil || n <= len(buf)-frame.HeaderSize {
					t.Fatalf("short, but the length is %d, %v, and %d bytes are there", n, err, len(buf))
				}
			}
		case errors.Is(err, frame.ErrEmpty), errors.Is(err, frame.ErrTooLarge):
			_, _, alone := frame.Next(buf[:frame.HeaderSize], limit)
			if errors.Is(alone, frame.ErrEmpty) != errors.Is(err, frame.ErrEmpty) || errors.Is(alone, frame.ErrTooLarge) != errors.Is(err, frame.ErrTooLarge) {
				t.Fatalf("the header alone: %v, the whole: %v", alone, err)
			}
		default:
			t.Fatal(err)
		}
	})
}

// FuzzLength checks that an accepted length is within its bounds and encodes to the same header.
func FuzzLength(f *testing.F) {
	seedStreams(f, func(b []byte) { f.Add(b, frame.DefaultLimit); f.Add(b, 32) })
	f.Fuzz(func(t *testing.T, header []byte, limit int) {
		n, err := frame.Length(header, limit)
		if err != nil {
			if n != 0 || !errors.Is(err, frame.ErrShort) && !errors.Is(err, frame.ErrEmpty) && !errors.Is(err, frame.ErrTooLarge) {
				t.Fatal(n, err)
			}
			return
		}
		if n < 1 || n > limit || !bytes.Equal(frame.AppendHeader(nil, n), header[:frame.HeaderSize]) {
			t.Fatalf("%x: %d, limit %d", header, n, limit)
		}
	})
}
