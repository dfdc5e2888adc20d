package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// count is a stream handler that sends as many numbers as it is asked for.
func count(ctx context.Context, _ peernet.Caller, n int, out *peernet.Out[int]) error {
	for i := range n {
		if err := out.Send(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func handleStream[A, R any](tb testing.TB, n *peernet.Node, name string, f func(context.Context, peernet.Caller, A, *peernet.Out[R]) error, opts ...peernet.HandleOption) {
	tb.Helper()
	if err := peernet.HandleStream(n, name, f, opts...); err != nil {
		tb.Fatal(err)
	}
}

func TestStreamYieldsAllInOrder(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		handleStream(t, s.others[0], "count", count)
		for _, n := range []int{0, 1, 2, 1000, 100_000} {
			next := 0
			for i, err := range peernet.CallStream[int](t.Context(), s.hub, s.keys[0], "count", n) {
				if err != nil || i != next {
					t.Fatalf("%d: %v, want %d", i, err, next)
				}
				next++
			}
			if next != n {
				t.Errorf("%d of %d came", next, n)
			}
		}
		nothingLeft(t, s)
	})
}

// nothingLeft fails unless no stream, and nothing of one, is left at any node.
func nothingLeft(t *testing.T, s *star) {
	t.Helper()
	synctest.Wait()
	for i, n := range append([]*peernet.Node{s.hub}, s.others...) {
		total := n.Stats().Total
		if total.CallsIn.InFlight != 0 || total.CallsOut.InFlight != 0 || total.QueuedIn != 0 || total.QueuedOut != 0 || total.StreamBytes != 0 {
			t.Errorf("node %d: %+v", i, total)
		}
	}
}

func TestStreamThatFailsTellsAtTheEnd(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		handleStream(t, s.others[0], "some", func(ctx context.Context, from peernet.Caller, n int, out *peernet.Out[int]) error {
			if err := count(ctx, from, n, out); err != nil {
				return err
			}
			return peernet.NewError("no_more", "that was all", 7)
		})
		var got []any
		for i, err := range peernet.CallStream[int](t.Context(), s.hub, s.keys[0], "some", 2) {
			if err != nil {
				data, _ := peernet.ErrorData[int](err)
				got = append(got, peernet.CodeOf(err), data, peernet.Sent(err))
			} else {
				got = append(got, i)
			}
		}
		if want := "[0 1 no_more 7 true]"; fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
		nothingLeft(t, s)
	})
}

func TestLoopThatBreaksOffCancels(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		ended := make(chan error, 1)
		handleStream(t, s.others[0], "endless", func(ctx context.Context, _ peernet.Caller, _ any, out *peernet.Out[int]) error {
			for {
				if err := out.Send(ctx, 1); err != nil {
					ended <- err
					return err
				}
			}
		})
		n := 0
		for _, err := range peernet.CallStream[int](t.Context(), s.hub, s.keys[0], "endless", nil) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 10 {
				break
			}
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the handler ended with %v", err)
		}
		nothingLeft(t, s)
	})
}

func TestContextBoundsAStream(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		handleStream(t, s.others[0], "silent", func(ctx context.Context, _ peernet.Caller, _ any, _ *peernet.Out[int]) error {
			if d, ok := ctx.Deadline(); !ok || time.Until(d) > time.Minute {
				t.Errorf("the handler's deadline is %v, %v", d, ok)
			}
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var last error
		for _, err := range peernet.CallStream[int](ctx, s.hub, s.keys[0], "silent", nil) {
			last = err
		}
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("ended with %v", last)
		}
		nothingLeft(t, s)
	})
}

// sum answers each number with the sum so far, and the end of numbers with the whole once more.
func sum(ctx context.Context, _ peernet.Caller, _ any, in *peernet.In[int], out *peernet.Out[string]) error {
	total := 0
	for n, err := range in.All(ctx) {
		if err != nil {
			return err
		}
		total += n
		if err := out.Send(ctx, fmt.Sprint(total)); err != nil {
			return err
		}
	}
	return out.Send(ctx, fmt.Sprintf("total %d", total))
}

func TestDuplexStreamHalfCloses(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		if err := peernet.HandleDuplex(s.others[0], "sum", sum); err != nil {
			t.Fatal(err)
		}
		st, err := peernet.OpenStream[int, string](t.Context(), s.hub, s.keys[0], "sum", nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range 4 {
			if err := st.Send(t.Context(), i); err != nil {
				t.Fatal(err)
			}
			v, err := st.Recv(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, v)
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := st.Recv(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a receive with a time limit: %v", err)
		}
		if err := st.CloseSend(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := st.Send(t.Context(), 1); err == nil {
			t.Error("a value can be sent after CloseSend")
		}
		v, err := st.Recv(t.Context())
		got = append(got, v)
		if _, eof := st.Recv(t.Context()); err != nil || eof != io.EOF {
			t.Errorf("%v, then %v", err, eof)
		}
		if err := st.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if want := "0 1 3 6 total 6"; strings.Join(got, " ") != want || st.Peer() != s.keys[0] {
			t.Errorf("%q, want %s", got, want)
		}
		nothingLeft(t, s)
	})
}

func TestStreamAndCallOfTheWrongKind(t *testing.T) {
	starOf(t, 1, func(t *testing.T, s *star) {
		handleStream(t, s.others[0], "count", count)
		handle(t, s.others[0], "echo", echo)
		ctx := t.Context()
		if _, err := s.hub.Call(ctx, s.keys[0], "count", 1); !errors.Is(err, peernet.ErrBadArgs) {
			t.Errorf("a call of a stream: %v", err)
		}
		if _, err := peernet.OpenStream[int, int](ctx, s.hub, s.keys[0], "echo", 1); !errors.Is(err, peernet.ErrNotStream) || !peernet.Sent(err) {
			t.Errorf("a stream of a call: %v", err)
		}
		if _, err := peernet.OpenStream[int, int](ctx, s.hub, s.keys[0], "none", 1); !errors.Is(err, peernet.ErrNoHandler) {
			t.Errorf("a stream of nothing: %v", err)
		}
		if _, err := peernet.OpenStream[int, int](ctx, s.hub, s.keys[0], "count", "many"); !errors.Is(err, peernet.ErrBadArgs) {
			t.Errorf("a stream with other arguments: %v", err)
		}
		nothingLeft(t, s)
	})
}
