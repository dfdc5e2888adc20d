package etf

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// term returns the bytes of v.
func term(t testing.TB, v any) []byte {
	t.Helper()
	b, err := Codec.AppendValue(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// whole returns v as an envelope.
func whole(t testing.TB, v any) []byte {
	t.Helper()
	return append([]byte{version}, term(t, v)...)
}

// TestWhyEnvelopesAreRefused names the reason for each wrong shape. All of them end the session.
func TestWhyEnvelopesAreRefused(t *testing.T) {
	long := strings.Repeat("n", envelope.MaxName+1)
	for name, c := range map[string]struct {
		v    any
		want error
	}{
		"no tuple":          {[]int{1}, ErrTuple},
		"empty tuple":       {tuple{}, envelope.ErrArity},
		"unknown kind":      {tuple{atom("exec"), 1}, envelope.ErrKind},
		"kind not an atom":  {tuple{"ping", []byte("x")}, ErrNotAtom},
		"short call":        {tuple{atom("call"), 1, atom("echo")}, envelope.ErrArity},
		"long send":         {tuple{atom("send"), atom("echo"), 1, 2}, envelope.ErrArity},
		"long reply":        {tuple{atom("reply"), 1, tuple{atom("ok"), 1}, 2}, envelope.ErrArity},
		"id 0":              {tuple{atom("call"), 0, atom("echo"), nil}, envelope.ErrID},
		"id below 0":        {tuple{atom("reply"), -1, tuple{atom("ok"), 1}}, envelope.ErrID},
		"id a float":        {tuple{atom("call"), 1.0, atom("echo"), nil}, envelope.ErrInteger},
		"id of 65 bits":     {tuple{atom("call"), bigOf(64), atom("echo"), nil}, envelope.ErrID},
		"name a binary":     {tuple{atom("call"), 1, "echo", nil}, ErrNotAtom},
		"name empty":        {tuple{atom("call"), 1, atom(""), nil}, envelope.ErrNameLength},
		"name long":         {tuple{atom("send"), atom(strings.Repeat("ä", 200)), nil}, envelope.ErrNameLength},
		"name with control": {tuple{atom("send"), atom("a\n"), nil}, envelope.ErrNameControl},
		"reserved name":     {tuple{atom("send"), atom("$/bye"), nil}, envelope.ErrNameReserved},
		"nonce not bytes":   {tuple{atom("ping"), 5}, envelope.ErrBinary},
		"nonce long":        {tuple{atom("pong"), make([]byte, envelope.MaxNonce+1)}, envelope.ErrNonce},
	} {
		var e envelope.Envelope
		if err := Codec.Parse(whole(t, c.v), &e); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	for name, err := range map[string]error{
		"id":       second(Codec.AppendCall(nil, 0, "x", envelope.Options{}, nil)),
		"reply id": second(Codec.AppendReply(nil, 0, nil)),
		"error id": second(Codec.AppendError(nil, 0, &envelope.RemoteError{Code: "x"})),
	} {
		if !errors.Is(err, envelope.ErrID) {
			t.Errorf("%s: got %v, want ErrID", name, err)
		}
	}
	for name, want := range map[string]error{"$/hello": envelope.ErrNameReserved, "": envelope.ErrNameLength, long: envelope.ErrNameLength} {
		if _, err := Codec.AppendCall(nil, 1, name, envelope.Options{}, nil); !errors.Is(err, want) {
			t.Errorf("call %q: got %v, want %v", name, err, want)
		}
		if _, err := Codec.AppendSend(nil, name, nil); !errors.Is(err, want) {
			t.Errorf("send %q: got %v, want %v", name, err, want)
		}
	}
	if _, err := Codec.AppendError(nil, 1, &envelope.RemoteError{Code: "no code"}); !errors.Is(err, envelope.ErrCode) {
		t.Errorf("got %v, want ErrCode", err)
	}
}

// bigOf returns 2^bits.
func bigOf(bits uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), bits) }

func second[A, B any](_ A, b B) B { return b }

// TestNonces shows that a nonce of this dialect may be empty, and that a longer one than MaxNonce is a fault of the caller.
func TestNonces(t *testing.T) {
	for _, size := range []int{0, 1, 16, envelope.MaxNonce} {
		var e envelope.Envelope
		nonce := make([]byte, size)
		if err := Codec.Parse(Codec.AppendPing(nil, nonce), &e); err != nil || e.Kind != envelope.KindPing || len(e.Nonce) != size {
			t.Errorf("ping of %d: %v, %+v", size, err, e)
		}
		if err := Codec.Parse(Codec.AppendPong(nil, nonce), &e); err != nil || e.Kind != envelope.KindPong || len(e.Nonce) != size {
			t.Errorf("pong of %d: %v, %+v", size, err, e)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a nonce of 65 bytes is written")
		}
	}()
	Codec.AppendPing(nil, make([]byte, envelope.MaxNonce+1))
}

// TestEnvelopesKeepWithinTheLimits finds the largest args and results that pass, on both sides alike.
func TestEnvelopesKeepWithinTheLimits(t *testing.T) {
	var e envelope.Envelope
	deep := func(levels int) (v any) {
		for range levels {
			v = []any{v}
		}
		return v
	}
	for levels, want := range map[int]error{maxDepth - 1: nil, maxDepth: envelope.ErrDepth} {
		call, err := Codec.AppendCall(nil, 1, "x", envelope.Options{}, deep(levels))
		reply, replyErr := Codec.AppendReply(nil, 1, deep(levels))
		if !errors.Is(err, want) || !errors.Is(replyErr, want) {
			t.Errorf("%d levels: written with %v, %v, want %v", levels, err, replyErr, want)
		}
		if want == nil && (Codec.Parse(call, &e) != nil || Codec.Parse(reply, &e) != nil || e.Err != nil) {
			t.Errorf("%d levels are written, but not read", levels)
		}
	}
	raw := append([]byte{version, tagSmallTuple, 3}, appendAtom(appendAtom(nil, "send"), "x")...)
	for range maxDepth {
		raw = append(raw, tagSmallTuple, 1)
	}
	if err := Codec.Parse(append(raw, tagNil), &e); !errors.Is(err, envelope.ErrDepth) {
		t.Errorf("read: got %v, want ErrDepth", err)
	}
	for n, want := range map[int]error{maxElements - callElements - 1: nil, maxElements - callElements: envelope.ErrElements} {
		call, err := Codec.AppendCall(nil, 1, "x", envelope.Options{}, make([]bool, n))
		if !errors.Is(err, want) {
			t.Errorf("%d elements: written with %v, want %v", n, err, want)
		}
		if want == nil && Codec.Parse(call, &e) != nil {
			t.Errorf("%d elements are written, but not read", n)
		}
	}
}

// TestVectorsOfErrors reads the replies of that node that are errors.
func TestVectorsOfErrors(t *testing.T) {
	want := map[string]envelope.RemoteError{
		"reply_no_such_handle":         {Code: envelope.CodeNoHandler},
		"reply_forbidden":              {Code: envelope.CodeForbidden},
		"reply_timeout":                {Code: "timeout"},
		"reply_handler_crash_raise":    {Code: envelope.CodeInternal, Text: "RuntimeError: boom"},
		"reply_handler_crash_badmatch": {Code: envelope.CodeInternal, Text: `MatchError: {"$atoms":{"__exception__":true,"__struct__":{"$atom":"Elixir.MatchError"},"term":2}}`},
		"reply_handler_crash_arith":    {Code: envelope.CodeInternal, Text: "ArithmeticError: bad argument in arithmetic expression"},
		"reply_handler_crash_throw":    {Code: envelope.CodeInternal, Text: `{"$tuple":[{"$atom":"throw"},{"$atom":"nope"}]}`},
		"reply_handler_crash_exit":     {Code: envelope.CodeInternal, Text: `{"$tuple":[{"$atom":"exit"},{"$tuple":[{"$atom":"shutdown"},"bye"]}]}`},
	}
	for _, v := range vectors.Envelopes(t) {
		var e envelope.Envelope
		if err := Codec.Parse(v.ETF, &e); err != nil {
			t.Fatal(err)
		}
		if (e.Err != nil) != (e.Kind == envelope.KindReply && e.Result == nil) {
			t.Errorf("%s: both or neither of a result and an error", v.Name)
		}
		if e.Err == nil {
			continue
		}
		w, known := want[v.Name]
		if !known || e.Err.Code != w.Code || e.Err.Text != w.Text {
			t.Errorf("%s: got %s: %s", v.Name, e.Err.Code, e.Err.Text)
		}
		var data any
		if strings.Contains(v.Name, "crash") && (e.Err.Data.IsZero() || e.Err.Data.Decode(&data) != nil) {
			t.Errorf("%s: no data", v.Name)
		}
		delete(want, v.Name)
	}
	for name := range want {
		t.Errorf("%s is not in the file", name)
	}
}

// TestErrorsMapBothWays sends every code, and reads what comes of it: as the atoms that a node on the BEAM knows, or as a
// binary inside handler_crash.
func TestErrorsMapBothWays(t *testing.T) {
	crash := func(s string) any { return tuple{atom("handler_crash"), s} }
	for _, c := range []struct {
		code   envelope.Code
		text   string
		reason any
		back   string // the text that comes back
	}{
		{envelope.CodeNoHandler, "gone", atom("no_such_handle"), ""},
		{envelope.CodeForbidden, "not you", atom("forbidden"), ""},
		{envelope.CodeInternal, "incident 7", crash("internal: incident 7"), "incident 7"},
		{envelope.CodeFailed, "a: b", crash("failed: a: b"), "a: b"},
		{envelope.CodeBadArgs, "", crash("bad_args"), ""},
		{envelope.CodeOverloaded, "256 calls", crash("overloaded: 256 calls"), "256 calls"},
		{envelope.CodeCancelled, "", crash("cancelled"), ""},
		{envelope.CodeDeadline, "", crash("deadline"), ""},
		{envelope.CodeTooLarge, "2 MiB", crash("too_large: 2 MiB"), "2 MiB"},
		{"quota", "bad \xff byte", crash("quota: bad \uFFFD byte"), "bad \uFFFD byte"},
	} {
		got, err := Codec.AppendError(nil, 9, &envelope.RemoteError{Code: c.code, Text: c.text, Data: envelope.NewRaw(envelope.Msgpack, []byte{1})})
		if want := whole(t, tuple{atom("reply"), 9, tuple{atom("error"), c.reason}}); err != nil || string(got) != string(want) {
			t.Errorf("%s: got %x, %v, want %x", c.code, got, err, want)
		}
		var e envelope.Envelope
		if err := Codec.Parse(got, &e); err != nil || e.ID != 9 || e.Err == nil || e.Err.Code != c.code || e.Err.Text != c.back {
			t.Errorf("%s comes back as %+v, %v", c.code, e.Err, err)
		}
	}
}

// TestOtherReasons reads reasons that no node of this kind sends.
func TestOtherReasons(t *testing.T) {
	for _, c := range []struct {
		reason     any
		code, text string
		hasData    bool
	}{
		{atom("not a code"), "failed", "not a code", false},
		{atom("quota"), "quota", "", false},
		{"text", "failed", `"text"`, true},
		{tuple{atom("handler_crash"), "no code here: x"}, "internal", "no code here: x", false},
		{tuple{atom("handler_crash"), []byte{255}}, "internal", `{"$binary":"/w=="}`, true},
		{tuple{atom("handler_crash"), atom("x")}, "internal", `{"$atom":"x"}`, true},
		{tuple{atom("handler_crash")}, "failed", `{"$tuple":[{"$atom":"handler_crash"}]}`, true},
		{strings.Repeat("x", 5000), "failed", `"` + strings.Repeat("x", envelope.MaxText-1), true},
	} {
		var e envelope.Envelope
		if err := Codec.Parse(whole(t, tuple{atom("reply"), 1, tuple{atom("error"), c.reason}}), &e); err != nil {
			t.Fatal(err)
		}
		if string(e.Err.Code) != c.code || e.Err.Text != c.text || e.Err.Data.IsZero() == c.hasData {
			t.Errorf("%v: got %q, %q, %v", c.reason, e.Err.Code, e.Err.Text, e.Err.Data)
		}
	}
}

// TestUndecodableRepliesFailTheirCallAlone puts what is not accepted into replies, and then into calls and sends, where it ends
// the session.
func TestUndecodableRepliesFailTheirCallAlone(t *testing.T) {
	pid := []byte{88, tagSmallAtomUTF8, 1, 'n', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}
	var crash []byte
	for _, v := range vectors.HostileTerms(t, "term") {
		if v.Name == "reply_handler_crash_with_pid" {
			crash = v.ETF
		}
	}
	ok := append(appendAtom(appendTuple(nil, 2), "ok"), pid...)
	for name, c := range map[string]struct {
		result []byte
		code   envelope.Code
		want   error
	}{
		"a pid":               {ok, envelope.CodeFailed, ErrTag},
		"a pid as the reason": {append(appendAtom(appendTuple(nil, 2), "error"), pid...), envelope.CodeFailed, ErrTag},
		"a pid alone":         {pid, envelope.CodeFailed, ErrTag},
		"no pair":             {term(t, atom("ok")), envelope.CodeFailed, ErrReply},
		"three elements":      {term(t, tuple{atom("ok"), 1, 2}), envelope.CodeFailed, ErrReply},
		"another tag":         {term(t, tuple{atom("yes"), 1}), envelope.CodeFailed, ErrReply},
		"nothing":             {nil, envelope.CodeFailed, envelope.ErrTruncated},
		"bytes that follow":   {append(term(t, tuple{atom("ok"), 1}), 0), envelope.CodeFailed, envelope.ErrTrailing},
	} {
		body := append(appendUint(begin(nil, "reply", 3), 77), c.result...)
		var e envelope.Envelope
		if err := Codec.Parse(body, &e); err != nil {
			t.Errorf("%s: the session would end: %v", name, err)
			continue
		}
		if e.ID != 77 || e.Err == nil || e.Err.Code != c.code || !errors.Is(e.Err, c.want) || !errors.Is(e.Err, envelope.ErrDecode) {
			t.Errorf("%s: got %v, want %v", name, e.Err, c.want)
		}
	}
	var e envelope.Envelope
	if err := Codec.Parse(crash, &e); err != nil || e.ID != 8 || !errors.Is(e.Err, envelope.ErrInternal) || !errors.Is(e.Err, ErrTag) {
		t.Errorf("a crash with a pid: %v, %v", err, e.Err)
	}
	for _, head := range [][]byte{appendAtom(appendUint(begin(nil, "call", 4), 1), "x"), appendAtom(begin(nil, "send", 3), "x")} {
		if err := Codec.Parse(append(head, pid...), &e); !errors.Is(err, ErrTag) {
			t.Errorf("%s: got %v, want ErrTag", e.Kind, err)
		}
	}
	if got := fmt.Sprint(envelope.Undecodable(ErrTag)); !strings.Contains(got, "the reply cannot be read") {
		t.Errorf("the error says: %s", got)
	}
}
