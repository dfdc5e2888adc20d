package erlang_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// kinds are values of every kind, as Go has them and as Erlang prints them: docs/wire.md §13.4.
var kinds = []struct {
	value  any
	erlang string
}{
	{nil, "nil"},
	{true, "true"},
	{false, "false"},
	{envelope.Atom("ok"), "ok"},
	{envelope.Atom("two words"), "'two words'"},
	{envelope.Atom("Elixir.String"), "'Elixir.String'"},
	{int64(0), "0"},
	{int64(255), "255"},
	{int64(256), "256"},
	{int64(-1), "-1"},
	{int64(1<<31 - 1), "2147483647"},
	{int64(1 << 31), "2147483648"},
	{int64(-1 << 31), "-2147483648"},
	{int64(-1<<31 - 1), "-2147483649"},
	{int64(-1 << 63), "-9223372036854775808"},
	{uint64(1<<64 - 1), "18446744073709551615"},
	{new(big.Int).Lsh(big.NewInt(1), 64), "18446744073709551616"},
	{new(big.Int).Lsh(big.NewInt(-1), 100), "-1267650600228229401496703205376"},
	{1.5, "1.5"},
	{-1e100, "-1.0e100"},
	{5e-324, "5.0e-324"},
	{"text", `<<"text">>`},
	{"", "<<>>"},
	{"größer", `<<103,114,195,182,195,159,101,114>>`},
	{[]byte{0, 255, 1}, "<<0,255,1>>"},
	{[]any{}, "[]"},
	{[]any{int64(1), int64(2), int64(3)}, "[1,2,3]"},
	{[]any{int64(300), "x", nil}, `[300,<<"x">>,nil]`},
	{envelope.Tuple{}, "{}"},
	{envelope.Tuple{envelope.Atom("ok"), int64(1)}, "{ok,1}"},
	{envelope.Tuple{envelope.Atom("error"), envelope.Atom("ok")}, "{error,ok}"},
	{envelope.ImproperList{Elements: []any{int64(1), int64(2)}, Tail: envelope.Atom("ok")}, "[1,2|ok]"},
	{map[string]any{}, "#{}"},
	{map[string]any{"a": int64(1)}, `#{<<"a">> => 1}`},
	{map[any]any{envelope.Atom("node"): "x"}, `#{node => <<"x">>}`},
	{map[any]any{int64(1): map[string]any{"deep": []any{envelope.Tuple{nil}}}}, `#{1 => #{<<"deep">> => [{nil}]}}`},
}

// Every kind of term goes both ways, as argument and as result, in both roles, and arrives as the other language has it.
func TestCallsWithEveryKindOfTerm(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			n, b := pairOf(t, role)
			b.do("{know,['two words','Elixir.String']}")
			b.do("{expose,echo,echo}")
			b.sync()
			var heard any
			handle(t, n, "echo", func(_ context.Context, r *peernet.Request) (any, error) {
				heard = nil
				return r.Args(), r.Args().Decode(&heard)
			})
			for i, k := range kinds {
				got, err := peernet.Call[any](patiently(t), n.Node, b.keys.PublicKey(), "echo", k.value)
				if line := b.await("{call,echo,"); line != "{call,echo,"+k.erlang+"}" {
					t.Errorf("%d: %#v arrives as %s, want %s", i, k.value, line, k.erlang)
				}
				if err != nil || !reflect.DeepEqual(got, k.value) {
					t.Errorf("%d: %#v comes back as %#v, %v", i, k.value, got, err)
				}
				if result := b.call(n, "echo", k.erlang); result != "{ok,"+k.erlang+"}" || !reflect.DeepEqual(heard, k.value) {
					t.Errorf("%d: %s arrives as %#v and comes back as %s", i, k.erlang, heard, result)
				}
			}
			b.never(`{closed,"`, "{gave_up,")
		})
	}
}

// The errors of either side's handlers reach the other as its own, and cost no session.
func TestErrorsOfHandlers(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			n, b := pairOf(t, role)
			for _, h := range []string{"forbidden,forbidden", "crash,crash", "throw,throw", "exit,exit", "exit_with_pid,exit_with_pid", "pid,pid",
				"says_no,{value,{error,not_today}}"} {
				b.do("{expose,%s}", h)
			}
			b.do("{know,[void,not_today]}")
			b.sync()
			for _, c := range []struct {
				name string
				args any
				want error
				text string
			}{
				{"void", nil, peernet.ErrNoHandler, ""},
				{"forbidden", nil, peernet.ErrForbidden, ""},
				{"crash", "on purpose", peernet.ErrInternal, "on purpose"},
				{"throw", envelope.Tuple{1, 2}, peernet.ErrInternal, "throw"},
				{"exit", "quits", peernet.ErrInternal, "quits"},
				{"exit_with_pid", nil, envelope.ErrDecode, ""},
				{"pid", nil, envelope.ErrDecode, ""},
			} {
				_, err := n.Call(patiently(t), b.keys.PublicKey(), c.name, c.args)
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || errors.Is(err, peernet.ErrLinkLost) {
					t.Errorf("%s: %v, want %v with %q", c.name, err, c.want, c.text)
				}
			}
			value, err := peernet.Call[any](patiently(t), n.Node, b.keys.PublicKey(), "says_no", nil)
			if want := (envelope.Tuple{envelope.Atom("error"), envelope.Atom("not_today")}); err != nil || !reflect.DeepEqual(value, want) {
				t.Errorf("a handler that returns {error, _} gives %#v, %v", value, err)
			}

			handle(t, n, "secret", echo, peernet.Authorize(func(context.Context, peernet.Caller) bool { return false }))
			handle(t, n, "forbidden", func(context.Context, *peernet.Request) (any, error) { return nil, peernet.ErrForbidden })
			handle(t, n, "crash", func(context.Context, *peernet.Request) (any, error) { panic("on purpose") })
			handle(t, n, "fails", func(context.Context, *peernet.Request) (any, error) { return nil, errors.New("on purpose") })
			handle(t, n, "busy", func(context.Context, *peernet.Request) (any, error) {
				return nil, peernet.NewError("busy", "later", nil)
			})
			handle(t, n, "huge", func(context.Context, *peernet.Request) (any, error) { return make([]byte, 2<<20), nil })
			for _, c := range []struct{ name, want string }{
				{"void", "{error,no_such_handle}"},
				{"secret", "{error,no_such_handle}"},
				{"forbidden", "{error,forbidden}"},
				{"crash", `{error,{handler_crash,<<"internal`},
				{"fails", `{error,{handler_crash,<<"failed`},
				{"busy", `{error,{handler_crash,<<"busy: later">>}}`},
				{"huge", `{error,{handler_crash,<<"too_large`},
			} {
				if got := b.call(n, c.name, "1"); !strings.HasPrefix(got, c.want) {
					t.Errorf("%s: the peer gets %s, want %s", c.name, got, c.want)
				}
			}
			b.never(`{closed,"`, "{gave_up,")
		})
	}
}

// Sends arrive in order, both ways, and pings are answered, an empty one too.
func TestSendsAndPings(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			n, b := pairOf(t, role)
			const count = 200
			heard := make(chan int, count)
			handle(t, n, "note", func(_ context.Context, r *peernet.Request) (any, error) {
				var i int
				err := r.Args().Decode(&i)
				heard <- i
				return nil, err
			})
			b.do("{expose,note,echo}")
			b.sync()
			for i := range count {
				if err := n.Send(patiently(t), b.keys.PublicKey(), "note", i); err != nil {
					t.Fatal(err)
				}
				b.do("{send,%s,note,%d}", digits(n.PublicKey()), i)
			}
			for i := range count {
				if got, want := b.await("{send,note,"), fmt.Sprintf("{send,note,%d}", i); got != want {
					t.Fatalf("%s arrives, want %s", got, want)
				}
				select {
				case got := <-heard:
					if got != i {
						t.Fatalf("send %d arrives, want %d", got, i)
					}
				case <-patiently(t).Done():
					t.Fatalf("send %d does not arrive", i)
				}
			}
			if _, err := n.Ping(patiently(t), b.keys.PublicKey()); err != nil {
				t.Error(err)
			}
			for _, nonce := range []string{"<<>>", "<<1,2,3>>"} {
				b.do("{ping,%s,%s}", digits(n.PublicKey()), nonce)
				b.await("{pong," + digits(n.PublicKey()) + "," + nonce + "}")
			}
			b.never(`{closed,"`, "{gave_up,")
		})
	}
}

// A call takes as long as the peer's handler, and longer than the pings that it does not answer meanwhile.
func TestHandlersThatBlockPongs(t *testing.T) {
	t.Parallel()
	b := startBEAM(t)
	timing := peernet.Timing{PingAfter: 100e6, Pong: 100e6}
	n := startNode(t, peernet.Config{Timing: timing})
	trust(t, n, b)
	connect(t, n, b, "go dials")
	b.do("{expose,doze,sleep}")
	b.sync()
	got, err := peernet.Call[envelope.Atom](patiently(t), n.Node, b.keys.PublicKey(), "doze", 2000)
	if err != nil || got != "slept" {
		t.Errorf("a handler that takes 2 s: %q, %v", got, err)
	}
	b.never(`{closed,"`)
}
