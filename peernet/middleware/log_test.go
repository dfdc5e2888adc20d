package middleware_test

import (
	"context"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/middleware"
)

func TestLogWritesOneLineForEachRequest(t *testing.T) {
	inBubble(t, func(t *bubble) {
		t.b.Use(middleware.Log(t.logger(), slog.LevelWarn))
		t.handle("echo", func(ctx context.Context, r *peernet.Request) (any, error) {
			time.Sleep(time.Second)
			return echo(ctx, r)
		})
		t.handle("text", func(context.Context, *peernet.Request) (any, error) { return "secret", nil })
		t.handle("number", func(context.Context, *peernet.Request) (any, error) { return 7, nil })
		t.handle("fail", func(context.Context, *peernet.Request) (any, error) {
			return nil, peernet.NewError("sold_out", "secret", nil)
		})
		t.handle("panic", func(context.Context, *peernet.Request) (any, error) { panic("secret") })
		t.handle("given up", func(ctx context.Context, _ *peernet.Request) (any, error) { <-ctx.Done(); return 7, nil })
		peer := t.a.PublicKey().Short()
		for _, c := range []struct {
			name, code     string
			took           time.Duration
			args, result   float64 // bytes; -1: not told
			send, canceled bool
		}{
			{"echo", "ok", time.Second, 7, 7, false, false},
			{"echo", "ok", time.Second, 7, 7, true, false},
			{"text", "ok", 0, 7, 6, false, false},
			{"number", "ok", 0, 7, -1, false, false},
			{"fail", "sold_out", 0, 7, -1, false, false},
			{"panic", "internal", 0, 7, -1, false, false},
			{"given up", "cancelled", time.Minute, 7, -1, false, true},
		} {
			ctx := t.Context()
			if c.canceled { // not by a deadline: the handler knows that too, and which of the two it hears of first is chance
				var cancel func()
				ctx, cancel = context.WithCancel(ctx)
				time.AfterFunc(c.took, cancel)
			}
			want := map[string]any{"level": "WARN", "msg": "request", "kind": "call", "peer": peer, "label": "Ann", "name": c.name,
				"code": c.code, "took": float64(c.took), "args_bytes": c.args}
			if c.result >= 0 {
				want["result_bytes"] = c.result
			}
			if c.send {
				want["kind"] = "send"
				if err := t.a.Send(ctx, t.b.PublicKey(), c.name, "secret"); err != nil {
					t.Error(err)
				}
				time.Sleep(2 * time.Second)
			} else {
				_, _ = t.a.Call(ctx, t.b.PublicKey(), c.name, "secret")
			}
			if lines := t.lines(); len(lines) != 1 || !maps.Equal(lines[0], want) {
				t.Errorf("%s: logged %v, want %v", c.name, lines, want)
			}
		}
	})
}

func TestLogOutgoingTellsWhyThereIsNoAnswer(t *testing.T) {
	inBubble(t, func(t *bubble) {
		t.handle("echo", echo)
		t.handle("fail", func(context.Context, *peernet.Request) (any, error) { return nil, peernet.ErrForbidden })
		t.handle("wait", func(ctx context.Context, _ *peernet.Request) (any, error) { <-ctx.Done(); return nil, ctx.Err() })
		log := middleware.LogOutgoing(t.logger(), slog.LevelInfo)
		short := middleware.TimeoutOutgoing(time.Second)
		breaks := func(peernet.Invoker) peernet.Invoker {
			return func(context.Context, *peernet.Outgoing) (peernet.Raw, error) { panic("secret") }
		}
		peer := t.b.PublicKey().Short()
		for _, c := range []struct {
			name, code         string
			args               any
			inside             peernet.OutgoingMiddleware
			took               time.Duration
			argBytes, gotBytes float64
		}{
			{"echo", "ok", "secret", short, 0, 6, 7},
			{"fail", "forbidden", 7, short, 0, -1, -1},
			{"nobody", "no_handler", nil, short, 0, -1, -1},
			{"wait", "deadline", nil, short, time.Second, -1, -1},
			{"echo", "too_large", strings.Repeat("x", 2<<20), short, 0, 2 << 20, -1},
			{"echo", "internal", nil, breaks, 0, -1, -1},
		} {
			func() {
				defer func() { _ = recover() }()
				_, _ = t.call(c.name, c.args, log, c.inside)
			}()
			want := map[string]any{"level": "INFO", "msg": "outgoing", "kind": "call", "peer": peer, "name": c.name, "code": c.code, "took": float64(c.took)}
			if c.argBytes >= 0 {
				want["args_bytes"] = c.argBytes
			}
			if c.gotBytes >= 0 {
				want["result_bytes"] = c.gotBytes
			}
			if lines := t.lines(); len(lines) != 1 || !maps.Equal(lines[0], want) {
				t.Errorf("%s: logged %v, want %v", c.name, lines, want)
			}
		}
		if err := t.a.Send(t.Context(), t.b.PublicKey(), "echo", nil, peernet.UseOutgoing(log)); err != nil {
			t.Error(err)
		}
		_, _ = t.a.Call(t.Context(), t.a.PublicKey(), "echo", nil, peernet.UseOutgoing(log))
		if err := t.a.Unpair(t.b.PublicKey()); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		_, _ = t.call("echo", nil, log)
		lines := t.lines()
		if len(lines) != 3 || lines[0]["kind"] != "send" || lines[1]["code"] != "self" || lines[2]["code"] != "not_trusted" {
			t.Errorf("logged %v", lines)
		}
	})
}

func TestLogBelowItsLevelIsSilence(t *testing.T) {
	inBubble(t, func(t *bubble) {
		t.handle("echo", echo, middleware.Log(t.logger(), slog.LevelDebug), middleware.Log(nil, slog.LevelError))
		if _, err := t.call("echo", nil, middleware.LogOutgoing(t.logger(), slog.LevelDebug), middleware.LogOutgoing(nil, slog.LevelError)); err != nil {
			t.Error(err)
		}
		if lines := t.lines(); len(lines) != 0 {
			t.Errorf("logged %v", lines)
		}
	})
}
