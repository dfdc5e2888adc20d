package middleware

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Log writes one line at level when a request is over. It has the caller's key, shortened as in the node's own log (peer), our
// label for it, the handler's name, the code of the error ("ok" if there is none), how long the handler took, and the sizes of
// the arguments and of a result of bytes or a string. It never has their contents, nor the text of an error. A nil log is
// silence.
func Log(log *slog.Logger, level slog.Level) peernet.Middleware {
	return func(next peernet.Handler) peernet.Handler {
		return func(ctx context.Context, r *peernet.Request) (result any, err error) {
			if log == nil || !log.Enabled(ctx, level) {
				return next(ctx, r)
			}
			began := time.Now()
			code := string(peernet.CodeInternal) // of a panic, which is not recovered here
			defer func() {
				c := r.Caller()
				line := newLine(c.Key, r.Name(), kindOf(r.IsSend(), r.IsStream()), code, began, r.Args(), result)
				if c.Label != "" {
					line = append(line, slog.String("label", c.Label))
				}
				log.LogAttrs(ctx, level, "request", line...)
			}()
			result, err = next(ctx, r)
			if code = string(peernet.AnswerCode(ctx, err)); code == "" {
				code = "ok"
			}
			return result, err
		}
	}
}

// LogOutgoing writes the same for calls and sends that go out. If the peer did not answer, the code is a word for the reason:
// "not_connected", "link_lost" and the like. A nil log is silence.
func LogOutgoing(log *slog.Logger, level slog.Level) peernet.OutgoingMiddleware {
	return func(next peernet.Invoker) peernet.Invoker {
		return func(ctx context.Context, o *peernet.Outgoing) (result peernet.Raw, err error) {
			if log == nil || !log.Enabled(ctx, level) {
				return next(ctx, o)
			}
			began, asked := time.Now(), *o
			code := string(peernet.CodeInternal)
			defer func() {
				line := newLine(asked.Peer, asked.Name, kindOf(asked.IsSend, asked.IsStream), code, began, asked.Args, result)
				log.LogAttrs(ctx, level, "outgoing", line...)
			}()
			result, err = next(ctx, o)
			code = codeOf(err)
			return result, err
		}
	}
}

// kindOf returns the word for a request.
func kindOf(isSend, isStream bool) string {
	switch {
	case isSend:
		return "send"
	case isStream:
		return "stream"
	}
	return "call"
}

func newLine(peer identity.PublicKey, name, kind, code string, began time.Time, args, result any) []slog.Attr {
	line := append(make([]slog.Attr, 0, 8), slog.String("kind", kind), slog.Any("peer", peer),
		slog.String("name", name), slog.String("code", code), slog.Duration("took", time.Since(began)))
	if n, known := sizeOf(args); known {
		line = append(line, slog.Int("args_bytes", n))
	}
	if n, known := sizeOf(result); known {
		line = append(line, slog.Int("result_bytes", n))
	}
	return line
}

// sizeOf returns how many bytes v has, if it is known without encoding v.
func sizeOf(v any) (n int, known bool) {
	switch v := v.(type) {
	case peernet.Raw:
		return len(v.Bytes()), !v.IsZero()
	case []byte:
		return len(v), true
	case string:
		return len(v), true
	}
	return 0, false
}

// local has the words for errors of this node.
var local = []struct {
	err  error
	word string
}{
	{peernet.ErrNotTrusted, "not_trusted"},
	{peernet.ErrSelf, "self"},
	{peernet.ErrNotConnected, "not_connected"},
	{peernet.ErrLinkLost, "link_lost"},
	{peernet.ErrNotStarted, "not_started"},
	{peernet.ErrClosed, "closed"},
	{peernet.ErrTooLarge, string(peernet.CodeTooLarge)}, // of the peer too
}

// codeOf returns the word for err: its code, or the reason if no peer answered.
func codeOf(err error) string {
	if err == nil {
		return "ok"
	}
	for _, l := range local {
		if errors.Is(err, l.err) {
			return l.word
		}
	}
	return string(peernet.CodeOf(err))
}
