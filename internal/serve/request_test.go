package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

func allow(yes bool) func(context.Context, *Request) bool {
	return func(context.Context, *Request) bool { return yes }
}

func TestUnknownAndForbiddenNamesGetTheSameAnswer(t *testing.T) {
	const name = "secret \"plans\""
	for what, registration := range map[string]*Registration{
		"forbidden":                         {Name: name, Handler: echo, Allow: allow(false)},
		"forbidden by a panic":              {Name: name, Handler: echo, Allow: func(context.Context, *Request) bool { panic("on purpose") }},
		"forbidden by the goroutine's end":  {Name: name, Handler: echo, Allow: func(context.Context, *Request) bool { runtime.Goexit(); return true }},
		"forbidden after the caller's time": {Name: name, Handler: echo, Allow: func(context.Context, *Request) bool { time.Sleep(time.Minute); return false }},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, g *rig) {
				g.handle("echo", echo)
				c := g.open(1)
				options := envelope.Options{HasTimeout: true, Timeout: time.Second}
				unknown := c.wantCode(c.call(name, nil, options), envelope.CodeNoHandler)
				if err := g.Add(registration); err != nil {
					t.Fatal(err)
				}
				id := c.call(name, nil, options)
				time.Sleep(2 * time.Minute)
				forbidden := c.wantCode(id, envelope.CodeNoHandler)
				for _, a := range []*answer{&unknown, &forbidden} {
					a.id, a.refused = 0, false // nothing that travels
				}
				if !reflect.DeepEqual(unknown, forbidden) {
					t.Errorf("the caller can tell %+v (unknown) from %+v", unknown.refusal, forbidden.refusal)
				}
				c.wantCode(c.call("echo", nil), "")
			})
		})
	}
}

func TestAllowedNamesAreServed(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		var asked *Request
		if err := g.Add(&Registration{Name: "mine", Handler: echo, Allow: func(ctx context.Context, r *Request) bool {
			asked = r
			return ctx.Err() == nil && string(r.Args().Bytes()) == "please"
		}}); err != nil {
			t.Fatal(err)
		}
		c := g.open(1)
		if a := c.wantCode(c.call("mine", []byte("please")), ""); a.result != "please" {
			t.Errorf("result %v", a.result)
		}
		c.wantCode(c.call("mine", []byte("now")), envelope.CodeNoHandler)
		if asked.Session() != c.Session || asked.Session().Conn() != Conn(c) {
			t.Error("Allow was not told who asks")
		}
	})
}

func TestHandlerSeesWhatWasAsked(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		var got *Request
		g.handle("note", func(ctx context.Context, r *Request) (any, error) {
			if ctx != context.Context(r) {
				t.Error("the context is not the request's")
			}
			got = r
			return nil, nil
		})
		c := g.open(1)
		began := time.Now()
		c.wantCode(c.call("note", []byte("abc"), envelope.Options{HasTimeout: true, Timeout: time.Second, Trace: trace}), "")
		if got.Name() != "note" || string(got.Args().Bytes()) != "abc" || got.Trace() != trace || got.IsSend() || got.Session() != c.Session {
			t.Errorf("call: %q %q %q %v", got.Name(), got.Args().Bytes(), got.Trace(), got.IsSend())
		}
		if deadline, ok := got.Deadline(); !ok || deadline != began.Add(time.Second) {
			t.Errorf("deadline %v, %v", deadline, ok)
		}
		c.send("note", "def")
		synctest.Wait()
		if got.Name() != "note" || string(got.Args().Bytes()) != "def" || got.Trace() != "" || !got.IsSend() || got.Session() != c.Session {
			t.Errorf("send: %q %q %q %v", got.Name(), got.Args().Bytes(), got.Trace(), got.IsSend())
		}
		if deadline, ok := got.Deadline(); ok {
			t.Errorf("a send has a deadline: %v", deadline)
		}
	})
}

// A brokenError panics when it is a nil pointer that is asked what it says.
type brokenError struct{ text string }

func (e *brokenError) Error() string { return e.text }

func TestResultOfAHandlerIsItsAnswer(t *testing.T) {
	data, err := envelope.RawOf(envelope.Msgpack, 7)
	if err != nil {
		t.Fatal(err)
	}
	detailed := &envelope.RemoteError{Code: "sold_out", Text: "none left", Data: data}
	for name, test := range map[string]struct {
		handler Handler
		result  any
		refusal *envelope.RemoteError
	}{
		"result":            {func(context.Context, *Request) (any, error) { return 42, nil }, 42, nil},
		"nothing":           {func(context.Context, *Request) (any, error) { return nil, nil }, nil, nil},
		"error":             {func(context.Context, *Request) (any, error) { return 42, errHandler }, nil, &envelope.RemoteError{Code: envelope.CodeFailed, Text: errHandler.Error()}},
		"error of a code":   {func(context.Context, *Request) (any, error) { return nil, envelope.ErrForbidden }, nil, &envelope.RemoteError{Code: envelope.CodeForbidden, Text: envelope.ErrForbidden.Error()}},
		"own code and data": {func(context.Context, *Request) (any, error) { return nil, fmt.Errorf("sell: %w", detailed) }, nil, detailed},
		"long text": {func(context.Context, *Request) (any, error) {
			return nil, errors.New(strings.Repeat("日", envelope.MaxText))
		}, nil, &envelope.RemoteError{Code: envelope.CodeFailed, Text: strings.Repeat("日", envelope.MaxText/3)}},
		"long text of its own code": {func(context.Context, *Request) (any, error) {
			return nil, &envelope.RemoteError{Code: "sold_out", Text: strings.Repeat("日", envelope.MaxText), Data: data}
		}, nil, &envelope.RemoteError{Code: "sold_out", Text: strings.Repeat("日", envelope.MaxText/3), Data: data}},
		"text that is not UTF-8": {func(context.Context, *Request) (any, error) { return nil, errors.New("\xff") }, nil, &envelope.RemoteError{Code: envelope.CodeFailed, Text: "\uFFFD"}},
		"an invalid code": {func(context.Context, *Request) (any, error) {
			return nil, &envelope.RemoteError{Code: "sold out", Text: "none left", Data: data}
		}, nil, &envelope.RemoteError{Code: envelope.CodeFailed, Text: "none left", Data: data}},
		"panic":        {func(context.Context, *Request) (any, error) { panic("on purpose") }, nil, incidentSeen},
		"panic of nil": {func(context.Context, *Request) (any, error) { panic(nil) }, nil, incidentSeen},
		"end of the goroutine": {func(context.Context, *Request) (any, error) {
			runtime.Goexit()
			return 42, nil
		}, nil, incidentSeen},
		"nil pointer as error":   {func(context.Context, *Request) (any, error) { return 42, (*brokenError)(nil) }, nil, incidentSeen},
		"nil RemoteError":        {func(context.Context, *Request) (any, error) { return 42, (*envelope.RemoteError)(nil) }, nil, incidentSeen},
		"context it has ended":   {func(context.Context, *Request) (any, error) { return nil, context.Canceled }, nil, &envelope.RemoteError{Code: envelope.CodeFailed, Text: context.Canceled.Error()}},
		"too late for its own":   {func(context.Context, *Request) (any, error) { return nil, context.DeadlineExceeded }, nil, &envelope.RemoteError{Code: envelope.CodeFailed, Text: context.DeadlineExceeded.Error()}},
		"panic after the result": {func(context.Context, *Request) (any, error) { defer panic("on purpose"); return 42, nil }, nil, incidentSeen},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, g *rig) {
				var ctx context.Context
				g.handle("do", func(c context.Context, r *Request) (any, error) {
					ctx = c
					return test.handler(c, r)
				})
				c := g.open(1)
				a := c.one(c.call("do", nil))
				if a.result != test.result || !reflect.DeepEqual(a.refusal, test.refusal) {
					t.Errorf("answered %v, %+v; want %v, %+v", a.result, a.refusal, test.result, test.refusal)
				}
				if ctx.Err() != context.Canceled {
					t.Errorf("the context of a handler that has returned: %v", ctx.Err())
				}
				if n := len(g.log.Lines("level=ERROR")); (n == 1) != (test.refusal == incidentSeen) {
					t.Errorf("%d incidents are logged", n)
				}
			})
		})
	}
}

// incidentSeen is what a caller sees of an incident, with the randomness of these tests.
var incidentSeen = &envelope.RemoteError{Code: envelope.CodeInternal, Text: "incident abababab"}

func explode(context.Context, *Request) (any, error) { panic("the secret is 1234") }

func TestPanicIsToldByItsNumberAndLoggedWithItsStack(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		g.handle("do", explode)
		c := g.open(1)
		a := c.wantCode(c.call("do", nil), envelope.CodeInternal)
		if a.refusal.Text != "incident abababab" || !a.refusal.Data.IsZero() {
			t.Errorf("the caller learns %+v", a.refusal)
		}
		lines := g.log.Lines("incident=abababab")
		if len(lines) != 1 {
			t.Fatalf("%d lines of the log have the incident", len(lines))
		}
		for _, want := range []string{"level=ERROR", "name=do", "the secret is 1234", "serve.explode", "request_test.go"} {
			if !strings.Contains(lines[0], want) {
				t.Errorf("the log lacks %q: %s", want, lines[0])
			}
		}
	})
}

func TestIncidentNeedsNoRandomness(t *testing.T) {
	bubble(t, func(c *Config) { c.Rand = io.LimitReader(sameBytes(1), 0) }, func(t *testing.T, g *rig) {
		g.handle("do", explode)
		c := g.open(1)
		c.wantCode(c.call("do", nil), envelope.CodeInternal)
	})
}

func TestCallWithoutTimeLeftIsNotRun(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		g.handle("do", func(context.Context, *Request) (any, error) {
			t.Error("the handler was run")
			return nil, nil
		})
		c := g.open(1)
		if a := c.wantCode(c.call("do", nil, envelope.Options{HasTimeout: true}), envelope.CodeDeadline); !a.refused {
			t.Error("the answer waited for room")
		}
		if c.Pending() != 0 {
			t.Errorf("Pending() = %d", c.Pending())
		}
	})
}

func TestHandlerIsStoppedAndItsResultDropped(t *testing.T) {
	const timeout = time.Minute
	late := func(ctx context.Context, _ *Request) (any, error) { // has a result all the same
		<-ctx.Done()
		return 42, nil
	}
	blind := func(context.Context, *Request) (any, error) { // does not look at its context
		time.Sleep(timeout + time.Second)
		return 42, nil
	}
	fails := func(ctx context.Context, _ *Request) (any, error) {
		<-ctx.Done()
		return nil, errHandler
	}
	cancel := func(c *caller, id envelope.CallID) { c.Cancel(id) }
	wait := func(*caller, envelope.CallID) { time.Sleep(timeout) }
	for name, test := range map[string]struct {
		handler Handler
		act     func(c *caller, id envelope.CallID)
		want    envelope.Code
		after   time.Duration // the answer
	}{
		"deadline":                      {waitForEnd, wait, envelope.CodeDeadline, timeout},
		"deadline, and a result":        {late, wait, envelope.CodeDeadline, timeout},
		"deadline, unnoticed":           {blind, wait, envelope.CodeDeadline, timeout + time.Second},
		"deadline, and another error":   {fails, wait, envelope.CodeDeadline, timeout},
		"cancelled":                     {waitForEnd, cancel, envelope.CodeCancelled, 0},
		"cancelled, and a result":       {late, cancel, envelope.CodeCancelled, 0},
		"cancelled, unnoticed":          {blind, cancel, envelope.CodeCancelled, timeout + time.Second},
		"cancelled, and another error":  {fails, cancel, envelope.CodeCancelled, 0},
		"cancelled twice":               {late, func(c *caller, id envelope.CallID) { c.Cancel(id); c.Cancel(id) }, envelope.CodeCancelled, 0},
		"another one is cancelled":      {late, func(c *caller, id envelope.CallID) { c.Cancel(id + 1); time.Sleep(timeout) }, envelope.CodeDeadline, timeout},
		"the session ends":              {late, func(c *caller, _ envelope.CallID) { c.Close(envelope.ReasonShutdown) }, envelope.CodeCancelled, 0},
		"the session ends, and revokes": {late, func(c *caller, _ envelope.CallID) { c.Close(envelope.ReasonRevoked) }, envelope.CodeCancelled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, g *rig) {
				var took time.Duration
				g.handle("do", func(ctx context.Context, r *Request) (any, error) {
					began := time.Now()
					defer func() { took = time.Since(began) }()
					return test.handler(ctx, r)
				})
				c := g.open(1)
				id := c.call("do", nil, envelope.Options{HasTimeout: true, Timeout: timeout})
				synctest.Wait()
				test.act(c, id)
				time.Sleep(2 * timeout)
				if a := c.wantCode(id, test.want); a.result != nil {
					t.Errorf("result %v", a.result)
				}
				if took != test.after {
					t.Errorf("answered after %v, want %v", took, test.after)
				}
				c.Cancel(id) // a call that is over
			})
		})
	}
}

// TestEndOfAnotherContextIsAFailure: a handler's own time limit is not the caller's, whether the caller has set one or not.
func TestEndOfAnotherContextIsAFailure(t *testing.T) {
	limited := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		<-ctx.Done()
		return fmt.Errorf("ask the disk: %w", ctx.Err())
	}
	stopped := func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx.Err()
	}
	for name, test := range map[string]struct {
		end    func(ctx context.Context) error
		option envelope.Options
		fails  bool // the handler replies while it runs
		want   envelope.Code
	}{
		"its own time limit":                    {limited, envelope.Options{}, false, envelope.CodeFailed},
		"its own time limit, before the call's": {limited, envelope.Options{HasTimeout: true, Timeout: time.Minute}, false, envelope.CodeFailed},
		"its own time limit, behind the call's": {limited, envelope.Options{HasTimeout: true, Timeout: time.Millisecond}, false, envelope.CodeDeadline},
		"its own cancellation":                  {stopped, envelope.Options{}, false, envelope.CodeFailed},
		"its own time limit, told by Fail":      {limited, envelope.Options{}, true, envelope.CodeFailed},
		"its own cancellation, told by Fail":    {stopped, envelope.Options{}, true, envelope.CodeFailed},
		"the call's time limit, told by Fail":   {limited, envelope.Options{HasTimeout: true, Timeout: time.Millisecond}, true, envelope.CodeDeadline},
		"a context's end and a code of its own": {func(context.Context) error {
			return fmt.Errorf("%w: %w", &envelope.RemoteError{Code: "late"}, context.Canceled)
		}, envelope.Options{}, false, "late"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, g *rig) {
				g.handle("do", func(ctx context.Context, r *Request) (any, error) {
					err := test.end(ctx)
					if test.fails {
						r.Fail(err)
					}
					return nil, err
				})
				c := g.open(1)
				id := c.call("do", nil, test.option)
				time.Sleep(time.Hour)
				c.wantCode(id, test.want)
			})
		})
	}
}

func TestHandlerThatReturnsInTimeIsNotLate(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		g.handle("do", func(context.Context, *Request) (any, error) {
			time.Sleep(time.Minute - time.Nanosecond)
			return 42, nil
		})
		c := g.open(1)
		id := c.call("do", nil, envelope.Options{HasTimeout: true, Timeout: time.Minute})
		time.Sleep(time.Hour)
		c.wantCode(id, "")
	})
}
