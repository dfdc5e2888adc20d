package etf

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

type (
	atom  = envelope.Atom
	tuple = envelope.Tuple
)

// improper returns an improper list.
func improper(elements []any, tail any) envelope.ImproperList {
	return envelope.ImproperList{Elements: elements, Tail: tail}
}

// ptr returns a pointer to v.
func ptr[T any](v T) *T { return &v }

// noImproper is the zero value.
var noImproper envelope.ImproperList

// A setting is a type that a program wrote for both dialects.
type setting struct {
	Name   string `msgpack:"name"`
	Level  int32  `json:"level,omitempty"`
	Data   []byte
	Mode   atom              `msgpack:"mode,atom"`
	Ratio  float64           `msgpack:"ratio"`
	Labels map[string]string `msgpack:"labels"`
	Next   *setting          `msgpack:"next,omitempty"`
	At     time.Time         `msgpack:"at"`
	Rest   envelope.Raw      `msgpack:"rest"`
}

// custom encodes itself with the methods of package msgpack.
type custom struct{ n int }

func (c custom) EncodeMsgpack(enc *msgpack.Encoder) error  { return enc.EncodeInt(int64(c.n)) }
func (c *custom) DecodeMsgpack(dec *msgpack.Decoder) error { return dec.Decode(&c.n) }

// word encodes itself as text.
type word struct{ s string }

func (w word) MarshalText() ([]byte, error)  { return []byte("<" + w.s + ">"), nil }
func (w *word) UnmarshalText(b []byte) error { w.s = strings.Trim(string(b), "<>"); return nil }

// TestValuesServeBothDialects encodes values of Go with both codecs, and decodes each into a new value of its type.
func TestValuesServeBothDialects(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 2, 1, 500, time.UTC)
	for _, v := range []any{
		true, false, 0, -1, int8(-128), int64(math.MinInt64), uint64(math.MaxUint64), uint8(200), 1.5, float32(0.25), math.MaxFloat64,
		"", "grüezi", "\xff", []byte{}, []byte{0, 255}, [3]byte{1, 2, 3}, []int{}, []int{1, 2, 3}, []int{1, 1000}, [2]string{"a", "b"}, []bool{true},
		[]any{int64(1), "x", nil, true, []any{}}, map[string]int{"a": 1, "b": 2}, map[int]string{1: "x", -1: "y"}, map[string]any{},
		setting{Name: "a", Level: 3, Data: []byte("d"), Mode: "auto", Ratio: 2, Labels: map[string]string{"k": "v"}, At: at, Next: &setting{Name: "b", At: at}},
		atom("ok"), tuple{"a", int64(1)}, custom{7}, word{"x"}, at, struct{ A, B any }{"x", nil},
	} {
		for name, c := range map[string]envelope.Codec{"native": envelope.Msgpack, "beam": Codec} {
			b, err := c.AppendValue(nil, v)
			if err != nil {
				t.Errorf("%s: %#v: %v", name, v, err)
				continue
			}
			got := reflect.New(reflect.TypeOf(v))
			if err := c.DecodeValue(b, got.Interface()); err != nil {
				t.Errorf("%s: %#v: %v", name, v, err)
				continue
			}
			// Only Raw remembers its codec, and a time of the native dialect is in the local zone.
			if a, z := shown(t, got.Elem().Interface()), shown(t, v); a != z {
				t.Errorf("%s: got %s, want %s", name, a, z)
			}
		}
	}
}

// shown returns what arrives of v in the native dialect.
func shown(t *testing.T, v any) string {
	t.Helper()
	b, err := envelope.Msgpack.AppendValue(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	var back any
	if err := envelope.Msgpack.DecodeValue(b, &back); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%#v", back) // with the keys of maps in order
}

// TestTermsOfValues names the exact bytes of values, and what they decode into any.
func TestTermsOfValues(t *testing.T) {
	large := new(big.Int).Lsh(big.NewInt(1), 64)
	for _, c := range []struct {
		v    any
		term string
		any  any
	}{
		{nil, "7703 6e696c", nil},
		{[]int(nil), "7703 6e696c", nil},
		{(*int)(nil), "7703 6e696c", nil},
		{true, "7704 74727565", true},
		{atom("ok"), "7702 6f6b", atom("ok")},
		{atom("true"), "7704 74727565", true},
		{atom("nil"), "7703 6e696c", nil},
		{atom(""), "7700", atom("")},
		{255, "61ff", int64(255)},
		{-1, "62ffffffff", int64(-1)},
		{uint64(1) << 63, "6e0800 0000000000000080", uint64(1) << 63},
		{*large, "6e0900 000000000000000001", large},
		{new(big.Int).Neg(large), "6e0901 000000000000000001", new(big.Int).Neg(large)},
		{big.NewInt(5), "6105", int64(5)},
		{float32(1.5), "463ff8000000000000", 1.5},
		{2.0, "464000000000000000", 2.0},
		{"hi", "6d00000002 6869", "hi"},
		{[]byte("hi"), "6d00000002 6869", "hi"},
		{[]byte{255}, "6d00000001 ff", []byte{255}},
		{[]any{}, "6a", []any{}},
		{[]int{1, 2}, "6b0002 0102", []any{int64(1), int64(2)}},
		{[]any{1, nil}, "6c00000002 6101 77036e696c 6a", []any{int64(1), nil}},
		{tuple{}, "6800", tuple{}},
		{tuple{atom("ok"), 1}, "6802 77026f6b 6101", tuple{atom("ok"), int64(1)}},
		{improper([]any{1}, 2), "6c00000001 6101 6102", improper([]any{int64(1)}, int64(2))},
		{ptr(improper([]any{1, 2}, nil)), "6c00000002 6101 6102 77036e696c", improper([]any{int64(1), int64(2)}, nil)},
		{map[string]int{"a": 1}, "7400000001 6d0000000161 6101", map[string]any{"a": int64(1)}},
		{map[atom]int{"a": 1}, "7400000001 770161 6101", map[any]any{atom("a"): int64(1)}},
		{map[int]int{1: 2}, "7400000001 6101 6102", map[any]any{int64(1): int64(2)}},
		{struct{ A int }{1}, "7400000001 6d0000000141 6101", map[string]any{"A": int64(1)}},
		{struct {
			A int `msgpack:"a,atom"`
		}{1}, "7400000001 770161 6101", map[any]any{atom("a"): int64(1)}},
		{time.Unix(0, 5).In(time.FixedZone("x", 3600)), "6d0000001e 313937302d30312d30315430303a30303a30302e3030303030303030355a", "1970-01-01T00:00:00.000000005Z"},
		{word{"x"}, "6d00000003 3c783e", "<x>"},
		{custom{7}, "6107", int64(7)},
		{envelope.Raw{}, "7703 6e696c", nil},
		{envelope.NewRaw(envelope.Msgpack, []byte{0x92, 1, 0xa1, 'x'}), "6c00000002 6101 6d0000000178 6a", []any{int64(1), "x"}},
		{envelope.NewRaw(Codec, []byte{tagInteger, 0, 0, 0, 1}), "6200000001", int64(1)},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(c.term, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Codec.AppendValue([]byte("before"), c.v)
		if err != nil || !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("%#v: got %x, %v, want %x", c.v, got, err, want)
		}
		var v any = "what was there before"
		if err := Codec.DecodeValue(want, &v); err != nil || !reflect.DeepEqual(v, c.any) {
			t.Errorf("%x: got %#v, %v, want %#v", want, v, err, c.any)
		}
	}
}

// TestTermsIntoTypes decodes terms, described by a value that encodes to them, into types of Go. err is why it fails; "any" is
// every reason that has no name.
func TestTermsIntoTypes(t *testing.T) {
	otherErr := errors.New("any")
	type pair struct{ Name, Mode string }
	large := new(big.Int).Lsh(big.NewInt(1), 100)
	for _, c := range []struct {
		term any
		want any // of the type to decode into
		err  error
	}{
		// Atoms.
		{atom("auto"), atom("auto"), nil}, {nil, atom("nil"), nil}, {true, atom("true"), nil}, {"x", atom(""), otherErr},
		{atom("auto"), "auto", nil}, {nil, "", nil}, {true, "", envelope.ErrString}, {atom("auto"), []byte{}, envelope.ErrBinary},
		{true, true, nil}, {nil, false, nil}, {atom("yes"), false, otherErr}, {nil, 0, nil}, {nil, []int(nil), nil}, {nil, pair{}, nil},
		{nil, map[string]int(nil), nil}, {nil, tuple(nil), nil},
		// Numbers.
		{1, 1.0, nil}, {1<<53 + 1, 0.0, envelope.ErrRange}, {1.0, 0, envelope.ErrInteger}, {300, int8(0), envelope.ErrRange}, {-1, uint(0), envelope.ErrRange},
		{0.1, float32(0), envelope.ErrRange}, {1.5, float32(1.5), nil}, {large, int64(0), envelope.ErrRange}, {large, uint64(0), envelope.ErrRange},
		{large, 0.0, envelope.ErrRange}, {large, *large, nil}, {7, *big.NewInt(7), nil}, {"7", *big.NewInt(0), envelope.ErrInteger}, {"1", 0, envelope.ErrInteger},
		{uint64(1) << 63, uint64(1) << 63, nil}, {math.MinInt64, int64(math.MinInt64), nil},
		// Binaries.
		{"x", "x", nil}, {"x", []byte("x"), nil}, {"xy", [2]byte{'x', 'y'}, nil}, {"x", [2]byte{}, otherErr}, {[]int{104, 105}, "", envelope.ErrString},
		{[]int{104, 105}, []byte(nil), envelope.ErrBinary},
		// Lists and tuples.
		{[]int{1, 2}, []int{1, 2}, nil}, {[]int{1, 1000}, [2]int{1, 1000}, nil}, {[]int{1}, [2]int{}, otherErr}, {tuple{1, 2}, []int{1, 2}, nil},
		{tuple{1, 2}, [2]int{1, 2}, nil}, {[]int{1, 2}, tuple{}, otherErr}, {tuple{1}, tuple{int64(1)}, nil}, {[]any{}, []int{}, nil},
		{improper([]any{1}, 2), []int(nil), otherErr}, {improper([]any{1}, 2), improper([]any{int64(1)}, int64(2)), nil}, {[]int{1000}, noImproper, otherErr},
		{[]int{1}, noImproper, otherErr}, {map[string]int{}, []int{}, envelope.ErrArray}, {[]int{300}, []int8(nil), envelope.ErrRange},
		// Maps.
		{map[atom]any{"Name": "n", "Mode": atom("m")}, pair{"n", "m"}, nil}, {map[string]any{"Name": "n", "other": 1}, pair{"n", ""}, nil},
		{map[any]any{atom("Name"): "n", "Name": "m"}, pair{}, envelope.ErrDuplicateKey}, {map[any]any{atom("x"): "n", "x": "m"}, pair{}, nil},
		{map[int]int{1: 2}, pair{}, envelope.ErrString}, {map[atom]int{"a": 1}, map[string]int{"a": 1}, nil}, {map[string]int{"a": 1}, map[atom]int{}, otherErr},
		{map[any]any{atom("a"): 1, "a": 2}, map[string]int{}, envelope.ErrDuplicateKey}, {map[int]int{1: 2}, map[float64]int{1: 2}, nil},
		{map[any]any{1: 1, 1.0: 2}, map[float64]int{}, envelope.ErrDuplicateKey}, {map[any]int{[1]int{1}: 1}, map[any]int{}, envelope.ErrMapKey},
		{map[any]any{0.0: 1, math.Copysign(0, -1): 2}, map[any]any{}, nil}, // one key in Go
		{tuple{1}, pair{}, envelope.ErrMap},
	} {
		b, err := Codec.AppendValue(nil, c.term)
		if err != nil {
			t.Errorf("%#v: %v", c.term, err)
			continue
		}
		got := reflect.New(reflect.TypeOf(c.want))
		err = Codec.DecodeValue(b, got.Interface())
		switch {
		case c.err == nil && err != nil:
			t.Errorf("%#v into %T: %v", c.term, c.want, err)
		case c.err != nil && !errors.Is(err, envelope.ErrDecode), c.err != nil && c.err != otherErr && !errors.Is(err, c.err):
			t.Errorf("%#v into %T: got %#v, %v, want %v", c.term, c.want, got.Elem(), err, c.err)
		case c.err == nil && reflect.TypeOf(c.want) != reflect.TypeFor[map[any]any]() && !reflect.DeepEqual(got.Elem().Interface(), c.want):
			t.Errorf("%#v into %T: got %#v", c.term, c.want, got.Elem())
		}
	}
}

// TestMapsAndPointersThatAreThere decodes into values that hold something already.
func TestMapsAndPointersThatAreThere(t *testing.T) {
	b, err := Codec.AppendValue(nil, map[atom]int{"a": 1})
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]int{"a": 0, "b": 2}
	if err := Codec.DecodeValue(b, &m); err != nil || !reflect.DeepEqual(m, map[string]int{"a": 1, "b": 2}) {
		t.Errorf("got %v, %v", m, err)
	}
	n := 5
	var held any = struct{ A *int }{&n}
	s := held.(struct{ A *int })
	if err := Codec.DecodeValue(append([]byte{tagMap, 0, 0, 0, 1, tagSmallAtomUTF8, 1, 'A'}, tagSmallInteger, 9), &s); err != nil || n != 9 {
		t.Errorf("got %d, %v", n, err)
	}
	var v any = &n
	if err := Codec.DecodeValue([]byte{tagSmallInteger, 3}, &struct{ V any }{v}); !errors.Is(err, envelope.ErrMap) {
		t.Errorf("got %v", err)
	}
	for _, into := range []any{nil, 5, (*int)(nil)} {
		if err := Codec.DecodeValue([]byte{tagSmallInteger, 3}, into); !errors.Is(err, envelope.ErrDecode) {
			t.Errorf("into %T: got %v", into, err)
		}
	}
}

// A cycle can hold itself.
type cycle struct{ Next any }

// TestValuesThatNoTermHoldsFailLocally shows that an application's own data does not cost it the session.
func TestValuesThatNoTermHoldsFailLocally(t *testing.T) {
	self := &cycle{}
	self.Next = self
	var deep any = 1
	for range maxDepth + 1 {
		deep = []any{deep}
	}
	var null []int
	for name, c := range map[string]struct {
		v    any
		want error
	}{
		"a function":          {func() {}, envelope.ErrEncode},
		"a channel inside":    {[]any{make(chan int)}, envelope.ErrEncode},
		"not a number":        {math.NaN(), ErrFloat},
		"infinity":            {[]any{math.Inf(-1)}, ErrFloat},
		"an atom too long":    {atom(strings.Repeat("ä", 256)), ErrAtom},
		"an atom not UTF-8":   {atom("\xff"), ErrAtom},
		"too large":           {new(big.Int).Lsh(big.NewInt(1), 8*MaxInteger), ErrBig},
		"no elements":         {improper(nil, 1), envelope.ErrEncode},
		"a list as tail":      {improper([]any{1}, []any{1000}), envelope.ErrEncode},
		"a string as tail":    {improper([]any{1}, []any{1}), envelope.ErrEncode},
		"an empty tail":       {improper([]any{1}, []any{}), envelope.ErrEncode},
		"keys that are equal": {map[any]int{1: 1, int8(1): 2}, envelope.ErrDuplicateKey},
		"holds itself":        {self, envelope.ErrDepth},
		"too deep":            {deep, envelope.ErrDepth},
		"too many":            {make([]bool, maxElements), envelope.ErrElements},
		"a pointer to nil":    {[]any{&null}, envelope.ErrEncode},
		"nothing exported":    {struct{ a int }{1}, envelope.ErrEncode},
		"a bad Raw":           {envelope.NewRaw(Codec, []byte{tagList}), envelope.ErrTruncated},
		"a Raw and more":      {envelope.NewRaw(Codec, []byte{tagNil, tagNil}), envelope.ErrTrailing},
		"a bad native Raw":    {envelope.NewRaw(envelope.Msgpack, []byte{0xc1}), envelope.ErrFormat},
		"year 10000":          {time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), envelope.ErrEncode},
	} {
		b, err := Codec.AppendValue([]byte("before"), c.v)
		if !errors.Is(err, c.want) || string(b) != "before" {
			t.Errorf("%s: got %x, %v, want %v", name, b, err, c.want)
		}
	}
	for _, v := range []any{improper([]any{1}, 2), ptr(improper([]any{1}, 2))} {
		if _, err := envelope.Msgpack.AppendValue(nil, v); !errors.Is(err, envelope.ErrEncode) {
			t.Errorf("native: got %v, want ErrEncode", err)
		}
	}
	list := noImproper
	if err := envelope.Msgpack.DecodeValue([]byte{0x91, 1}, &list); !errors.Is(err, envelope.ErrDecode) {
		t.Errorf("native: got %v, want ErrDecode", err)
	}
}

// TestRawsChangeDialect hands a value of each dialect on in the other.
func TestRawsChangeDialect(t *testing.T) {
	term, err := envelope.RawOf(Codec, map[string]any{"a": []any{atom("ok"), tuple{1, 2}, 1.5}})
	if err != nil {
		t.Fatal(err)
	}
	native, err := envelope.Msgpack.AppendValue(nil, term)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := shown(t, term), shown(t, map[string]any{"a": []any{"ok", []int{1, 2}, 1.5}}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := Codec.AppendValue(nil, struct{ A, B envelope.Raw }{term, envelope.NewRaw(envelope.Msgpack, native)}); err != nil {
		t.Error(err)
	}
	for b, want := range map[string]bool{"\x77\x03nil": true, "\x64\x00\x03nil": true, "\x77\x02no": false, "": false} {
		if got := envelope.NewRaw(Codec, []byte(b)).IsNil(); got != want {
			t.Errorf("%x: nil is %v", b, got)
		}
	}
	got, err := envelope.NewRaw(Codec, []byte("\x6d\x00\x00\x00\x02hi")).Binary()
	if err != nil || string(got) != "hi" {
		t.Errorf("got %q, %v", got, err)
	}
}
