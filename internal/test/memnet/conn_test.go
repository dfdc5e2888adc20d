package memnet

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// weathers are conditions under which every stream must carry its bytes.
var weathers = []struct {
	name string
	set  func(n *Network)
}{
	{"Direct", func(*Network) {}},
	{"Delay", func(n *Network) { n.SetDelay(10*time.Millisecond, 0) }},
	{"Jitter", func(n *Network) { n.SetDelay(time.Millisecond, 20*time.Millisecond) }},
	{"ChunkedReads", func(n *Network) { n.SetTrickle(100, 0) }},
	{"Trickle", func(n *Network) { n.SetTrickle(1000, time.Millisecond) }},
	{"TrickleWithJitter", func(n *Network) {
		n.SetTrickle(1000, time.Millisecond)
		n.SetDelay(5*time.Millisecond, 5*time.Millisecond)
	}},
	{"TamperThatChangesNothing", func(n *Network) { n.SetTamper(noTamper) }},
}

func TestBytesArriveUnchangedBothWaysAtOnce(t *testing.T) {
	for _, w := range weathers {
		t.Run(w.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *Network, a, b *Host) {
				w.set(n)
				x, y := connect(t, a, b)
				var wg sync.WaitGroup
				for i, ends := range [][2]*Conn{{x, y}, {y, x}} {
					data := make([]byte, 3*windowSize+i)
					r := rand.New(rand.NewPCG(uint64(i), 0))
					for j := range data {
						data[j] = byte(r.Uint32())
					}
					wg.Go(func() {
						for rest := data; len(rest) > 0; {
							k, err := ends[0].Write(rest[:min(len(rest), 1+r.IntN(5000))])
							if err != nil {
								t.Error(err)
								return
							}
							rest = rest[k:]
						}
						if err := ends[0].CloseWrite(); err != nil {
							t.Error(err)
						}
					})
					wg.Go(func() {
						got, err := io.ReadAll(ends[1])
						if err != nil || sha256.Sum256(got) != sha256.Sum256(data) {
							t.Errorf("read %d bytes that differ from %d, %v", len(got), len(data), err)
						}
					})
				}
				wg.Wait()
			})
		})
	}
}

func TestConcurrentReadersAndWritersShareAStream(t *testing.T) {
	for _, w := range weathers {
		t.Run(w.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *Network, a, b *Host) {
				w.set(n)
				x, y := connect(t, a, b)
				const writers, each = 8, 20_000
				var wg, rg sync.WaitGroup
				for i := range writers {
					wg.Go(func() {
						if _, err := x.Write(bytes.Repeat([]byte{byte(i)}, each)); err != nil {
							t.Error(err)
						}
					})
				}
				var mu sync.Mutex
				counts := make(map[byte]int)
				for range 4 {
					rg.Go(func() {
						buf := make([]byte, 777)
						for {
							_ = y.SetReadDeadline(time.Now().Add(time.Millisecond))
							k, err := y.Read(buf)
							mu.Lock()
							for _, c := range buf[:k] {
								counts[c]++
							}
							mu.Unlock()
							if err == io.EOF {
								return
							}
							if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
								t.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				wantNil(t, x.CloseWrite())
				rg.Wait()
				for i := range writers {
					if counts[byte(i)] != each {
						t.Errorf("%d bytes of writer %d arrived, want %d", counts[byte(i)], i, each)
					}
				}
			})
		})
	}
}

func TestAWriteIsNotMixedWithAnother(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				if _, err := x.Write(bytes.Repeat([]byte{byte(i)}, 2*windowSize)); err != nil {
					t.Error(err)
				}
			})
		}
		got := make([]byte, 3*2*windowSize)
		_, err := io.ReadFull(y, got)
		wantNil(t, err)
		wg.Wait()
		for i := range 3 {
			part := got[i*2*windowSize:][:2*windowSize]
			if !bytes.Equal(part, bytes.Repeat(part[:1], len(part))) {
				t.Errorf("part %d mixes two writes", i)
			}
		}
	})
}

func TestWriterWaitsForTheReaderAfterOneWindow(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Second} {
		bubble(t, func(t *testing.T, n *Network, a, b *Host) {
			n.SetDelay(delay, 0)
			x, y := connect(t, a, b)
			wantNil(t, x.SetWriteDeadline(time.Now().Add(time.Minute)))
			k, err := x.Write(make([]byte, windowSize+1))
			if k != windowSize || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("Write = %d, %v, want %d and a timeout", k, err, windowSize)
			}
			wantNil(t, x.SetWriteDeadline(time.Time{}))
			done := make(chan error)
			go func() {
				_, err := x.Write(make([]byte, 10))
				done <- err
			}()
			synctest.Wait()
			wantRead(t, y, string(make([]byte, 9)))
			synctest.Wait()
			select {
			case <-done:
				t.Fatal("10 bytes were written into room for 9")
			default:
			}
			wantRead(t, y, "\x00")
			wantNil(t, <-done)
		})
	}
}

func TestCloseEndsAWaitingWrite(t *testing.T) {
	for _, c := range []struct {
		name  string
		close func(x, y *Conn) error
		want  error
	}{
		{"Own", func(x, _ *Conn) error { return x.Close() }, net.ErrClosed},
		{"OwnHalf", func(x, _ *Conn) error { return x.CloseWrite() }, syscall.EPIPE},
		{"Peer", func(_, y *Conn) error { return y.Close() }, syscall.ECONNRESET},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *Network, a, b *Host) {
				x, y := connect(t, a, b)
				var wg sync.WaitGroup
				for range 2 { // the second waits for its turn
					wg.Go(func() {
						if _, err := x.Write(make([]byte, 2*windowSize)); !errors.Is(err, c.want) {
							t.Errorf("Write: %v, want %v", err, c.want)
						}
					})
				}
				synctest.Wait()
				wantNil(t, c.close(x, y))
				wg.Wait()
			})
		})
	}
}

func TestDeadlines(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		waits := func(f func()) time.Duration { return since(f) }
		readFails := func() { wantReadError(t, y, os.ErrDeadlineExceeded) }

		wantNil(t, y.SetReadDeadline(time.Now().Add(time.Second)))
		if d := waits(readFails); d != time.Second {
			t.Errorf("Read waited for %v, want 1s", d)
		}
		if d := waits(readFails); d != 0 {
			t.Errorf("Read after the deadline waited for %v", d)
		}

		// Later ones replace it, in both directions and while a read waits.
		wantNil(t, y.SetReadDeadline(time.Now().Add(time.Hour)))
		wantNil(t, y.SetReadDeadline(time.Now().Add(2*time.Hour)))
		if d := waits(readFails); d != 2*time.Hour {
			t.Errorf("Read waited for %v, want 2h", d)
		}
		wantNil(t, y.SetReadDeadline(time.Now().Add(time.Hour)))
		wantNil(t, y.SetReadDeadline(time.Now().Add(time.Minute)))
		if d := waits(readFails); d != time.Minute {
			t.Errorf("Read waited for %v, want 1m", d)
		}
		wantNil(t, y.SetReadDeadline(time.Time{}))
		time.AfterFunc(time.Second, func() { _ = y.SetReadDeadline(time.Unix(1, 0)) })
		if d := waits(readFails); d != time.Second {
			t.Errorf("Read waited for %v, want 1s", d)
		}

		// One that is taken back does not fire.
		wantNil(t, y.SetReadDeadline(time.Now().Add(time.Second)))
		wantNil(t, y.SetReadDeadline(time.Time{}))
		time.AfterFunc(time.Hour, func() { _, _ = x.Write([]byte("late")) })
		wantRead(t, y, "late")

		// The other direction is not touched.
		wantNil(t, y.SetReadDeadline(time.Unix(1, 0)))
		write(t, y, "out")
		wantRead(t, x, "out")
	})
}

func TestErrorsOfAConnNameItsEnds(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, _ := connect(t, a, b)
		wantNil(t, x.SetReadDeadline(time.Unix(1, 0)))
		_, err := x.Read(make([]byte, 1))
		var oe *net.OpError
		if !errors.As(err, &oe) || oe.Op != "read" || oe.Source != x.LocalAddr() || oe.Addr != x.RemoteAddr() || !oe.Timeout() {
			t.Fatalf("Read: %#v, want an OpError with both ends that is a timeout", err)
		}
	})
}

func TestResetDestroysWhatWasNotRead(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		write(t, y, "unread")
		write(t, x, "bye")
		wantNil(t, x.Close())
		wantReadError(t, y, syscall.ECONNRESET)
		wantWriteError(t, y, syscall.ECONNRESET)
		if err := y.CloseWrite(); !errors.Is(err, syscall.ENOTCONN) {
			t.Errorf("CloseWrite: %v, want ENOTCONN", err)
		}
	})
}

func TestBytesThatReachAClosedEndResetTheirSender(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		n.SetDelay(time.Second, 0)
		x, y := connect(t, a, b)
		write(t, y, "on its way")
		wantNil(t, x.Close()) // nothing unread yet: the end travels, for a second
		write(t, y, "on its way too")
		wantReadError(t, y, io.EOF)
		write(t, y, "the reset arrives a second later")
		pass(time.Second)
		wantWriteError(t, y, syscall.EPIPE)
		wantReadError(t, y, io.EOF)
	})
}
