package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// halves is a Local of two connections, one for each direction.
type halves struct{ r, w net.Conn }

func (h halves) Read(b []byte) (int, error)         { return h.r.Read(b) }
func (h halves) Write(b []byte) (int, error)        { return h.w.Write(b) }
func (h halves) CloseWrite() error                  { return h.w.Close() }
func (h halves) SetReadDeadline(t time.Time) error  { return h.r.SetReadDeadline(t) }
func (h halves) SetWriteDeadline(t time.Time) error { return h.w.SetWriteDeadline(t) }
func (h halves) SetDeadline(t time.Time) error {
	return errors.Join(h.r.SetDeadline(t), h.w.SetDeadline(t))
}

// newHalves returns a Local, and the other end of it.
func newHalves() (local, other halves) {
	a, b := net.Pipe()
	c, d := net.Pipe()
	return halves{a, c}, halves{d, b}
}

// A world is two nodes that are connected, in a bubble.
type world struct {
	t          *testing.T
	net        *peertest.Network
	alice, bob *peertest.Node
}

func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		w := &world{t, net, net.Node("alice"), net.Node("bob")}
		net.Trust(w.alice, w.bob)
		net.Connect(w.alice, w.bob)
		test(t, w)
	})
}

// open opens a stream of alice to a name of bob and joins it to a Local, of which it returns the other end.
func (w *world) open(name string) (other halves, ended chan error) {
	w.t.Helper()
	return w.openUntil(w.t.Context(), name)
}

// openUntil is open for a stream that is given up when ctx ends.
func (w *world) openUntil(ctx context.Context, name string) (other halves, ended chan error) {
	w.t.Helper()
	s, err := Open(ctx, w.alice.Node, w.bob.PublicKey(), name, time.Minute)
	if err != nil {
		w.t.Fatal(err)
	}
	local, other := newHalves()
	ended = make(chan error, 1)
	go func() {
		_, err := s.Join(ctx, local)
		ended <- err
	}()
	return other, ended
}

// take has bob take a stream of a name and join it to a Local, of which it returns the other end.
func (w *world) take(name string, allow ...identity.PublicKey) (other halves, ended chan error) {
	w.t.Helper()
	taker, err := NewTaker(w.bob.Node, name, allow)
	if err != nil {
		w.t.Fatal(err)
	}
	local, other := newHalves()
	ended = make(chan error, 1)
	go func() {
		taken, err := taker.Take(w.t.Context())
		if err == nil {
			_, err = taken.Join(w.t.Context(), local)
		}
		ended <- err
	}()
	return other, ended
}

func TestTakenStreamCarriesBothWays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		bob, bobEnded := w.take("x")
		alice, aliceEnded := w.open("x")
		var both sync.WaitGroup
		for _, end := range []halves{alice, bob} {
			both.Go(func() {
				end.Write(want)
				end.CloseWrite()
			})
			both.Go(func() {
				if got, err := io.ReadAll(end); !bytes.Equal(got, want) || err != nil {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
			})
		}
		both.Wait()
		if a, b := <-aliceEnded, <-bobEnded; a != nil || b != nil {
			t.Errorf("it ended with %v and %v", a, b)
		}
	})
}

// TestTakerTakesOne: the name is free again once a stream is taken, and those that wait too get the answer for a name that is not there.
func TestTakerTakesOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_, bobEnded := w.take("x")
		_, aliceEnded := w.open("x")
		synctest.Wait()
		if _, err := Open(t.Context(), w.alice.Node, w.bob.PublicKey(), "x", time.Minute); !errors.Is(err, peernet.ErrNoHandler) {
			t.Errorf("the second gets %v", err)
		}
		if _, err := NewTaker(w.bob.Node, "x", nil); err != nil {
			t.Error(err)
		}
		if _, err := NewTaker(w.bob.Node, "x", nil); !errors.Is(err, ErrTaken) {
			t.Errorf("a name that is served: %v", err)
		}
		w.net.Partition([]*peertest.Node{w.bob}) // both ends find out
		if err := <-aliceEnded; !errors.Is(err, peernet.ErrLinkLost) {
			t.Errorf("alice: %v", err)
		}
		if err := <-bobEnded; !errors.Is(err, ErrBrokenOff) {
			t.Errorf("bob: %v", err)
		}
	})
}

func TestTakeIsForThoseAllowed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.take("theirs", w.bob.PublicKey())
		w.take("hers", w.alice.PublicKey())
		if _, err := Open(t.Context(), w.alice.Node, w.bob.PublicKey(), "theirs", time.Minute); !errors.Is(err, peernet.ErrNoHandler) {
			t.Errorf("not allowed: %v", err)
		}
		w.open("hers")
	})
}

// TestSmallWindowOfThePeer: a peer that takes 2 KiB at a time gets no more.
func TestSmallWindowOfThePeer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		total := 0
		err := peernet.HandleDuplex(w.bob.Node, "small", func(ctx context.Context, _ peernet.Caller, _ peernet.Raw, in *peernet.In[[]byte], _ *peernet.Out[[]byte]) error {
			for b, err := range in.All(ctx) {
				if err != nil {
					return err
				}
				total += len(b)
			}
			return nil
		}, peernet.HandleWindow(4<<10))
		if err != nil {
			t.Fatal(err)
		}
		alice, ended := w.open("small")
		go io.Copy(io.Discard, alice)
		alice.Write(make([]byte, 100_000))
		alice.CloseWrite()
		if err := <-ended; err != nil || total != 100_000 {
			t.Errorf("%d bytes arrived (%v)", total, err)
		}
	})
}

// TestPeerThatSendsNoBytes: what is not bytes ends the stream, and is not written.
func TestPeerThatSendsNoBytes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		err := peernet.HandleStream(w.bob.Node, "numbers", func(ctx context.Context, _ peernet.Caller, _ peernet.Raw, out *peernet.Out[int]) error {
			return out.Send(ctx, 1)
		})
		if err != nil {
			t.Fatal(err)
		}
		_, ended := w.open("numbers")
		if err := <-ended; !errors.Is(err, peernet.ErrBadArgs) {
			t.Error(err)
		}
	})
}

// TestPeerMayEndEarly: where the handler of the peer has returned nil, nothing more is read; it is an error only if something was
// not sent.
func TestPeerMayEndEarly(t *testing.T) {
	for _, write := range []bool{false, true} {
		inWorld(t, func(t *testing.T, w *world) {
			end := make(chan struct{})
			err := peernet.HandleDuplex(w.bob.Node, "early", func(context.Context, peernet.Caller, peernet.Raw, *peernet.In[[]byte], *peernet.Out[[]byte]) error {
				<-end
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			alice, ended := w.open("early")
			go io.Copy(io.Discard, alice)
			if write {
				go alice.Write(make([]byte, 10<<20)) // more than the peer takes ahead
			}
			synctest.Wait()
			close(end)
			if err := <-ended; errors.Is(err, peernet.ErrStreamOver) != write || !write && err != nil {
				t.Errorf("wrote %v: %v", write, err)
			}
			alice.r.Close()
			alice.w.Close()
		})
	}
}

// TestProgramsAtTheOtherEnd joins a stream to a net.Conn of a peer, which listens and which dials.
func TestProgramsAtTheOtherEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		l, err := w.bob.Listen("l")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(c, c)
			c.Close()
		}()
		alice, ended := w.open("l")
		go func() {
			alice.Write([]byte("hello"))
			alice.CloseWrite()
		}()
		if got, err := io.ReadAll(alice); string(got) != "hello" || err != nil || <-ended != nil {
			t.Errorf("got %q (%v)", got, err)
		}

		bob, bobEnded := w.take("t")
		c, err := w.alice.Dial(t.Context(), w.bob.PublicKey(), "t")
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("bye"))
		c.Close() // without an end of its own before
		if got, err := io.ReadAll(bob); string(got) != "bye" || err != nil {
			t.Errorf("got %q (%v)", got, err)
		}
		if err := <-bobEnded; err != nil {
			t.Errorf("bob: %v", err)
		}
	})
}

// TestReaderThatIsStuckEndsWithItsOpener: what nobody reads ends soon after the peer has given up the stream.
func TestReaderThatIsStuckEndsWithItsOpener(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_, bobEnded := w.take("x") // its Local is never read
		ctx, cancel := context.WithCancel(t.Context())
		alice, aliceEnded := w.openUntil(ctx, "x")
		go alice.Write(make([]byte, 10<<20))
		time.Sleep(time.Hour)
		begun := time.Now()
		cancel()
		if err := <-bobEnded; !errors.Is(err, ErrBrokenOff) || time.Since(begun) > 2*LeaveTime {
			t.Errorf("bob: %v, after %v", err, time.Since(begun))
		}
		<-aliceEnded
		alice.w.Close()
	})
}

// TestStoppedReaderStopsItsWriter: what the peer does not read is not read here either.
func TestStoppedReaderStopsItsWriter(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		bob, bobEnded := w.take("x")
		alice, aliceEnded := w.open("x")
		written := 0
		var writing sync.WaitGroup
		writing.Go(func() {
			for {
				n, err := alice.Write(make([]byte, 10_000))
				written += n
				if err != nil {
					return
				}
			}
		})
		synctest.Wait()
		time.Sleep(time.Minute)
		bob.r.Close() // the reader has gone, and never read
		bob.w.Close()
		if err := <-bobEnded; !errors.Is(err, ErrLocal) {
			t.Errorf("bob: %v", err)
		}
		if err := <-aliceEnded; !errors.Is(err, peernet.ErrFailed) {
			t.Errorf("alice: %v", err)
		}
		alice.w.Close()
		writing.Wait()
		if written > 1<<20 {
			t.Errorf("%d bytes were taken", written)
		}
	})
}

// TestOpenerThatGoesInTheMiddle gives up a stream whose other end has more to send, and waits for its own input: it has not ended well.
func TestOpenerThatGoesInTheMiddle(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		bob, bobEnded := w.take("x")
		ctx, cancel := context.WithCancel(t.Context())
		alice, aliceEnded := w.openUntil(ctx, "x")
		alice.w.Close()
		go bob.Write([]byte("the first half"))
		if _, err := io.ReadFull(alice, make([]byte, 14)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		if err := <-bobEnded; !errors.Is(err, ErrBrokenOff) {
			t.Errorf("bob: %v", err)
		}
		<-aliceEnded
	})
}
