package python_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// The peer agrees with the page and the vectors.
func TestVectors(t *testing.T) {
	t.Parallel()
	if output, err := run(t.Context(), t, "-m", "unittest").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

func echo(_ context.Context, r *peernet.Request) (any, error) { return r.Args(), nil }

// Each conversation uses one pair of a node and a peer, so that few processes are started.
func TestConversations(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role string) {
		n, p := pairOf(t, role, peernet.Config{})
		must(t, n.Handle("echo", echo))
		for _, talk := range []struct {
			name string
			f    func(*testing.T, *node, *python)
		}{{"calls", talkCalls}, {"errors", talkErrors}, {"deadline and cancel", talkDeadlineAndCancel}, {"sends", talkSends}} {
			if !t.Run(talk.name, func(t *testing.T) { talk.f(t, n, p) }) {
				return
			}
		}
		if ends := eventsOf[peernet.Disconnected](n); len(ends) > 0 {
			t.Errorf("a session ended: %+v", ends[0])
		}
	})
}

// Values of every kind go both ways, as arguments and as results.
func talkCalls(t *testing.T, n *node, p *python) {
	for _, value := range []any{
		nil, true, false, int64(0), int64(127), int64(128), int64(-1), int64(-33), int64(1<<31 - 1), int64(-1 << 63),
		uint64(1<<64 - 1), 1.5, -1e100, "", "größer", []byte{}, []byte{0, 255}, []any{}, []any{int64(1), "x", nil},
		map[string]any{}, map[string]any{"a": []any{map[string]any{"b": int64(1)}}},
		map[any]any{int64(1): "x", "y": int64(2)}, time.Unix(1767225600, 1).UTC(),
	} {
		got, err := peernet.Call[any](patiently(t), n.Node, p.key, "echo", value)
		if at, ok := got.(time.Time); ok {
			got = at.UTC()
		}
		if err != nil || !reflect.DeepEqual(got, value) {
			t.Errorf("%#v comes back as %#v, %v", value, got, err)
		}
	}
	for _, value := range []string{`null`, `true`, `-5`, `1.5`, `"text"`, `[1, [], {}]`, `{"a": {"b": [null]}}`, `{"bytes": 300}`} {
		if got := p.do("call", fields{"name": "echo", "args": jsonOf(value)}); got != value {
			t.Errorf("the peer sends %s and gets %s", value, got)
		}
	}
	must(t, func() error { _, err := n.Ping(patiently(t), p.key); return err }())
	p.do("ping", nil)
}

// Errors keep their code, text and data in either direction, and cost no session.
func talkErrors(t *testing.T, n *node, p *python) {
	must(t, n.Handle("fail", func(context.Context, *peernet.Request) (any, error) {
		return nil, peernet.NewError("full", "no room", map[string]int{"left": 3})
	}))
	must(t, n.Handle("mine", echo, peernet.Authorize(func(context.Context, peernet.Caller) bool { return false })))
	must(t, n.Handle("late", func(ctx context.Context, _ *peernet.Request) (any, error) { <-ctx.Done(); return nil, ctx.Err() }))
	for _, c := range []struct {
		name string
		want error
	}{{"void", peernet.ErrNoHandler}, {"crash", peernet.ErrInternal}, {"count", peernet.ErrBadArgs}} {
		if _, err := n.Call(patiently(t), p.key, c.name, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	_, err := n.Call(patiently(t), p.key, "fail", []any{"full", "no room", map[string]int{"left": 3}})
	var remote *peernet.RemoteError
	if data, ok := peernet.ErrorData[map[string]int](err); !errors.As(err, &remote) || remote.Code != "full" || remote.Text != "no room" ||
		!ok || data["left"] != 3 {
		t.Errorf("the node gets %v", err)
	}
	if got := p.try("call", fields{"name": "fail"}); got.Error != "full" || got.Text != "no room" || string(got.Data[0]) != `{"left": 3}` {
		t.Errorf("the peer gets %+v", got)
	}
	for name, want := range map[string]string{"void": "no_handler", "$/cancel": "no_handler", "mine": "no_handler", "late": "deadline"} {
		call := fields{"name": name}
		if want == "deadline" {
			call["seconds"] = 0.1
		}
		if got := p.try("call", call); got.Error != want {
			t.Errorf("the peer calls %s and gets %+v", name, got)
		}
	}
	if got := p.try("call", fields{"name": "void"}); got.Error != "no_handler" {
		t.Errorf("after all that the peer gets %+v", got)
	}
}

// A deadline and a cancel stop the handler at the other end.
func talkDeadlineAndCancel(t *testing.T, n *node, p *python) {
	began, stopped := make(chan time.Duration, 1), make(chan error, 1)
	must(t, n.Handle("slow", func(ctx context.Context, _ *peernet.Request) (any, error) {
		until, _ := ctx.Deadline()
		began <- time.Until(until)
		<-ctx.Done()
		stopped <- context.Cause(ctx)
		return nil, ctx.Err()
	}))
	call := p.start("call", fields{"name": "slow", "seconds": 3600})
	if left := <-began; left < 59*time.Minute || left > time.Hour {
		t.Errorf("the handler has %v", left)
	}
	p.do("cancel", fields{"of": call})
	<-stopped
	if got := p.answer(call); got.Error != "cancelled" {
		t.Errorf("the peer gets %+v", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := n.Call(ctx, p.key, "wait", 3600); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, peernet.ErrDeadline) {
		t.Errorf("the node gets %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := n.Call(ctx, p.key, "wait", 3600); !errors.Is(err, context.Canceled) {
		t.Errorf("the node gets %v", err)
	}
	eventually(t, "no handler of the peer runs", func() bool { return p.do("running", nil) == "0" })
}

// Sends arrive in order, without an answer.
func talkSends(t *testing.T, n *node, p *python) {
	got := make(chan int, 100)
	must(t, peernet.Handle(n.Node, "note", func(_ context.Context, _ peernet.Caller, i int) (any, error) { got <- i; return nil, nil }))
	for i := range 100 {
		p.start("send", fields{"name": "note", "args": i})
		must(t, n.Send(patiently(t), p.key, "note", i))
	}
	for i := range 100 {
		if at := <-got; at != i {
			t.Fatalf("send %d comes as %d", at, i)
		}
		if at := p.event("received"); at.Name != "note" || string(at.Args) != strconv.Itoa(i) {
			t.Fatalf("the peer gets %+v as send %d", at, i)
		}
	}
}

// Messages of several MiB go in parts, in both directions and beside each other; what the other end does not take is refused
// before it is sent.
func TestLargeMessages(t *testing.T) {
	const message, size = 8 << 20, 3 << 20
	inBothRoles(t, func(t *testing.T, role string) {
		n, p := pairOf(t, role, peernet.Config{Limits: peernet.Limits{Message: message}}, "--message", "8388608")
		must(t, n.Handle("echo", echo))
		got := make(chan int, 2)
		must(t, peernet.Handle(n.Node, "take", func(_ context.Context, _ peernet.Caller, b []byte) (any, error) { got <- len(b); return nil, nil }))
		calls := []int{p.start("call", fields{"name": "echo", "args": bin(size)}), p.start("call", fields{"name": "echo", "args": bin(size + 1)})}
		p.start("send", fields{"name": "take", "args": bin(size)})
		p.start("send", fields{"name": "take", "args": bin(1)})
		back, err := peernet.Call[[]byte](patiently(t), n.Node, p.key, "echo", make([]byte, size+2))
		if err != nil || len(back) != size+2 {
			t.Errorf("the node gets %d bytes, %v", len(back), err)
		}
		for i, call := range calls {
			if a := p.answer(call); string(a.Result) != fmt.Sprintf(`{"bytes": %d}`, size+i) {
				t.Errorf("the peer gets %+v", a)
			}
		}
		if first, second := <-got, <-got; first != size || second != 1 {
			t.Errorf("the sends have %d and %d bytes", first, second)
		}
		if _, err := n.Call(patiently(t), p.key, "echo", make([]byte, message)); !errors.Is(err, peernet.ErrTooLarge) || peernet.Sent(err) {
			t.Errorf("the node sends too much: %v", err)
		}
		if _, err := n.Call(patiently(t), p.key, "make", message); !errors.Is(err, peernet.ErrTooLarge) {
			t.Errorf("the peer answers too much: %v", err)
		}
		if a := p.try("call", fields{"name": "echo", "args": bin(message)}); a.Error != "local" {
			t.Errorf("the peer sends too much: %+v", a)
		}
	})
}

// A peer of revision 1 gets frames of up to 1 MiB, and neither parts nor streams.
func TestRevision1(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role string) {
		n, p := pairOf(t, role, peernet.Config{}, "--version", "1")
		must(t, n.Handle("echo", echo))
		const most = 1<<20 - 100
		if back, err := peernet.Call[[]byte](patiently(t), n.Node, p.key, "echo", make([]byte, most)); err != nil || len(back) != most {
			t.Errorf("the node gets %d bytes, %v", len(back), err)
		}
		p.do("call", fields{"name": "echo", "args": bin(most)})
		if _, err := peernet.OpenStream[int, int](patiently(t), n.Node, p.key, "repeat", nil); !errors.Is(err, peernet.ErrNoStreams) {
			t.Errorf("a stream to it: %v", err)
		}
		if a := p.try("open", fields{"stream": "s", "name": "echo"}); a.Error == "" || a.Sent {
			t.Errorf("a stream of its own: %+v", a)
		}
	})
}
