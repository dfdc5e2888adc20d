package frame_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

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

func TestReadExactReadsExactlyOneFrame(t *testing.T) {
	for way, wrap := range map[string]func(io.Reader) io.Reader{
		"whole":                func(r io.Reader) io.Reader { return r },
		"one byte at a time":   iotest.OneByteReader,
		"in halves":            iotest.HalfReader,
		"with the end at once": iotest.DataErrReader,
	} {
		for _, f := range message1s(t) {
			for _, following := range []string{"", "the next frame"} {
				source := bytes.NewReader(append(bytes.Clone(f), following...))
				want := f[frame.HeaderSize:]
				b := bytes.Repeat([]byte{0xee}, 40)
				err := frame.ReadExact(wrap(source), b[:len(want)])
				if got := b[:len(want)]; err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%s: got %x, %v, want %x", way, got, err, want)
				}
				if !bytes.Equal(b[len(want):], bytes.Repeat([]byte{0xee}, 40-len(want))) {
					t.Errorf("%s: something was written after the body", way)
				}
				if way != "with the end at once" && source.Len() != len(following) { // DataErrReader reads ahead
					t.Errorf("%s: %d bytes are left, want %d", way, source.Len(), len(following))
				}
			}
		}
	}
}

// TestTruncatedExactFrameFails cuts the stream everywhere. A stream that ends between frames gives another error than
// one that ends inside a frame.
func TestTruncatedExactFrameFails(t *testing.T) {
	broken := errors.New("broken")
	for _, f := range message1s(t) {
		for cut := range f {
			want := io.ErrUnexpectedEOF
			if cut == 0 {
				want = io.EOF
			}
			body := make([]byte, len(f)-frame.HeaderSize)
			if err := frame.ReadExact(bytes.NewReader(f[:cut]), body); err != want {
				t.Errorf("%d of %d bytes: got %v, want %v", cut, len(f), err, want)
			}
			r := io.MultiReader(bytes.NewReader(f[:cut]), iotest.ErrReader(broken))
			if err := frame.ReadExact(r, body); !errors.Is(err, broken) {
				t.Errorf("%d of %d bytes, then an error: got %v", cut, len(f), err)
			}
		}
	}
}

func TestOtherSizesAreRefusedOnTheHeader(t *testing.T) {
	for _, due := range []int{32, 38} {
		for _, announced := range []uint32{0, 1, 31, 33, 37, 39, 96, 1 << 20, 1<<31 + 32, 1<<32 - 1, uint32(70 - due)} {
			r := bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, announced), make([]byte, 100)...))
			err := frame.ReadExact(r, make([]byte, due))
			var size *frame.SizeError
			if !errors.As(err, &size) {
				t.Fatalf("%d: got %v, want a SizeError", announced, err)
			}
			if size.Got != announced || size.Want != due {
				t.Errorf("%d: the error says %d, want %d", announced, size.Got, size.Want)
			}
			if r.Len() != 100 {
				t.Errorf("%d: %d bytes of the body were read", announced, 100-r.Len())
			}
		}
	}
}

// FuzzReadExact checks that only a frame of the size that is due is taken, and that no byte after it is read.
func FuzzReadExact(f *testing.F) {
	seedStreams(f, func(b []byte) { f.Add(b) })
	for _, b := range message1s(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		for _, due := range []int{32, 38} {
			checkReadExact(t, stream, due)
		}
	})
}

// checkReadExact reads one frame with a body of due bytes from stream, and fails the test if ReadExact breaks a
// promise.
func checkReadExact(t *testing.T, stream []byte, due int) {
	t.Helper()
	r := bytes.NewReader(stream)
	b := make([]byte, due)
	err := frame.ReadExact(r, b)
	read := len(stream) - r.Len()
	var size *frame.SizeError
	switch {
	case err == nil:
		if !bytes.Equal(frame.Append(nil, b), stream[:read]) {
			t.Fatalf("%x was read as %x", stream[:read], b)
		}
	case errors.As(err, &size):
		if read != frame.HeaderSize || int64(size.Got) == int64(due) {
			t.Fatalf("%d bytes were read: %v", read, err)
		}
	case err == io.EOF:
		if len(stream) != 0 {
			t.Fatalf("a clean end after %d bytes", len(stream))
		}
	case err == io.ErrUnexpectedEOF:
		if read != len(stream) || read >= frame.HeaderSize+due {
			t.Fatalf("cut after %d bytes of %d", read, len(stream))
		}
	default:
		t.Fatal(err)
	}
}
