package python_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Each of these uses the one pair.
func TestStreams(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role string) {
		n, p := pairOf(t, role, peernet.Config{})
		serveStreams(t, n)
		for _, talk := range []struct {
			name string
			f    func(*testing.T, *node, *python)
		}{
			{"the peer calls", streamsOfThePeer},
			{"the node calls", streamsOfTheNode},
			{"credit of the peer", creditOfThePeer},
			{"credit of the node", creditOfTheNode},
			{"cancel", cancelStreams},
			{"refused", refusedStreams},
			{"large values", largeValues},
			{"bytes", streamOfBytes},
		} {
			if !t.Run(talk.name, func(t *testing.T) { talk.f(t, n, p) }) {
				return
			}
		}
		if ends := eventsOf[peernet.Disconnected](n); len(ends) > 0 {
			t.Errorf("a session ended: %+v", ends[0])
		}
	})
}

// serveStreams gives the node handlers like those of handlers.py.
func serveStreams(t *testing.T, n *node) {
	t.Helper()
	must(t, n.Handle("echo", echo))
	must(t, peernet.HandleStream(n.Node, "count", func(ctx context.Context, _ peernet.Caller, count int, out *peernet.Out[int]) error {
		for i := range count {
			if err := out.Send(ctx, i+1); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, peernet.HandleDuplex(n.Node, "repeat", func(ctx context.Context, _ peernet.Caller, last any, in *peernet.In[any], out *peernet.Out[any]) error {
		for value, err := range in.All(ctx) {
			if err == nil {
				err = out.Send(ctx, value)
			}
			if err != nil {
				return err
			}
		}
		return out.Send(ctx, last)
	}, peernet.HandleWindow(1<<20)))
}

func streamsOfThePeer(t *testing.T, _ *node, p *python) {
	p.do("open", fields{"stream": "a", "name": "count", "args": 3})
	if got := p.do("take", fields{"stream": "a", "count": 0}); got != "[1, 2, 3]" {
		t.Errorf("it gets %s", got)
	}
	p.do("reply", fields{"stream": "a"})
	p.do("open", fields{"stream": "b", "name": "repeat", "args": "last"})
	for _, value := range []string{`1`, `"two"`, `{"bytes": 3}`} {
		p.do("put", fields{"stream": "b", "value": jsonOf(value)})
		if got := p.do("take", fields{"stream": "b"}); got != "["+value+"]" {
			t.Errorf("it gets %s for %s", got, value)
		}
	}
	p.do("end", fields{"stream": "b"})
	if got := p.do("take", fields{"stream": "b", "count": 0}); got != `["last"]` { // after its own end
		t.Errorf("after its end it gets %s", got)
	}
	p.do("reply", fields{"stream": "b"})
	if a := p.try("put", fields{"stream": "b", "value": 1}); a.Error == "" {
		t.Error("it sends to a stream that is over")
	}
}

func streamsOfTheNode(t *testing.T, n *node, p *python) {
	sum, count := 0, 0
	for i, err := range peernet.CallStream[int](patiently(t), n.Node, p.key, "count", 1500, peernet.Window(4<<10)) {
		must(t, err)
		sum, count = sum+i, count+1
	}
	if count != 1500 || sum != 1500*1501/2 {
		t.Errorf("it gets %d values of sum %d", count, sum)
	}
	s, err := peernet.OpenStream[any, any](patiently(t), n.Node, p.key, "repeat", "last")
	must(t, err)
	for _, value := range []any{int64(1), "two"} {
		must(t, s.Send(patiently(t), value))
		if got, err := s.Recv(patiently(t)); err != nil || got != value {
			t.Errorf("it gets %v, %v", got, err)
		}
	}
	must(t, s.CloseSend(patiently(t)))
	if got, err := s.Recv(patiently(t)); err != nil || got != "last" {
		t.Errorf("after its end it gets %v, %v", got, err)
	}
	if _, err := s.Recv(patiently(t)); err != io.EOF {
		t.Errorf("at the end it gets %v", err)
	}
	must(t, s.Wait(patiently(t)))
	total, err := peernet.OpenStream[[]byte, int](patiently(t), n.Node, p.key, "total", 1)
	must(t, err)
	for range 200 { // more than two windows
		must(t, total.Send(patiently(t), make([]byte, 3000)))
	}
	must(t, total.CloseSend(patiently(t)))
	must(t, total.Wait(patiently(t)))
}

// A window takes nine of the values that are sent here, of 1,003 bytes.
const window, inWindow = 10_000, 9

func creditOfThePeer(t *testing.T, n *node, p *python) {
	var sent atomic.Int32
	must(t, peernet.HandleStream(n.Node, "endless", func(ctx context.Context, _ peernet.Caller, _ any, out *peernet.Out[[]byte]) error {
		for {
			if err := out.Send(ctx, make([]byte, 1000)); err != nil {
				return err
			}
			sent.Add(1)
		}
	}))
	p.do("open", fields{"stream": "c", "name": "endless", "window": window})
	eventually(t, "the window is full", func() bool { return sent.Load() == inWindow })
	p.do("ping", nil)
	if now := sent.Load(); now != inWindow {
		t.Fatalf("beyond its credit the node has sent %d values", now)
	}
	p.do("take", fields{"stream": "c", "count": inWindow})
	eventually(t, "the window is full again", func() bool { return sent.Load() >= inWindow+4 })
	p.do("take", fields{"stream": "c", "count": 100})
	p.do("give_up", fields{"stream": "c"})
}

func creditOfTheNode(t *testing.T, n *node, p *python) {
	read, count := make(chan struct{}), 0
	must(t, peernet.HandleDuplex(n.Node, "slow", func(ctx context.Context, _ peernet.Caller, _ any, in *peernet.In[[]byte], _ *peernet.Out[int]) error {
		<-read
		for _, err := range in.All(ctx) {
			if err != nil {
				return err
			}
			count++
		}
		return nil
	}, peernet.HandleWindow(window)))
	p.do("open", fields{"stream": "d", "name": "slow"})
	var puts []int
	for range 2 * inWindow {
		puts = append(puts, p.start("put", fields{"stream": "d", "value": bin(1000)}))
	}
	for _, put := range puts[:inWindow] {
		if a := p.answer(put); a.Error != "" {
			t.Fatalf("%+v", a)
		}
	}
	end := p.start("end", fields{"stream": "d"}) // after what waits for credit
	p.do("ping", nil)
	p.mu.Lock()
	for _, l := range p.lines {
		if l.N == puts[inWindow] || l.N == end {
			t.Error("it sends beyond its credit, or has ended before")
		}
	}
	p.mu.Unlock()
	close(read)
	for _, put := range puts[inWindow:] {
		if a := p.answer(put); a.Error != "" {
			t.Fatalf("%+v", a)
		}
	}
	if a := p.answer(end); a.Error != "" {
		t.Fatalf("%+v", a)
	}
	p.do("reply", fields{"stream": "d"})
	if count != 2*inWindow {
		t.Errorf("before the end came %d values", count)
	}
}

func cancelStreams(t *testing.T, n *node, p *python) {
	began, ended := make(chan struct{}), make(chan error, 1)
	must(t, peernet.HandleDuplex(n.Node, "held", func(ctx context.Context, _ peernet.Caller, _ any, in *peernet.In[int], _ *peernet.Out[int]) error {
		close(began)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	}))
	p.do("open", fields{"stream": "e", "name": "held"})
	<-began
	p.do("give_up", fields{"stream": "e"})
	<-ended

	ctx, cancel := context.WithCancel(t.Context())
	s, err := peernet.OpenStream[int, int](ctx, n.Node, p.key, "deaf", 3600)
	must(t, err)
	must(t, s.Send(ctx, 1))
	cancel()
	if _, err := s.Recv(patiently(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("the stream ends with %v", err)
	}
	for range peernet.CallStream[int](patiently(t), n.Node, p.key, "count", 1_000_000) {
		break
	}
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	s, err = peernet.OpenStream[int, int](ctx, n.Node, p.key, "deaf", 3600)
	if err == nil { // on a busy machine the time may be over before the handler begins
		err = s.Wait(patiently(t))
	}
	if !errors.Is(err, peernet.ErrDeadline) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the stream ends with %v", err)
	}
	eventually(t, "no handler of the peer runs", func() bool { return p.do("running", nil) == "0" })
}

func refusedStreams(t *testing.T, n *node, p *python) {
	for name, want := range map[string]string{"refuse": "full", "void": "no_handler"} {
		s, err := peernet.OpenStream[int, int](patiently(t), n.Node, p.key, name, nil)
		if err == nil { // the handler has begun, and then failed
			err = s.Wait(patiently(t))
		}
		var remote *peernet.RemoteError
		if !errors.As(err, &remote) || string(remote.Code) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := peernet.OpenStream[int, int](patiently(t), n.Node, p.key, "echo", nil); !errors.Is(err, peernet.ErrNotStream) {
		t.Errorf("a stream to a handler of calls: %v", err)
	}
	p.do("open", fields{"stream": "f", "name": "void"})
	if a := p.try("reply", fields{"stream": "f"}); a.Error != "no_handler" {
		t.Errorf("the peer gets %+v", a)
	}
	p.do("open", fields{"stream": "g", "name": "echo", "args": 1})
	if a := p.try("reply", fields{"stream": "g"}); string(a.Result) != "1" {
		t.Errorf("of a handler of calls the peer gets %+v", a)
	}
}

// Values of more than 32 KiB travel in parts; those of more than half a window do not travel.
func largeValues(t *testing.T, n *node, p *python) {
	p.do("open", fields{"stream": "h", "name": "repeat", "window": 2 << 20})
	p.do("put", fields{"stream": "h", "value": bin(300_000)})
	if got := p.do("take", fields{"stream": "h"}); got != `[{"bytes": 300000}]` {
		t.Errorf("it gets %s", got)
	}
	if a := p.try("put", fields{"stream": "h", "value": bin(1 << 19)}); a.Error != "local" {
		t.Errorf("a value of more than half of the window: %+v", a)
	}
	p.do("end", fields{"stream": "h"})
	p.do("take", fields{"stream": "h", "count": 0})
	s, err := peernet.OpenStream[[]byte, []byte](patiently(t), n.Node, p.key, "repeat", nil)
	must(t, err)
	defer s.Close()
	must(t, s.Send(patiently(t), make([]byte, 100_000)))
	if got, err := s.Recv(patiently(t)); err != nil || len(got) != 100_000 {
		t.Errorf("it gets %d bytes, %v", len(got), err)
	}
}

// A net.Conn to the peer: each value is a bin.
func streamOfBytes(t *testing.T, n *node, p *python) {
	conn, err := n.Dial(patiently(t), p.key, "repeat")
	must(t, err)
	defer conn.Close()
	const size = 1 << 20
	go func() {
		_, _ = conn.Write(make([]byte, size))
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if got, err := io.ReadAll(conn); err != nil || len(got) != size {
		t.Errorf("it gets %d bytes, %v", len(got), err)
	}
}

// serveHeld gives the node the handlers of handlers.py that attacks use: one of calls and one of streams that take long.
func serveHeld(t *testing.T, n *node) {
	t.Helper()
	must(t, n.Handle("wait", func(ctx context.Context, _ *peernet.Request) (any, error) { <-ctx.Done(); return nil, ctx.Err() }))
	must(t, peernet.HandleDuplex(n.Node, "deaf", func(ctx context.Context, _ peernet.Caller, _ any, _ *peernet.In[int], _ *peernet.Out[int]) error {
		<-ctx.Done()
		return ctx.Err()
	}))
}
