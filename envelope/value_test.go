package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// libraryBytes returns v as the library encodes it with our settings.
func libraryBytes(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := msgpack.NewEncoder(&b)
	enc.UseCompactInts(true)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestValuesWrittenDirectlyEqualTheLibrarys(t *testing.T) {
	values := []any{
		nil, true, false, []byte(nil), []byte{}, "",
		1.5, 0.0, 3.0, math.Copysign(0, -1), math.Inf(1), math.NaN(), math.MaxFloat64, float64(1 << 63),
	}
	for _, n := range []int{1, 31, 32, 255, 256, 65535, 65536, 1_000_000} {
		values = append(values, strings.Repeat("x", n), bytes.Repeat([]byte{0xfe}, n))
	}
	for shift := range 65 {
		for d := range uint64(3) {
			u := uint64(1)<<shift + d - 1
			values = append(values, u, uint(u), uint8(u), uint16(u), uint32(u),
				int64(u), int(u), int8(u), int16(u), int32(u), -int64(u), -int(u), -int8(u), -int16(u), -int32(u))
		}
	}
	for _, sec := range []int64{0, 1, -1, math.MaxUint32, math.MaxUint32 + 1, 1<<34 - 1, 1 << 34, math.MinInt32, -62135596800} {
		values = append(values, time.Unix(sec, 0), time.Unix(sec, 1), time.Unix(sec, 999_999_999))
	}
	for _, v := range values {
		got, err := Msgpack.AppendValue([]byte("before"), v)
		if want := append([]byte("before"), libraryBytes(t, v)...); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%T %.20v: %.20x, not %.20x; %v", v, v, got, want, err)
		}
	}
}

func TestIntegersAreShortest(t *testing.T) {
	for _, u := range []uint64{0, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxUint64} {
		b := appendUint(nil, u)
		if got, negative, ok := integer(b, 0); got != u || negative || !ok {
			t.Errorf("%d is read back as %d, %v, %v", u, got, negative, ok)
		}
	}
	for i, size := range map[int64]int{-1: 1, -32: 1, -33: 2, -128: 2, -129: 3, -32768: 3, -32769: 5, math.MinInt32: 5, math.MinInt32 - 1: 9, math.MinInt64: 9} {
		b := appendInt(nil, i)
		if got, negative, ok := integer(b, 0); int64(got) != i || !negative || !ok || len(b) != size {
			t.Errorf("%d is %x, read back as %d, %v, %v", i, b, int64(got), negative, ok)
		}
	}
}

func TestStructsAreMapsNamedByTheirTags(t *testing.T) {
	type inner struct{ C int }
	for _, c := range []struct {
		v    any
		want any
	}{
		{struct{ A int }{1}, map[string]any{"A": int64(1)}},
		{struct {
			A int `json:"a"`
		}{1}, map[string]any{"a": int64(1)}},
		{struct {
			A int `json:"j" msgpack:"m"`
		}{1}, map[string]any{"m": int64(1)}},
		{struct {
			A int    `json:"-"`
			B string `msgpack:"-"`
			C []int
			D *int
		}{A: 1, B: "x"}, map[string]any{"C": nil, "D": nil}},
		{struct {
			A int `json:"a,omitempty"`
			B int `json:"b,omitempty"`
		}{B: 2}, map[string]any{"b": int64(2)}},
		{struct{ I inner }{inner{3}}, map[string]any{"I": map[string]any{"C": int64(3)}}},
		{&struct{ F float64 }{3}, map[string]any{"F": 3.0}},
	} {
		b, err := Msgpack.AppendValue(nil, c.v)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := Msgpack.DecodeValue(b, &got); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", c.want) {
			t.Errorf("%+v: %#v, not %#v", c.v, got, c.want)
		}
	}
}

type (
	panicking  struct{}
	refusing   struct{}
	chatty     struct{}
	silent     struct{}
	meddling   struct{}
	linked     struct{ Next *linked }
	widened    struct{ Data [1000]byte }
	withRaw    struct{ A, B Raw }
	withIntern struct {
		A string `msgpack:",intern"`
		B string `msgpack:",intern"`
	}
)

func (panicking) EncodeMsgpack(*msgpack.Encoder) error { panic("out of order") }
func (panicking) DecodeMsgpack(*msgpack.Decoder) error { panic("out of order") }
func (refusing) EncodeMsgpack(*msgpack.Encoder) error  { return io.ErrClosedPipe }
func (refusing) DecodeMsgpack(*msgpack.Decoder) error  { return io.ErrClosedPipe }
func (chatty) EncodeMsgpack(enc *msgpack.Encoder) error {
	return errors.Join(enc.EncodeNil(), enc.EncodeNil())
}
func (silent) EncodeMsgpack(*msgpack.Encoder) error { return nil }
func (meddling) EncodeMsgpack(enc *msgpack.Encoder) error {
	enc.UseCompactInts(false)
	enc.UseArrayEncodedStructs(true)
	enc.SetOmitEmpty(true)
	enc.UseInternedStrings(true)
	return enc.EncodeString("meddling")
}

func nested(n int) any {
	var v any = []any{}
	for range n - 1 {
		v = []any{v}
	}
	return v
}

func TestValuesThatNoPeerAcceptsFailLocally(t *testing.T) {
	circle := &linked{}
	circle.Next = circle
	circleMap := map[string]any{"long key": strings.Repeat("x", 1000)}
	circleMap["self"] = circleMap
	circleSlice := make([]any, 1000)
	circleSlice[0] = circleSlice
	circleLarge := make([]any, 100_000)
	circleLarge[0] = circleLarge
	for _, c := range []struct {
		name string
		v    any
		want error
	}{
		{"nested 31 deep", nested(31), nil},
		{"nested 32 deep", nested(32), ErrDepth},
		{"nested 5000 deep", nested(5000), ErrDepth},
		{"131067 values", make([]int, 131066), nil},
		{"131070 values", make([]int, 131069), ErrElements},
		{"a million values", make([]struct{}, 1_000_000), ErrElements},
		{"a struct that holds itself", circle, ErrDepth},
		{"a map that holds itself", circleMap, ErrDepth},
		{"a slice that holds itself", circleSlice, ErrDepth},
		{"a large slice that holds itself", circleLarge, ErrElements},
		{"an extension", extension4{}, ErrExtension},
		{"interned strings", withIntern{"abcdef", "abcdef"}, ErrExtension},
		{"a func", func() {}, ErrEncode},
		{"a chan in a map", map[string]any{"x": make(chan int)}, ErrEncode},
		{"a uintptr", uintptr(1), ErrEncode},
		{"a method that panics", panicking{}, ErrEncode},
		{"a method that panics, inside", []any{1, panicking{}}, ErrEncode},
		{"a method that fails", refusing{}, io.ErrClosedPipe},
		{"a method that writes two values", chatty{}, ErrTrailing},
		{"a method that writes none", silent{}, ErrTruncated},
		{"a raw value cut short", NewRaw(Msgpack, []byte{0x92, 1}), ErrCount},
		{"two raw values", NewRaw(Msgpack, []byte{1, 2}), ErrTrailing},
		{"no raw value", NewRaw(Msgpack, nil), ErrTruncated},
		{"a raw bomb", NewRaw(Msgpack, []byte{0xdd, 0xff, 0xff, 0xff, 0xff}), ErrCount},
		{"a raw value that would swallow the next field", withRaw{A: NewRaw(Msgpack, []byte{0x92, 1})}, ErrCount},
		{"a raw value that would be two fields", withRaw{A: NewRaw(Msgpack, []byte{1, 2})}, ErrTrailing},
		{"a raw value nested 31 deep", NewRaw(Msgpack, append(bytes.Repeat([]byte{0x91}, 30), 0x90)), nil},
		{"a raw value nested 32 deep", NewRaw(Msgpack, append(bytes.Repeat([]byte{0x91}, 31), 0x90)), ErrDepth},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := []byte("before")
			check := func(b []byte, err error) {
				t.Helper()
				if !errors.Is(err, c.want) {
					t.Fatalf("%v, not %v", err, c.want)
				}
				if err != nil && !bytes.Equal(b, before) {
					t.Errorf("left %q", b)
				}
				if err == nil {
					if err := Msgpack.Parse(b[len(before):], new(Envelope)); err != nil {
						t.Errorf("what was written does not parse: %v", err)
					}
				}
			}
			check(Msgpack.AppendCall(before, 1, "x", Options{}, c.v))
			check(Msgpack.AppendSend(before, "x", c.v))
			check(Msgpack.AppendReply(before, 1, c.v))
		})
	}
}

func TestRawArgsCannotReachIntoOptions(t *testing.T) {
	// The args are 2 and the header of an array of one element. The options would become that element.
	r := NewRaw(Msgpack, []byte{0x02, 0x91})
	if _, err := Msgpack.AppendCall(nil, 1, "x", Options{HasTimeout: true}, r); !errors.Is(err, ErrCount) && !errors.Is(err, ErrTrailing) {
		t.Error(err)
	}
}

func TestAppendCountsItsOwnElements(t *testing.T) {
	fill := func(n int) Raw { // an array of n elements: n+1 values
		return NewRaw(Msgpack, append(vectors.Unhex(fmt.Sprintf("dd%08x", n)), make([]byte, n)...))
	}
	for _, c := range []struct {
		name   string
		own    int // the envelope's values, without args, data or result
		append func(Raw) ([]byte, error)
	}{
		{"send", 3, func(r Raw) ([]byte, error) { return Msgpack.AppendSend(nil, "x", r) }},
		{"reply", 4, func(r Raw) ([]byte, error) { return Msgpack.AppendReply(nil, 1, r) }},
		{"call", 4, func(r Raw) ([]byte, error) { return Msgpack.AppendCall(nil, 1, "x", Options{}, r) }},
		{"call with t", 4 + 3, func(r Raw) ([]byte, error) { return Msgpack.AppendCall(nil, 1, "x", Options{HasTimeout: true}, r) }},
		{"call with t and trace", 4 + 5, func(r Raw) ([]byte, error) {
			return Msgpack.AppendCall(nil, 1, "x", Options{HasTimeout: true, Trace: "y"}, r)
		}},
		{"error", 4 + 3, func(r Raw) ([]byte, error) {
			return Msgpack.AppendError(nil, 1, &RemoteError{Code: CodeFailed, Data: r})
		}},
		{"value", 0, func(r Raw) ([]byte, error) { return Msgpack.AppendValue(nil, r) }},
	} {
		b, err := c.append(fill(MaxElements - c.own - 1))
		if err != nil {
			t.Errorf("%s: the most that fits: %v", c.name, err)
		} else if n, err := Guard(b); n != len(b) || err != nil {
			t.Errorf("%s: the guard refuses what was written: %v", c.name, err)
		}
		if _, err := c.append(fill(MaxElements - c.own)); !errors.Is(err, ErrElements) {
			t.Errorf("%s: one more than fits: %v", c.name, err)
		}
	}
}

func TestPooledEncodersForgetWhatMethodsChanged(t *testing.T) {
	type record struct{ A, B int64 }
	want, err := Msgpack.AppendValue(nil, record{1, 0})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		for _, v := range []any{meddling{}, panicking{}, refusing{}, widened{}} {
			_, _ = Msgpack.AppendValue(nil, v)
		}
		if got, err := Msgpack.AppendValue(nil, record{1, 0}); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%x, not %x; %v", got, want, err)
		}
	}
}

func TestOptionsTravelInBounds(t *testing.T) {
	for _, c := range []struct {
		sent, want time.Duration
	}{
		{0, 0},
		{-time.Second, 0},
		{1, time.Millisecond},
		{time.Millisecond, time.Millisecond},
		{time.Millisecond + 1, 2 * time.Millisecond},
		{24 * time.Hour, 24 * time.Hour},
		{24*time.Hour + 1, 24 * time.Hour},
		{math.MaxInt64, 24 * time.Hour},
		{math.MinInt64, 0},
	} {
		b, err := Msgpack.AppendCall(nil, 1, "x", Options{Timeout: c.sent, HasTimeout: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var e Envelope
		if err := Msgpack.Parse(b, &e); err != nil {
			t.Fatal(err)
		}
		if !e.Options.HasTimeout || e.Options.Timeout != c.want {
			t.Errorf("%v arrives as %v", c.sent, e.Options.Timeout)
		}
	}
	b, err := Msgpack.AppendCall(nil, 1, "x", Options{Timeout: time.Hour}, nil)
	if err != nil || b[0] != fixArray|4 {
		t.Errorf("a timeout that there is not travels: %x, %v", b, err)
	}
}

func TestAppendRefusesWhatParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(b []byte) ([]byte, error)
		want error
	}{
		{"call 0", func(b []byte) ([]byte, error) { return Msgpack.AppendCall(b, 0, "x", Options{}, nil) }, ErrID},
		{"reply 0", func(b []byte) ([]byte, error) { return Msgpack.AppendReply(b, 0, nil) }, ErrID},
		{"error 0", func(b []byte) ([]byte, error) { return Msgpack.AppendError(b, 0, &RemoteError{Code: CodeFailed}) }, ErrID},
		{"call without a name", func(b []byte) ([]byte, error) { return Msgpack.AppendCall(b, 1, "", Options{}, nil) }, ErrNameLength},
		{"send with a long name", func(b []byte) ([]byte, error) { return Msgpack.AppendSend(b, strings.Repeat("x", 256), nil) }, ErrNameLength},
		{"call with a name that is not UTF-8", func(b []byte) ([]byte, error) { return Msgpack.AppendCall(b, 1, "\xff", Options{}, nil) }, ErrNameUTF8},
		{"send with a newline in its name", func(b []byte) ([]byte, error) { return Msgpack.AppendSend(b, "a\n", nil) }, ErrNameControl},
		{"call with a long trace", func(b []byte) ([]byte, error) {
			return Msgpack.AppendCall(b, 1, "x", Options{Trace: strings.Repeat("x", 257)}, nil)
		}, ErrTrace},
		{"error without a code", func(b []byte) ([]byte, error) { return Msgpack.AppendError(b, 1, &RemoteError{}) }, ErrCode},
		{"error with a long code", func(b []byte) ([]byte, error) {
			return Msgpack.AppendError(b, 1, &RemoteError{Code: Code(strings.Repeat("x", 65))})
		}, ErrCode},
		{"error with broken data", func(b []byte) ([]byte, error) {
			return Msgpack.AppendError(b, 1, &RemoteError{Code: CodeFailed, Data: NewRaw(Msgpack, []byte{0xc1})})
		}, ErrFormat},
	} {
		b, err := c.f([]byte("before"))
		if !errors.Is(err, c.want) || string(b) != "before" {
			t.Errorf("%s: %q, %v; not %v", c.name, b, err, c.want)
		}
	}
	for name, f := range map[string]func(){
		"ping without a nonce":     func() { Msgpack.AppendPing(nil, nil) },
		"pong with a long nonce":   func() { Msgpack.AppendPong(nil, make([]byte, 65)) },
		"bye without a code":       func() { AppendBye(nil, Bye{}) },
		"bye with a code of words": func() { AppendBye(nil, Bye{Code: "two words"}) },
		"hello without a version":  func() { AppendHello(nil, Hello{}) },
		"hello with a max below 0": func() { AppendHello(nil, Hello{Version: 1, Max: -1}) },
		"cancel of 0":              func() { AppendCancel(nil, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// extension4 encodes as an extension of type 4.
type extension4 struct{}

func (extension4) EncodeMsgpack(enc *msgpack.Encoder) error { return enc.EncodeExtHeader(4, 0) }
