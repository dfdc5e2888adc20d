package frame_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/internal/vectors"
)

// exactSizes are the sizes of message 1, native and from a BEAM node.
var exactSizes = []int{32, 38}

// message1s returns the frames of first handshake messages, native and BEAM.
func message1s(t testing.TB) (frames [][]byte) {
	t.Helper()
	for _, name := range []string{vectors.NoiseNative, vectors.NoiseBEAM} {
		for _, v := range vectors.Noise(t, name).Vectors {
			frames = append(frames, v.Messages[0].Frame)
		}
	}
	return frames
}

func TestReadExactTakesOneFrameAndNoMore(t *testing.T) {
	for way, wrap := range map[string]func(io.Reader) io.Reader{
		"whole":                func(r io.Reader) io.Reader { return r },
		"one byte at a time":   iotest.OneByteReader,
		"in halves":            iotest.HalfReader,
		"with the end at once": iotest.DataErrReader,
	} {
		for _, f := range message1s(t) {
			for _, following := range []string{"", "the next frame"} {
				source := bytes.NewReader(append(bytes.Clone(f), following...))
				b := bytes.Repeat([]byte{0xee}, 40)
				n, err := frame.ReadExact(wrap(source), b, exactSizes...)
				body := f[frame.HeaderSize:]
				if err != nil || n != len(body) || !bytes.Equal(b[:n], body) {
					t.Fatalf("%s: got %x, %v, want %x", way, b[:n], err, body)
				}
				if !bytes.Equal(b[n:], bytes.Repeat([]byte{0xee}, 40-n)) {
					t.Errorf("%s: something was written behind the body", way)
				}
				if way != "with the end at once" && source.Len() != len(following) { // DataErrReader reads ahead
					t.Errorf("%s: %d bytes are left, want %d", way, source.Len(), len(following))
				}
			}
		}
	}
}

// TestTruncatedExactFrameFails cuts the stream everywhere. A stream that ends between frames is told from one that ends
// inside of one.
func TestTruncatedExactFrameFails(t *testing.T) {
	broken := errors.New("broken")
	for _, f := range message1s(t) {
		for cut := range f {
			want := io.ErrUnexpectedEOF
			if cut == 0 {
				want = io.EOF
			}
			if n, err := frame.ReadExact(bytes.NewReader(f[:cut]), make([]byte, 40), exactSizes...); n != 0 || err != want {
				t.Errorf("%d of %d bytes: got %d, %v, want %v", cut, len(f), n, err, want)
			}
			r := io.MultiReader(bytes.NewReader(f[:cut]), iotest.ErrReader(broken))
			if n, err := frame.ReadExact(r, make([]byte, 40), exactSizes...); n != 0 || !errors.Is(err, broken) {
				t.Errorf("%d of %d bytes, then an error: got %d, %v", cut, len(f), n, err)
			}
		}
	}
}

func TestOtherSizesAreRefusedOnTheHeader(t *testing.T) {
	for _, announced := range []uint32{0, 1, 31, 33, 37, 39, 96, 1 << 20, 1<<31 + 32, 1<<32 - 1} {
		r := bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, announced), make([]byte, 100)...))
		n, err := frame.ReadExact(r, make([]byte, 40), exactSizes...)
		var size *frame.SizeError
		if n != 0 || !errors.As(err, &size) {
			t.Fatalf("%d: got %d, %v, want a SizeError", announced, n, err)
		}
		if size.Got != announced || !slices.Equal(size.Want, exactSizes) {
			t.Errorf("%d: the error says %d, want one of %d", announced, size.Got, size.Want)
		}
		if r.Len() != 100 {
			t.Errorf("%d: %d bytes of the body were read", announced, 100-r.Len())
		}
	}
}

func TestReadExactWithoutRoomPanics(t *testing.T) {
	f := message1s(t)[0]
	if !panics(func() { frame.ReadExact(bytes.NewReader(f), make([]byte, 37), exactSizes...) }) {
		t.Error("a buffer that is too small for one of the sizes")
	}
	if !panics(func() { frame.ReadExact(bytes.NewReader(f), make([]byte, 37)) }) {
		t.Error("no sizes")
	}
}

// FuzzReadExact checks that only a frame of a named size is taken, and that never more than it is read.
func FuzzReadExact(f *testing.F) {
	seedStreams(f, func(b []byte) { f.Add(b) })
	for _, b := range message1s(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		b := make([]byte, 38)
		n, err := frame.ReadExact(r, b, exactSizes...)
		read := len(stream) - r.Len()
		var size *frame.SizeError
		switch {
		case err == nil:
			if !slices.Contains(exactSizes, n) || !bytes.Equal(frame.Append(nil, b[:n]), stream[:read]) {
				t.Fatalf("%x was read as %x", stream[:read], b[:n])
			}
		case errors.As(err, &size):
			if read != frame.HeaderSize || slices.Contains(exactSizes, int(size.Got)) {
				t.Fatalf("%d bytes were read: %v", read, err)
			}
		case err == io.EOF:
			if len(stream) != 0 {
				t.Fatalf("a clean end after %d bytes", len(stream))
			}
		case err == io.ErrUnexpectedEOF:
			if read != len(stream) || read >= frame.HeaderSize+38 {
				t.Fatalf("cut after %d bytes of %d", read, len(stream))
			}
		default:
			t.Fatal(err)
		}
	})
}
