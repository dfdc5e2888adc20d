package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// dialled returns what makes the two ends of streams of bytes, of which a dials b.
func dialled(tb testing.TB, a, b *peernet.Node, name string) func() (c1, c2 net.Conn, stop func(), err error) {
	tb.Helper()
	l, err := b.Listen(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return func() (c1, c2 net.Conn, stop func(), err error) {
		accepted := make(chan net.Conn, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				tb.Error(err)
			}
			accepted <- c
		}()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if c1, err = a.Dial(ctx, b.PublicKey(), name); err != nil {
			return nil, nil, nil, err
		}
		c2 = <-accepted
		return c1, c2, func() { _, _ = c1.Close(), c2.Close() }, nil
	}
}

// TestConnIsANetConn runs the tests of package nettest, with either end as the first.
func TestConnIsANetConn(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	pipe := dialled(t, a, b, "bytes")
	t.Run("dialled", func(t *testing.T) { nettest.TestConn(t, pipe) })
	t.Run("accepted", func(t *testing.T) {
		nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
			c2, c1, stop, err = pipe()
			return c1, c2, stop, err
		})
	})
}

func TestConnKnowsItsEnds(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		c1, c2, stop, err := dialled(t, s.hub, s.others[0], "bytes")()
		if err != nil {
			t.Fatal(err)
		}
		hub, other := peernet.Addr{Key: s.hub.PublicKey()}, peernet.Addr{Key: s.keys[0]}
		if c1.LocalAddr() != hub || c1.RemoteAddr() != other || c2.LocalAddr() != other || c2.RemoteAddr() != hub {
			t.Errorf("%v to %v, %v to %v", c1.LocalAddr(), c1.RemoteAddr(), c2.LocalAddr(), c2.RemoteAddr())
		}
		if hub.Network() != "peernet" || hub.String() != hub.Key.String() {
			t.Errorf("%s %s", hub.Network(), hub)
		}
		stop()
		nothingLeft(t, s)
	})
}

// TestCloseDeliversWhatWasWritten: from either end, and then the end.
func TestCloseDeliversWhatWasWritten(t *testing.T) {
	for _, dialler := range []bool{true, false} {
		starOf(t, 1, func(t *testing.T, s *star) {
			from, to, _, err := dialled(t, s.hub, s.others[0], "bytes")()
			if err != nil {
				t.Fatal(err)
			}
			if !dialler {
				from, to = to, from
			}
			if _, err := from.Write(make([]byte, 30_000)); err != nil {
				t.Fatal(err)
			}
			if err := from.Close(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if b, err := io.ReadAll(to); err != nil || len(b) != 30_000 {
				t.Errorf("%d bytes came, %v", len(b), err)
			}
			if _, err := to.Write([]byte("x")); err == nil {
				t.Error("the other end can write")
			}
			if err := to.Close(); err != nil {
				t.Error(err)
			}
			if err := to.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed twice: %v", err)
			}
			nothingLeft(t, s)
		})
	}
}

func TestCloseWriteEndsOneDirection(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		c1, c2, stop, err := dialled(t, s.hub, s.others[0], "bytes")()
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		for i, end := range [][2]net.Conn{{c1, c2}, {c2, c1}} {
			from, to := end[0], end[1]
			if _, err := from.Write([]byte("the end")); err != nil {
				t.Fatal(err)
			}
			if err := from.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(to); err != nil || string(b) != "the end" {
				t.Errorf("%d: %q, %v", i, b, err)
			}
			if _, err := from.Write([]byte("x")); err == nil {
				t.Error("written after CloseWrite")
			}
		}
	})
}

func TestListenerThatClosesAnswers(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		l, err := s.others[0].Listen("web")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.others[0].Listen("web"); !errors.Is(err, peernet.ErrTaken) {
			t.Errorf("listened twice: %v", err)
		}
		failed := make(chan error, 1)
		go func() {
			_, err := s.hub.Dial(t.Context(), s.keys[0], "web")
			failed <- err
		}()
		time.Sleep(time.Second)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; !errors.Is(err, peernet.ErrNoHandler) {
			t.Errorf("not accepted: %v", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept: %v", err)
		}
		if _, err := s.hub.Dial(t.Context(), s.keys[0], "web"); !errors.Is(err, peernet.ErrNoHandler) {
			t.Errorf("dialled: %v", err)
		}
		nothingLeft(t, s)
	})
}

// TestListenersOfOneNodeAreIndependent: each may be closed and opened while the others, and what it has accepted, go on.
func TestListenersOfOneNodeAreIndependent(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		open := func(name string) net.Listener {
			l, err := s.others[0].Listen(name)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer c.Close()
						fmt.Fprint(c, name)
						io.Copy(c, c)
					}()
				}
			}()
			return l
		}
		dial := func(name string) net.Conn {
			t.Helper()
			c, err := s.hub.Dial(t.Context(), s.keys[0], name)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		says := func(c net.Conn, want string) {
			t.Helper()
			b := make([]byte, len(want))
			if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
				t.Errorf("%q, %v, want %q", b, err, want)
			}
		}
		web, shell := open("web"), open("shell")
		first, other := dial("web"), dial("shell")
		says(first, "web")
		says(other, "shell")
		for range 3 {
			if err := web.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.hub.Dial(t.Context(), s.keys[0], "web"); !errors.Is(err, peernet.ErrNoHandler) {
				t.Errorf("dialled where nobody listens: %v", err)
			}
			for _, c := range []net.Conn{first, other} {
				fmt.Fprint(c, "on")
				says(c, "on")
			}
			web = open("web")
			c := dial("web")
			says(c, "web")
			c.Close()
		}
		for _, c := range []io.Closer{first, other, web, shell} {
			c.Close()
		}
		nothingLeft(t, s)
	})
}

// TestDialsContextBoundsTheDialAlone: it ends before anything was read, and one that is not accepted ends with it.
func TestDialsContextBoundsTheDialAlone(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		l, err := s.others[0].Listen("web")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.hub.Dial(ctx, s.keys[0], "web"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("not accepted: %v", err)
		}
		synctest.Wait() // until the listener knows
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		accepted := make(chan net.Conn, 1)
		go func() {
			c, _ := l.Accept()
			accepted <- c
		}()
		c, err := s.hub.Dial(ctx, s.keys[0], "web")
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(24 * time.Hour) // longer than any timeout
		other := <-accepted
		if _, err := other.Write([]byte("late")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		if n, err := c.Read(b); err != nil || string(b[:n]) != "late" {
			t.Errorf("%q, %v", b[:n], err)
		}
		if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		_, _ = c.Close(), other.Close()
		nothingLeft(t, s)
	})
}

// TestDeadlineThatIsTakenBack: a Read or Write that it has woken says that it has passed. No other error is one to go on after.
func TestDeadlineThatIsTakenBack(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		c1, c2, stop, err := dialled(t, s.hub, s.others[0], "bytes")()
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		_ = c2 // neither reads nor writes
		failed := make(chan error, 2)
		for range 100 {
			go func() {
				_, err := c1.Read(make([]byte, 1))
				failed <- err
			}()
			go func() {
				_, err := c1.Write(make([]byte, 1<<20))
				failed <- err
			}()
			synctest.Wait()
			for _, by := range []time.Time{time.Unix(1, 0), {}} {
				if err := c1.SetDeadline(by); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestConnThatIsClosedOrLateWritesNothing: not even nothing.
func TestConnThatIsClosedOrLateWritesNothing(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		c, _, stop, err := dialled(t, s.hub, s.others[0], "bytes")()
		if err != nil {
			t.Fatal(err)
		}
		if n, err := c.Write(nil); n != 0 || err != nil {
			t.Errorf("in time: %d, %v", n, err)
		}
		if err := c.SetWriteDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("late: %v", err)
		}
		stop()
		if _, err := c.Write(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("CloseWrite: %v", err)
		}
		nothingLeft(t, s)
	})
}

// TestEmptyValuesDoNotKeepAReadBeyondItsDeadline: a peer may send a binary of no bytes, as many as its credit allows.
func TestEmptyValuesDoNotKeepAReadBeyondItsDeadline(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		l, err := s.others[0].Listen("bytes")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		accepted := make(chan net.Conn, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
			}
			accepted <- c
		}()
		raw, err := peernet.OpenStream[[]byte, []byte](t.Context(), s.hub, s.keys[0], "bytes", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		c := <-accepted
		defer c.Close()
		for range 1000 {
			if err := raw.Send(t.Context(), []byte{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := raw.Send(t.Context(), []byte("x")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_ = c.SetReadDeadline(time.Unix(1, 0))
		b := make([]byte, 10)
		if n, err := c.Read(b); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("past the deadline: %d bytes, %v", n, err)
		}
		_ = c.SetReadDeadline(time.Time{})
		if n, err := c.Read(b); string(b[:n]) != "x" || err != nil {
			t.Errorf("without one: %q, %v", b[:n], err)
		}
	})
}

// TestLinkThatStallsIsNoTimeout: a loop that goes on after timeouts would spin for ever.
func TestLinkThatStallsIsNoTimeout(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		n := s.node(func(c *peernet.Config) { c.Timing.Stall = 3 * time.Second }) // before a ping is missed
		pair(t, n, s.others[0])
		connect(t, n, s.others[0])
		c, _, stop, err := dialled(t, n, s.others[0], "bytes")()
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		s.net.Cut(s.hosts[1], s.hosts[2])
		if _, err := n.Call(t.Context(), s.keys[0], "large", make([]byte, 500_000)); err == nil { // more than the connection takes
			t.Error("a call was answered")
		}
		for op, do := range map[string]func([]byte) (int, error){"read": c.Read, "write": c.Write} {
			_, err := do(make([]byte, 1))
			ne, ok := errors.AsType[net.Error](err)
			if !errors.Is(err, peernet.ErrLinkLost) || errors.Is(err, os.ErrDeadlineExceeded) || !ok || ne.Timeout() {
				t.Errorf("%s: %v", op, err)
			}
		}
	})
}
