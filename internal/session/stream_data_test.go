package session

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// TestLargeValuesKeepTheirPlace among what comes in the same read: values of all sizes, the end, and what only the actor may handle.
// What was read stays as it came, whichever side releases it and whatever arrives later.
func TestLargeValuesKeepTheirPlace(t *testing.T) {
	for name, releases := range map[string]int{"kept": 0, "released at once": 1, "released later": 20} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				taken := make(chan *Stream, 1)
				e, r := w.open(handshake.Responder, w.streaming(taken), func(c *Config) { c.StreamBytes = 1 << 30 })
				r.say(aStream(1, "take", 100, nil))
				r.want(aCredit(ofOurs(1), testWindow))
				s := <-taken
				s.mu.Lock()
				s.in.granted += 10 << 20 // the window is not what is tested
				s.in.window += 10 << 20
				s.mu.Unlock()
				e.link.counters.ReserveStream(10<<20, 1<<30)
				if releases > 0 {
					s.ReleasesValues()
				}
				var plain [][]byte
				sizes := []int{10, 20_000, 32_000, 5000, 100, 32_000, 31_000, 17_000, 3, 9000}
				for i, n := range sizes {
					plain = append(plain, aData(ofPeer(1), bytes.Repeat([]byte{byte(i + 1)}, n)))
					switch i {
					case 4:
						plain = append(plain, envelope.AppendCancel(nil, 77))
					case 6:
						plain = append(plain, aSend("x", make([]byte, 20_000)))
					}
				}
				plain = append(plain, anEnd(ofPeer(1)))
				type got struct {
					value Value
					bytes []byte
				}
				var held []got
				for range 3 { // the last read meets what was released
					r.say(plain[:len(plain)-1]...)
					for i, n := range sizes {
						v, err := s.RecvValue(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						held = append(held, got{v, bytes.Repeat([]byte{byte(i + 1)}, n)})
						for len(held) >= max(releases, 1) {
							got, err := envelope.NewRaw(envelope.Msgpack, held[0].value.Bytes()).Binary()
							if err != nil || !bytes.Equal(got, held[0].bytes) {
								t.Fatalf("value %d has %d bytes that begin with %.10x, %v", i, len(got), got, err)
							}
							if releases > 0 {
								held[0].value.Release()
							}
							held = held[1:]
						}
					}
				}
				r.say(plain[len(plain)-1])
				synctest.Wait()
				if _, err := s.RecvValue(t.Context()); err != io.EOF {
					t.Errorf("at the end: %v", err)
				}
			})
		})
	}
}

// TestBufferOfValuesIsGivenBack once something else comes, or nothing. A reader has one only behind a value that is released.
func TestBufferOfValuesIsGivenBack(t *testing.T) {
	for _, c := range []struct {
		name     string
		releases bool
		plain    [][]byte
		shrinks  bool
		want     bool
	}{
		{"a value", true, [][]byte{aData(ofPeer(1), make([]byte, 30_000))}, false, true},
		{"a value that is kept", false, [][]byte{aData(ofPeer(1), make([]byte, 30_000))}, false, false},
		{"a small value", true, [][]byte{aData(ofPeer(1), make([]byte, 10_000))}, false, false},
		{"two values", true, [][]byte{aData(ofPeer(1), make([]byte, 30_000)), aData(ofPeer(1), make([]byte, 30_000))}, false, true},
		{"a send behind it", true, [][]byte{aData(ofPeer(1), make([]byte, 30_000)), aSend("x", make([]byte, 10_000))}, false, false},
		{"silence", true, [][]byte{aData(ofPeer(1), make([]byte, 30_000))}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, s := dataTarget(t, c.releases)
			s.in.granted += 1 << 20 // the window is not what is tested
			s.in.window += 1 << 20
			r = newReader(r.Link, channel.NewCipherState([32]byte{1}), nil)
			send := channel.NewCipherState([32]byte{1})
			r.buf = newBuffer(busyRead)
			for _, p := range c.plain {
				r.buf.b = must(send.Seal(frame.AppendHeader(r.buf.b, len(p)+channel.Overhead), p))
			}
			b, err := r.decode()
			if err != nil {
				t.Fatal(err)
			}
			r.giveBack(b)
			if c.shrinks {
				r.shrink()
			}
			if got := r.values != nil; got != c.want {
				t.Errorf("the reader has a buffer of values: %v, want %v", got, c.want)
			}
		})
	}
}

// dataTarget returns a reader whose session has one stream of the peer's, and the stream. releases says that its values are released.
func dataTarget(t testing.TB, releases bool) (*reader, *Stream) {
	l := bareLink()
	l.config.StreamBytes = 1 << 20
	l.direct.Store(true)
	s := l.ServeStream(1, testWindow).(*Stream)
	if err := s.Begin(4 * testWindow); err != nil {
		t.Fatal(err)
	}
	if releases {
		s.ReleasesValues()
	}
	return &reader{Link: l}, s
}

// FuzzTakeData has a peer say anything to the decoder of values that lie in the read buffer. It takes what the decoder of all
// envelopes takes, faults the same, and leaves the same values, whatever becomes of the read buffer.
func FuzzTakeData(f *testing.F) {
	good, hostile := envelopes(f)
	for _, v := range append(append(good, hostile...), streamEnvelopes(f)...) {
		f.Add(v.plain, false)
		f.Add(v.plain, true)
	}
	for _, id := range []envelope.StreamID{ofPeer(1), ofPeer(2), ofOurs(1)} {
		for _, n := range []int{10, valueBytes / 2, valueBytes - 100, 4 * testWindow, 4*testWindow + 1} {
			f.Add(aData(id, bytesOf(n)), true)
		}
		f.Add(aCredit(id, 5), true)
		f.Add(anEnd(id), true)
	}
	f.Fuzz(func(t *testing.T, plain []byte, releases bool) {
		if len(plain) > 100_000 {
			t.Skip("larger ones only make the fuzzer slow")
		}
		quick, got := dataTarget(t, releases)
		said := bytes.Clone(plain)
		taken, err := quick.takeData(&batch{}, said)
		for i := range said {
			said[i] = 0xc1 // the next read
		}
		if !taken {
			if err != nil || bytes.HasPrefix(plain, dataPrefix) {
				t.Fatalf("not taken: %v", err)
			}
			return
		}
		usual, want := dataTarget(t, false)
		var e envelope.Envelope
		wantErr := envelope.Msgpack.Parse(plain, &e)
		if wantErr == nil {
			wantErr = usual.handleStream(&e)
		}
		if (err == nil) != (wantErr == nil) || errors.Is(wantErr, errBeyondCredit) != errors.Is(err, errBeyondCredit) {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if got.in.granted != want.in.granted || got.in.values.size != want.in.values.size {
			t.Fatalf("%d bytes of credit and %d of values, want %d and %d", got.in.granted, got.in.values.size, want.in.granted, want.in.values.size)
		}
		a, _ := got.in.values.pop()
		if b, _ := want.in.values.pop(); !bytes.Equal(a.b, b.b) {
			t.Fatalf("the value is %x, want %x", a.b, b.b)
		}
		if a.Release(); quick.part.Args != nil {
			t.Fatal("the reader keeps what lies in the read buffer")
		}
	})
}
