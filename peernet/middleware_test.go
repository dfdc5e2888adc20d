package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A diary is what happened, in order. It is safe for concurrent use.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// read returns what was noted since the last time, in one line.
func (d *diary) read() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := strings.Join(d.lines, " ")
	d.lines = nil
	return text
}

// noting is middleware that notes when a request passes.
func (d *diary) noting(name string) peernet.Middleware {
	return func(next peernet.Handler) peernet.Handler {
		return func(ctx context.Context, r *peernet.Request) (any, error) {
			d.note(name + ">")
			defer d.note("<" + name)
			return next(ctx, r)
		}
	}
}

// notingOut is the same for what goes out.
func (d *diary) notingOut(name string) peernet.OutgoingMiddleware {
	return func(next peernet.Invoker) peernet.Invoker {
		return func(ctx context.Context, o *peernet.Outgoing) (peernet.Raw, error) {
			d.note(name + ">")
			defer d.note("<" + name)
			return next(ctx, o)
		}
	}
}

func TestMiddlewareIsAroundHandlersInOrder(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx, key := patiently(t), b.PublicKey()
	var d diary
	handle(t, b, "early", echo, peernet.Use(d.noting("own1"), d.noting("own2")), peernet.Use(d.noting("own3")))
	b.Use(d.noting("all1"), d.noting("all2"))
	if err := peernet.Handle(b, "late", func(_ context.Context, _ peernet.Caller, n int) (int, error) { return n, nil }, peernet.Use(d.noting("own"))); err != nil {
		t.Fatal(err)
	}
	b.Use(d.noting("all3"))
	b.Use()
	for name, want := range map[string]string{
		"early":  "all1> all2> all3> own1> own2> own3> <own3 <own2 <own1 <all3 <all2 <all1",
		"late":   "all1> all2> all3> own> <own <all3 <all2 <all1",
		"nobody": "",
	} {
		if got, err := peernet.Call[int](ctx, a, key, name, 7); name != "nobody" && (err != nil || got != 7) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if got := d.read(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	b.Unhandle("early")
	b.Use(d.noting("all4"))
	if got := b.Handlers(); !slices.Equal(got, []string{"late"}) {
		t.Errorf("handlers %v", got)
	}
}

func TestMiddlewareSeesWhatIsAskedAndWhatComesOfIt(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx, key := patiently(t), b.PublicKey()
	seen := make(chan string, 1)
	b.Use(func(next peernet.Handler) peernet.Handler {
		return func(ctx context.Context, r *peernet.Request) (any, error) {
			var args any
			if err := r.Args().Decode(&args); err != nil {
				t.Error(err)
			}
			_, err := next(ctx, r)
			seen <- fmt.Sprint(r.Name(), args, r.IsSend(), r.Caller().Key == a.PublicKey(), r.Trace(), peernet.CodeOf(err))
			return "changed", err
		}
	})
	if err := peernet.Handle(b, "double", func(_ context.Context, _ peernet.Caller, n int) (int, error) { return 2 * n, nil }); err != nil {
		t.Fatal(err)
	}
	traced := peernet.WithTrace(ctx, aTrace)
	if got, err := peernet.Call[string](traced, a, key, "double", 7); err != nil || got != "changed" {
		t.Errorf("%v, %v", got, err)
	}
	if got, want := <-seen, fmt.Sprint("double", 7, false, true, aTrace, ""); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := a.Call(ctx, key, "double", "x"); !errors.Is(err, peernet.ErrBadArgs) {
		t.Error(err)
	}
	if got, want := <-seen, fmt.Sprint("double", "x", false, true, "", peernet.CodeBadArgs); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if err := a.Send(traced, key, "double", 8); err != nil {
		t.Error(err)
	}
	if got, want := <-seen, fmt.Sprint("double", 8, true, true, "", ""); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRefusedCallersNeverReachMiddleware(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	var d diary
	b.Use(d.noting("all"))
	handle(t, b, "secret", echo, peernet.Use(d.noting("own")), peernet.Authorize(func(context.Context, peernet.Caller) bool { return false }))
	if _, err := a.Call(patiently(t), b.PublicKey(), "secret", nil); !errors.Is(err, peernet.ErrNoHandler) {
		t.Error(err)
	}
	if got := d.read(); got != "" {
		t.Errorf("middleware ran: %s", got)
	}
}

func TestPanicInMiddlewareIsContained(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	b.Use(func(peernet.Handler) peernet.Handler {
		return func(context.Context, *peernet.Request) (any, error) { panic("secret") }
	})
	handle(t, b, "echo", echo)
	for range 2 {
		_, err := a.Call(patiently(t), b.PublicKey(), "echo", nil)
		if !errors.Is(err, peernet.ErrInternal) || strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
	}
}

func TestUseIsSafeWhileRequestsRun(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx, key := patiently(t), b.PublicKey()
	handle(t, b, "echo", echo)
	var all sync.WaitGroup
	var d diary
	for i := range 4 {
		all.Go(func() {
			for range 50 {
				if got, err := peernet.Call[int](ctx, a, key, "echo", i); err != nil || got != i {
					t.Errorf("%v, %v", got, err)
				}
			}
		})
		all.Go(func() {
			name := fmt.Sprint("other", i)
			for range 10 {
				b.Use(d.noting("in"))
				a.UseOutgoing(d.notingOut("out"))
				handle(t, b, name, echo, peernet.Use(d.noting("own")))
				b.Unhandle(name)
			}
		})
	}
	all.Wait()
	d.read()
	if _, err := a.Call(ctx, key, "echo", nil); err != nil {
		t.Error(err)
	}
	if got, want := d.read(), strings.Repeat("out> ", 40)+strings.Repeat("in> ", 40); !strings.HasPrefix(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestFailAnswersBeforeTheHandlerReturns(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	release := make(chan struct{})
	ended := make(chan error, 1)
	handle(t, b, "slow", func(ctx context.Context, r *peernet.Request) (any, error) {
		<-release
		ended <- ctx.Err()
		return "late", nil
	}, peernet.Use(func(next peernet.Handler) peernet.Handler {
		return func(ctx context.Context, r *peernet.Request) (any, error) {
			if !r.Fail(peernet.NewError("impatient", "no time", 7)) || r.Fail(peernet.ErrFailed) {
				t.Error("not the first to fail answers")
			}
			return next(ctx, r)
		}
	}))
	_, err := a.Call(patiently(t), b.PublicKey(), "slow", nil)
	if data, ok := peernet.ErrorData[int](err); !ok || data != 7 || peernet.CodeOf(err) != "impatient" {
		t.Errorf("%v, data %v", err, data)
	}
	close(release)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("context of the handler: %v", err)
	}
}
