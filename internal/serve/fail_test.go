package serve

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

func TestFailAnswersWhileTheHandlerStillCounts(t *testing.T) {
	for name, after := range map[string]func() (any, error){
		"and it returns":          func() (any, error) { return 42, nil },
		"and it fails otherwise":  func() (any, error) { return nil, errHandler },
		"and it panics":           func() (any, error) { panic("on purpose") },
		"and it asks to fail too": nil,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(c *Config) { c.Calls = 1 }, func(t *testing.T, g *rig) {
				running, release := make(chan *Request, 1), make(chan struct{})
				g.handle("do", func(ctx context.Context, r *Request) (any, error) {
					running <- r
					<-ctx.Done()
					<-release
					if after != nil {
						return after()
					}
					return r.Fail(errHandler), nil
				})
				g.handle("echo", echo)
				c := g.open(1)
				id := c.call("do", nil)
				r := <-running
				if !r.Fail(envelope.ErrDeadline) {
					t.Error("the first to fail does not answer")
				}
				c.wantCode(id, envelope.CodeDeadline)
				if r.Fail(errHandler) {
					t.Error("a call is answered twice")
				}
				if c.Pending() != 0 {
					t.Errorf("Pending() = %d, but nobody waits", c.Pending())
				}
				c.wantCode(c.call("echo", nil), envelope.CodeOverloaded)
				close(release)
				if a := c.answered(); len(a) != 0 {
					t.Errorf("further answers: %+v", a)
				}
				c.wantCode(c.call("echo", nil), "")
				if r.Fail(errHandler) {
					t.Error("a call that is over is answered")
				}
			})
		})
	}
}

func TestIDOfAFailedCallMayBeUsedAgain(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		running, release := make(chan *Request, 2), make(blocker)
		g.handle("do", func(ctx context.Context, r *Request) (any, error) {
			running <- r
			return release.handle(ctx, r)
		})
		c := g.open(1)
		id := c.call("do", nil)
		first := <-running
		first.Fail(errHandler)
		c.wantCode(id, envelope.CodeFailed)
		if err := c.callAs(id, "do", nil); err != nil {
			t.Fatal(err)
		}
		second := <-running
		if first.Fail(errHandler) {
			t.Error("the first call answers for the second")
		}
		close(release)
		c.wantCode(id, "")
		if second.Fail(errHandler) {
			t.Error("answered twice")
		}
	})
}

func TestFailOfASendDoesNothing(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		var failed bool
		var ended error
		g.handle("note", func(ctx context.Context, r *Request) (any, error) {
			failed, ended = r.Fail(errHandler), ctx.Err()
			return nil, nil
		})
		c := g.open(1)
		c.send("note", "")
		if a := c.answered(); len(a) != 0 || failed || ended != nil {
			t.Errorf("answers %+v, failed %v, context %v", a, failed, ended)
		}
	})
}

func TestFailedCallOutlivesItsSession(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) { // the rig checks that nothing of the peer is left
		running, release := make(chan *Request, 1), make(blocker)
		g.handle("do", func(ctx context.Context, r *Request) (any, error) {
			running <- r
			return release.handle(ctx, r)
		})
		c := g.open(1)
		id := c.call("do", nil)
		(<-running).Fail(envelope.ErrDeadline)
		c.wantCode(id, envelope.CodeDeadline)
		c.Close(envelope.ReasonShutdown)
		synctest.Wait()
		close(release)
		if a := c.answered(); len(a) != 0 {
			t.Errorf("answers %+v", a)
		}
	})
}

func TestContextOfARequestHasItsTrace(t *testing.T) {
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for sent, want := range map[string]string{trace: trace, "": "", "nonsense": "", trace[:54] + "g": ""} {
		bubble(t, nil, func(t *testing.T, g *rig) {
			g.handle("do", func(ctx context.Context, r *Request) (any, error) {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				var got string
				if v, ok := ctx.Value(TraceKey{}).(*string); ok {
					got = *v
				}
				if got != want || r.Trace() != want {
					return nil, errors.New("context has " + got + ", request has " + r.Trace())
				}
				return nil, nil
			})
			c := g.open(1)
			if a := c.one(c.call("do", nil, envelope.Options{Trace: sent})); a.refusal != nil {
				t.Errorf("sent %q: %v", sent, a.refusal)
			}
		})
	}
}

func TestReplaceChangesWhatLaterRequestsFind(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		running, release := make(chan struct{}), make(chan struct{})
		g.handle("do", func(context.Context, *Request) (any, error) {
			close(running)
			<-release
			return "old", nil
		})
		c := g.open(1)
		old := c.call("do", nil)
		<-running
		g.Replace(func(e Registration) Registration {
			e.Handler = func(context.Context, *Request) (any, error) { return "new " + e.Name, nil }
			return e
		})
		if a := c.one(c.call("do", nil)); a.result != "new do" {
			t.Errorf("result %v", a.result)
		}
		close(release)
		if a := c.one(old); a.result != "old" {
			t.Errorf("result %v", a.result)
		}
	})
}
