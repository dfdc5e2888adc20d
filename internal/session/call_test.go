package session

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// A calling is a call on its way.
type calling struct {
	done   chan struct{}
	result envelope.Raw
	err    error
}

// goCall calls the peer and lets the session do what it does about that.
func (e *end) goCall(ctx context.Context, name string, args any) *calling {
	c := &calling{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.result, c.err = e.link.Call(ctx, name, "", args)
	}()
	synctest.Wait()
	return c
}

// wait returns the call's error, once it has ended.
func (c *calling) wait(t *testing.T) error {
	t.Helper()
	<-c.done
	return c.err
}

// waits says that the call has not ended.
func (c *calling) waits() bool {
	synctest.Wait()
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

func (c *calling) want(t *testing.T, want any) {
	t.Helper()
	if err := c.wait(t); err != nil {
		t.Errorf("the call failed: %v", err)
		return
	}
	if got := must(envelope.Msgpack.AppendValue(nil, want)); !bytes.Equal(c.result.Bytes(), got) {
		t.Errorf("result %x, want %x", c.result.Bytes(), got)
	}
}

// wantLink fails unless the call failed with the session, for that reason, and says rightly whether it was sent.
func (c *calling) wantLink(t *testing.T, reason envelope.Reason, byPeer, sent bool) {
	t.Helper()
	err := c.wait(t)
	if link, ok := errors.AsType[*LinkError](err); !ok || link.Reason != reason || link.ByPeer != byPeer || link.Sent != sent {
		t.Errorf("the call failed with %#v, want a LinkError: %s, by the peer %v, sent %v", err, reason, byPeer, sent)
	}
}

// wantAbandoned fails unless the call failed with its context, and says rightly whether it was sent.
func (c *calling) wantAbandoned(t *testing.T, cause error, sent bool) {
	t.Helper()
	err := c.wait(t)
	if a, ok := errors.AsType[*AbandonedError](err); !ok || a.Sent != sent || !errors.Is(err, cause) {
		t.Errorf("the call failed with %#v, want an AbandonedError: %v, sent %v", err, cause, sent)
	}
}

func TestCallsBothWays(t *testing.T) {
	for _, role := range []handshake.Role{handshake.Initiator, handshake.Responder} {
		t.Run(role.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(role)
				one, two := e.goCall(t.Context(), "one", "a"), e.goCall(t.Context(), "two", 2)
				r.want(aCall(1, "one", "a"), aCall(2, "two", 2))
				r.say(aCall(1, "echo", "the same id, the other way"))
				r.want(aReply(1, "the same id, the other way"))
				r.say(aReply(2, "second"), aReply(1, nil))
				two.want(t, "second")
				one.want(t, nil)
				r.say(aSend("note", "hi"))
				if s := e.served.sent(); len(s) != 1 || string(s[0].Name) != "note" {
					t.Errorf("%d sends were handled", len(s))
				}
				if err := e.link.Send(t.Context(), "news", []int{1}); err != nil {
					t.Error(err)
				}
				r.want(aSend("news", []int{1}))
				if n := e.link.callers.Load(); n != 0 {
					t.Errorf("%d calls are counted that have ended", n)
				}
			})
		})
	}
}

func TestErrorRepliesAreRemoteErrors(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Initiator)
		c := e.goCall(t.Context(), "x", nil)
		r.want(aCall(1, "x", nil))
		r.say(aRefusal(1, envelope.CodeNoHandler, "nobody"))
		err := c.wait(t)
		remote, ok := errors.AsType[*envelope.RemoteError](err)
		if !ok || remote.Code != envelope.CodeNoHandler || remote.Text != "nobody" || !errors.Is(err, envelope.ErrNoHandler) {
			t.Errorf("the call failed with %#v", err)
		}
	})
}

// TestOptionsOfACall holds wire.md §6.3: the time left travels, and the trace.
func TestOptionsOfACall(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Initiator)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		go func() { _, _ = e.link.Call(ctx, "x", "00-trace-01", nil) }()
		r.want(must(envelope.Msgpack.AppendCall(nil, 1, "x", envelope.Options{HasTimeout: true, Timeout: 1500 * time.Millisecond, Trace: "00-trace-01"}, nil)))
		r.say(aReply(1, nil))
	})
}

// TestCancelledCallTellsThePeer also sends the late reply, which is dropped.
func TestCancelledCallTellsThePeer(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Initiator)
		ctx, cancel := context.WithCancel(t.Context())
		c := e.goCall(ctx, "slow", nil)
		r.want(aCall(1, "slow", nil))
		cancel()
		c.wantAbandoned(t, context.Canceled, true)
		r.want(aCancel(1))
		r.say(aReply(1, "late"), aReply(1, "later still"), aRefusal(99, "cancelled", ""))
		next := e.goCall(t.Context(), "next", nil)
		r.want(aCall(2, "next", nil))
		r.say(aReply(1, "no"), aReply(2, "yes"))
		next.want(t, "yes")
		e.alive(open)
	})
}

func TestDeadlineOfACallIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Initiator)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		c := e.goCall(ctx, "slow", nil)
		c.wantAbandoned(t, context.DeadlineExceeded, true)
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("after %v", d)
		}
		_, _ = r.Next()
		r.want(aCancel(1))
	})
}

// TestPeerIsFirstToNoticeTheDeadline lets the peer's answer and the caller's own clock end the call in the same moment: whichever
// is first, the caller hears it as the end of its context. Before that it is the peer's own word.
func TestPeerIsFirstToNoticeTheDeadline(t *testing.T) {
	for _, code := range []envelope.Code{envelope.CodeDeadline, envelope.CodeCancelled} {
		bubble(t, func(t *testing.T, w *world) {
			e, r := w.open(handshake.Initiator)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			early, late := e.goCall(ctx, "x", nil), e.goCall(ctx, "x", nil)
			_, _ = r.Next()
			_, _ = r.Next()
			r.say(aRefusal(1, code, ""))
			if _, ok := errors.AsType[*envelope.RemoteError](early.wait(t)); !ok {
				t.Errorf("the call failed with %#v", early.err)
			}
			time.Sleep(time.Second)
			r.say(aRefusal(2, code, ""))
			late.wantAbandoned(t, context.DeadlineExceeded, true)
		})
	}
}

func TestDeadContextSendsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Initiator)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e.goCall(ctx, "x", nil).wantAbandoned(t, context.Canceled, false)
		err := e.link.Send(ctx, "x", nil)
		if a, ok := errors.AsType[*AbandonedError](err); !ok || a.Sent {
			t.Errorf("the send failed with %#v", err)
		}
		if err := e.link.Send(t.Context(), "the first", nil); err != nil {
			t.Error(err)
		}
		r.want(aSend("the first", nil))
	})
}

// TestProtocolNamesAreNotTheApplications holds wire.md §6.5: an application cannot say bye by a send.
func TestProtocolNamesAreNotTheApplications(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Initiator)
		if err := e.goCall(t.Context(), "$/x", nil).wait(t); !errors.Is(err, envelope.ErrNameReserved) {
			t.Errorf("the call failed with %v", err)
		}
		for name, want := range map[string]error{
			"": envelope.ErrNameLength, strings.Repeat("x", 256): envelope.ErrNameLength, "a\nb": envelope.ErrNameControl, "\xff": envelope.ErrNameUTF8,
		} {
			for _, err := range []error{e.goCall(t.Context(), name, nil).wait(t), e.link.Send(t.Context(), name, nil)} {
				if !errors.Is(err, want) || strings.Contains(err.Error(), "arguments") {
					t.Errorf("the name %.20q: %v, want %v", name, err, want)
				}
			}
		}
		if err := e.link.Send(t.Context(), envelope.NameBye, []string{"shutdown"}); !errors.Is(err, envelope.ErrNameReserved) {
			t.Errorf("the send failed with %v", err)
		}
		r.say(aPing(1))
		r.want(aPong(1))
	})
}

// TestPeersCancelReachesTheHandler holds wire.md §6.9; the Inbound ignores an id that is not in flight.
func TestPeersCancelReachesTheHandler(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		e.served.serve(nil)
		r.say(aCall(7, "slow", nil), aCancel(7), aCancel(8))
		if got, want := e.served.cancelled(), []envelope.CallID{7, 8}; !slices.Equal(got, want) {
			t.Errorf("cancelled %v, want %v", got, want)
		}
		e.served.reply(7, nil, &envelope.RemoteError{Code: envelope.CodeCancelled})
		r.want(aRefusal(7, envelope.CodeCancelled, ""))
	})
}

// TestTooLargeCallFailsHere holds wire.md §6.1: an application's own data never costs it the session. The largest that
// fits does fit.
func TestTooLargeCallFailsHere(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Initiator)
		empty := len(aCall(1, "x", make([]byte, 1<<16))) - 1<<16 // bin 32 from here on
		most := frame.DefaultLimit - channel.Overhead - empty
		for name, try := range map[string]func() error{
			"call": func() error { return e.goCall(t.Context(), "x", make([]byte, most+1)).wait(t) },
			"send": func() error { return e.link.Send(t.Context(), "xx", make([]byte, most+1)) },
		} {
			err := try()
			size, ok := errors.AsType[*SizeError](err)
			if !ok || size.Size != frame.DefaultLimit+1 || size.Limit != frame.DefaultLimit || !errors.Is(err, envelope.ErrTooLarge) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := e.goCall(t.Context(), "bad", make(chan int)).wait(t); err == nil || errors.Is(err, envelope.ErrTooLarge) || errors.Is(err, ErrLinkLost) {
			t.Errorf("a call that cannot be encoded: %v", err)
		}
		c := e.goCall(t.Context(), "x", make([]byte, most))
		plain, err := r.Next()
		if err != nil || len(plain) != frame.DefaultLimit-channel.Overhead {
			t.Fatalf("heard %d bytes, %v", len(plain), err)
		}
		var got envelope.Envelope
		if err := envelope.Msgpack.Parse(plain, &got); err != nil {
			t.Fatal(err)
		}
		r.say(aReply(got.ID, "fits"))
		c.want(t, "fits")
	})
}

// TestHelloRaisesTheSize holds wire.md §6.7: it counts once it is received, in one direction, and never lowers the size.
func TestHelloRaisesTheSize(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.connect(w.config(ours, theirs), handshake.Responder)
		r.Handshake()
		r.want(helloOf(e.config))
		r.say(aPing(1))
		r.want(aPong(1))
		args := make([]byte, 1500<<10)
		if err := e.goCall(t.Context(), "x", args).wait(t); !errors.Is(err, envelope.ErrTooLarge) {
			t.Errorf("before hello: %v", err)
		}
		r.say(envelope.AppendHello(nil, envelope.Hello{Version: 1, Max: 2 << 20}))
		c := e.goCall(t.Context(), "x", args)
		r.want(aCall(2, "x", args))
		r.say(aReply(2, nil))
		c.want(t, nil)
		r.Write(frame.AppendHeader(nil, frame.DefaultLimit+1)) // it says nothing about the other direction
		r.wantProtocol(e)
	})
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.connect(w.config(ours, theirs), handshake.Responder)
		r.Handshake()
		r.want(helloOf(e.config))
		r.say(envelope.AppendHello(nil, envelope.Hello{Version: 1, Max: 5}))
		if got := e.link.largest.Load(); got != frame.DefaultLimit {
			t.Errorf("the peer is taken to accept %d bytes, want %d: every node does", got, frame.DefaultLimit)
		}
	})
}

// TestOwnLimitIsKept raises what this node accepts.
func TestOwnLimitIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder, func(c *Config) { c.FrameLimit, c.Hello.Max = 3<<20, 3<<20 })
		args := bytes.Repeat([]byte("abc"), 800<<10)
		r.Write(r.Frames(aSend("large", args)))
		synctest.Wait()
		sends := e.served.sent()
		if want := must(envelope.Msgpack.AppendValue(nil, args)); len(sends) != 1 || !bytes.Equal(sends[0].Args, want) {
			t.Fatalf("%d sends were handled", len(sends))
		}
		r.Write(frame.AppendHeader(nil, 3<<20+1))
		r.wantProtocol(e)
	})
}

// TestReplyThatCannotBeSentBecomesOneThatCan holds wire.md §6.1 and §6.4.
func TestReplyThatCannotBeSentBecomesOneThatCan(t *testing.T) {
	big := strings.Repeat("x", 2<<20)
	data, err := envelope.RawOf(envelope.Msgpack, big)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		value   any
		refusal *envelope.RemoteError
		want    envelope.Code
		text    string
	}{
		"too large":             {big, nil, envelope.CodeTooLarge, "the result has 2097177 bytes, the caller accepts 1048576: ask for it in parts"},
		"cannot be encoded":     {make(chan int), nil, envelope.CodeInternal, "the result cannot be encoded"},
		"error with large text": {nil, &envelope.RemoteError{Code: "mine", Text: big}, "mine", big[:envelope.MaxText]},
		"error with large data": {nil, &envelope.RemoteError{Code: "mine", Text: "short", Data: data}, "mine", "short"},
		"error without a code":  {nil, &envelope.RemoteError{Text: "short"}, envelope.CodeInternal, "short"},
		"invalid code":          {nil, &envelope.RemoteError{Code: "not a code"}, envelope.CodeInternal, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				e.served.serve(func(s *stub, m envelope.Envelope) { s.reply(m.ID, c.value, c.refusal) })
				r.say(aCall(3, "x", nil))
				plain, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				var got envelope.Envelope
				if err := envelope.Msgpack.Parse(plain, &got); err != nil || got.ID != 3 || got.Err == nil || got.Err.Code != c.want || got.Err.Text != c.text {
					t.Errorf("the peer heard %.100x, %v", plain, err)
				}
				e.served.serve(echo)
				r.say(aCall(3, "x", "and on"))
				r.want(aReply(3, "and on"))
			})
		})
	}
}

func TestEndedSessionTakesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		r.say(envelope.AppendBye(nil, envelope.Bye{Code: envelope.ReasonRevoked, Text: "gone"}))
		e.ended()
		e.goCall(t.Context(), "x", nil).wantLink(t, envelope.ReasonRevoked, true, false)
		err := e.link.Send(t.Context(), "x", nil)
		if l, ok := errors.AsType[*LinkError](err); !ok || l.Reason != envelope.ReasonRevoked || !l.ByPeer || l.Text != "gone" || l.Sent {
			t.Errorf("the send failed with %#v", err)
		}
		if _, err := e.link.Ping(t.Context()); !errors.Is(err, ErrLinkLost) {
			t.Errorf("the ping failed with %v", err)
		}
		e.link.Reply(1, "nobody", nil)
		if !e.link.Refuse(1, &envelope.RemoteError{Code: "x"}) {
			t.Error("a refusal after the end counts as one too many")
		}
		e.link.Close(Close{Reason: envelope.ReasonShutdown})
		e.link.Probe(Probe{Within: time.Second})
		e.link.CheckDrained()
	})
}
