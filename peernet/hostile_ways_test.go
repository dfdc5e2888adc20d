package peernet_test

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// handle registers what a besieged node serves.
func (b *besieged) handle() {
	for name, h := range map[string]peernet.Handler{
		"echo":  echo,
		"never": func(ctx context.Context, _ *peernet.Request) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
		"large": func(context.Context, *peernet.Request) (any, error) { return make([]byte, 300_000), nil },
		"huge":  func(context.Context, *peernet.Request) (any, error) { return make([]byte, 2<<20), nil },
		"panic": func(context.Context, *peernet.Request) (any, error) { panic("at once") },
		"exit":  func(context.Context, *peernet.Request) (any, error) { runtime.Goexit(); return nil, nil },
		"note":  func(context.Context, *peernet.Request) (any, error) { <-b.open; return nil, nil },
		"soon": func(ctx context.Context, _ *peernet.Request) (any, error) {
			if end, ok := ctx.Deadline(); !ok || time.Until(end) > 24*time.Hour {
				b.Errorf("a handler has until %v, %v", end, ok)
			}
			return nil, nil
		},
	} {
		handle(b, b.node, name, h)
	}
	if err := peernet.Handle(b.node, "typed", func(_ context.Context, _ peernet.Caller, n int) (int, error) { return n, nil }); err != nil {
		b.Fatal(err)
	}
}

// most calls of a flood, and most messages of one.
const (
	manyCalls    = 500
	manyMessages = 20_000
)

// hostilities are the ways of a hostile peer. A node runs 8 calls of it at once, and keeps 8 of its sends.
var hostilities = []hostility{
	{name: "asks for large replies and does not read", deaf: true, say: callsOf("large", manyCalls)},
	{name: "sends large arguments and does not read", deaf: true, say: func(say func(...[]byte)) {
		for id := range envelope.CallID(50) {
			say(aCall(id+1, "echo", make([]byte, 100_000)))
		}
	}},
	{name: "calls what never returns", say: callsOf("never", manyCalls), check: func(b *besieged) {
		b.answered(9, manyCalls, envelope.CodeOverloaded)
		b.unanswered(1, 8)
	}},
	{name: "calls what panics", say: callsOf("panic", manyCalls), check: func(b *besieged) {
		b.answered(1, manyCalls, envelope.CodeInternal, envelope.CodeOverloaded)
	}},
	{name: "calls what ends its goroutine", say: callsOf("exit", manyCalls), check: func(b *besieged) {
		b.answered(1, manyCalls, envelope.CodeInternal, envelope.CodeOverloaded)
	}},
	{name: "calls for more than can be sent", say: callsOf("huge", 50), check: func(b *besieged) {
		b.answered(1, 50, envelope.CodeTooLarge, envelope.CodeOverloaded)
	}},
	{name: "calls what is not there", say: callsOf("nothing", manyCalls), check: func(b *besieged) {
		b.answered(1, manyCalls, envelope.CodeNoHandler, envelope.CodeOverloaded) // as what is there
	}},
	{name: "cancels everything at once", say: func(say func(...[]byte)) {
		for first := envelope.CallID(1); first <= manyCalls; first += 5 { // five at a time, so that there is room
			var all [][]byte
			for id := first; id < first+5; id++ {
				all = append(all, aCall(id, "never", nil))
			}
			for range 2 {
				for id := first; id < first+5; id++ {
					all = append(all, envelope.AppendCancel(nil, id), envelope.AppendCancel(nil, id+1_000_000))
				}
			}
			say(all...)
		}
	}, check: func(b *besieged) {
		b.answered(1, manyCalls, envelope.CodeCancelled, envelope.CodeOverloaded)
	}},
	{name: "floods with sends", say: flooding(aSend("note", make([]byte, 1000)))},
	{name: "floods with sends to nobody", say: flooding(aSend("nothing", make([]byte, 1000)))},
	{name: "floods with pings", say: flooding(envelope.Msgpack.AppendPing(nil, bytes.Repeat([]byte{1}, envelope.MaxNonce))), check: func(b *besieged) {
		if b.pongs == 0 {
			b.Error("no ping was answered")
		}
	}},
	{name: "floods with pongs", say: flooding(envelope.Msgpack.AppendPong(nil, []byte("12345678")))},
	{name: "floods with names of a later version", say: flooding(aSend("$/later", []any{map[string]any{"a": nil}, 1.5}))},
	{name: "floods with hellos", say: flooding(envelope.AppendHello(nil, envelope.Hello{Version: 7, Name: "another", Max: 1 << 31}))},
	{name: "floods with cancels", say: flooding(envelope.AppendCancel(nil, 1<<63))},
	{name: "answers what was never asked", say: flooding(encoded(envelope.Msgpack.AppendReply(nil, 1, "answer")),
		encoded(envelope.Msgpack.AppendError(nil, 1<<63, &envelope.RemoteError{Code: envelope.CodeFailed})))},
	{name: "uses an id twice", ends: true, say: func(say func(...[]byte)) { say(aCall(1, "never", nil), aCall(1, "echo", nil)) }},
	{name: "has no time, and too much", say: func(say func(...[]byte)) {
		for id, t := range []string{"\x00", "\x01", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "\xce\xff\xff\xff\xff"} {
			say(aCallWith(envelope.CallID(id+1), "soon", "\x81\xa1t"+t))
		}
	}, check: func(b *besieged) {
		b.answered(1, 1, envelope.CodeDeadline)
		b.answered(2, 4, "")
	}},
	{name: "has negative time", ends: true, say: func(say func(...[]byte)) { say(aCallWith(1, "soon", "\x81\xa1t\xff")) }},
	{name: "has a trace of 257 bytes", ends: true, say: func(say func(...[]byte)) {
		say(aCallWith(1, "soon", "\x81\xa5trace\xda\x01\x01"+string(bytes.Repeat([]byte{'0'}, 257))))
	}},
	{name: "has arguments of no type that is known", say: func(say func(...[]byte)) {
		deep := append(bytes.Repeat([]byte{0x91}, 31), 0xc0)
		say(aRawCall(1, "typed", []byte{0xd6, 0xff, 0, 0, 0, 0}), aRawCall(2, "typed", deep), aRawCall(3, "typed", []byte{0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1}),
			aRawCall(4, "typed", []byte{0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), aRawCall(5, "typed", []byte{0x81, 0xc0, 0xc0}), aRawCall(6, "echo", deep))
	}, check: func(b *besieged) {
		b.answered(1, 5, envelope.CodeBadArgs)
		b.answered(6, 6, "")
	}},
	{name: "has arguments that are too deep", ends: true, say: func(say func(...[]byte)) {
		say(aRawCall(1, "echo", append(bytes.Repeat([]byte{0x91}, 32), 0xc0)))
	}},
}

// answered checks that each of the calls from one id to another has one answer, with one of those codes; "": a result.
func (b *besieged) answered(from, to envelope.CallID, codes ...envelope.Code) {
	b.Helper()
	for id := from; id <= to; id++ {
		list := b.replies[id]
		if len(list) != 1 {
			b.Fatalf("%d answers to call %d, want one", len(list), id)
		}
		var code envelope.Code
		if list[0] != nil {
			code = list[0].Code
		}
		if !slices.Contains(codes, code) {
			b.Errorf("call %d is answered %q, want one of %q", id, code, codes)
		}
	}
}

// unanswered checks that none of the calls from one id to another has an answer.
func (b *besieged) unanswered(from, to envelope.CallID) {
	b.Helper()
	for id := from; id <= to; id++ {
		if len(b.replies[id]) != 0 {
			b.Errorf("call %d is answered", id)
		}
	}
}

// callsOf returns what calls so often, with ids from 1.
func callsOf(name string, n envelope.CallID) func(func(...[]byte)) {
	return func(say func(...[]byte)) {
		for id := range n {
			say(aCall(id+1, name, nil))
		}
	}
}

// flooding returns what says the same many times.
func flooding(plain ...[]byte) func(func(...[]byte)) {
	return func(say func(...[]byte)) {
		for range manyMessages / 100 {
			say(slices.Repeat(plain, 100)...)
		}
	}
}

func aCall(id envelope.CallID, name string, args any) []byte {
	return encoded(envelope.Msgpack.AppendCall(nil, id, name, envelope.Options{}, args))
}

// aRawCall is a call whose arguments are those bytes.
func aRawCall(id envelope.CallID, name string, args []byte) []byte {
	b := aCall(id, name, nil)
	return append(b[:len(b)-1], args...)
}

// aCallWith is a call with those bytes for options.
func aCallWith(id envelope.CallID, name, options string) []byte {
	b := append(aCall(id, name, nil), options...)
	b[0] = 0x95 // an array of five
	return b
}

func aSend(name string, args any) []byte {
	return encoded(envelope.Msgpack.AppendSend(nil, name, args))
}

func encoded(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
