package middleware_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/middleware"
)

func explode(context.Context, *peernet.Request) (any, error) { panic("the secret is 1234") }

func TestRecoverMakesAnErrorOfAPanic(t *testing.T) {
	inBubble(t, func(t *bubble) {
		var seen error
		outside := func(next peernet.Handler) peernet.Handler {
			return func(ctx context.Context, r *peernet.Request) (any, error) {
				var result any
				result, seen = next(ctx, r)
				return result, seen
			}
		}
		t.handle("explode", explode, outside, middleware.Recover(t.logger()))
		t.handle("quietly", explode, outside, middleware.Recover(nil))
		t.handle("fine", echo, outside, middleware.Recover(t.logger()))
		t.handle("exit", func(context.Context, *peernet.Request) (any, error) { runtime.Goexit(); return nil, nil }, middleware.Recover(t.logger()))

		_, err := t.call("explode", nil)
		lines := t.lines()
		if len(lines) != 1 || lines[0]["panic"] != "the secret is 1234" || lines[0]["name"] != "explode" || lines[0]["peer"] != t.a.PublicKey().Short() {
			t.Fatalf("logged %v", lines)
		}
		remote, ok := errors.AsType[*peernet.RemoteError](err)
		if !ok || remote.Code != peernet.CodeInternal || remote.Text != "incident "+lines[0]["incident"].(string) || !errors.Is(seen, peernet.ErrInternal) {
			t.Errorf("the caller gets %v, middleware outside %v", err, seen)
		}
		if _, err := t.call("quietly", nil); !errors.Is(err, peernet.ErrInternal) || !errors.Is(seen, peernet.ErrInternal) {
			t.Errorf("the caller gets %v, middleware outside %v", err, seen)
		}
		if _, err := t.call("fine", nil); err != nil || seen != nil {
			t.Errorf("the caller gets %v, middleware outside %v", err, seen)
		}
		if _, err := t.call("exit", nil); !errors.Is(err, peernet.ErrInternal) {
			t.Errorf("the caller gets %v", err)
		}
	})
}

func TestRecoverLogsWhereItHappened(t *testing.T) {
	inBubble(t, func(t *bubble) {
		t.handle("explode", explode, middleware.Recover(t.logger()))
		_, _ = t.call("explode", nil)
		synctest.Wait()
		if text := t.log.String(); !strings.Contains(text, "middleware_test.explode") || !strings.Contains(text, "recover_test.go") {
			t.Errorf("the log lacks the stack: %s", text)
		}
	})
}

func TestRecoverOutgoingMakesAnErrorOfAPanic(t *testing.T) {
	inBubble(t, func(t *bubble) {
		t.handle("echo", echo)
		after := func(next peernet.Invoker) peernet.Invoker {
			return func(ctx context.Context, o *peernet.Outgoing) (peernet.Raw, error) {
				_, _ = next(ctx, o)
				panic("the secret is 1234")
			}
		}
		_, err := t.call("echo", nil, middleware.RecoverOutgoing(t.logger()), after)
		lines := t.lines()
		if len(lines) != 1 || lines[0]["panic"] != "the secret is 1234" || lines[0]["name"] != "echo" || lines[0]["peer"] != t.b.PublicKey().Short() {
			t.Fatalf("logged %v", lines)
		}
		p, ok := errors.AsType[*middleware.PanicError](err)
		if !ok || p.Incident != lines[0]["incident"] || strings.Contains(err.Error(), "secret") {
			t.Errorf("the caller gets %v", err)
		}
		if !errors.Is(err, peernet.ErrInternal) || !peernet.Sent(err) || peernet.Retryable(err) {
			t.Errorf("%v: sent %v, retryable %v", err, peernet.Sent(err), peernet.Retryable(err))
		}
		if got, err := t.call("echo", 7, middleware.RecoverOutgoing(nil)); err != nil || got.IsNil() {
			t.Errorf("%v, %v", got, err)
		}
	})
}
