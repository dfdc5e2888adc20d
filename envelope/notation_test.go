package envelope

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestNotationIsRead(t *testing.T) {
	for text, want := range map[string]any{
		`{"$atom":"ok"}`:                         Atom("ok"),
		`{"$atom":""}`:                           Atom(""),
		`{"$tuple":[]}`:                          Tuple{},
		`{"$tuple":[1,{"$tuple":["x"]}]}`:        Tuple{int64(1), Tuple{"x"}},
		`{"$binary":"/w=="}`:                     []byte{255},
		`{"$binary":""}`:                         []byte{},
		`{"$atoms":{}}`:                          map[Atom]any{},
		`{"$atoms":{"a":{"$atom":"b"}}}`:         map[Atom]any{"a": Atom("b")},
		`{"$map":[]}`:                            map[any]any{},
		`{"$map":[[1,"x"],[null,2]]}`:            map[any]any{int64(1): "x", nil: int64(2)},
		`{"$map":[[{"$atom":"a"},1],["a",2]]}`:   map[any]any{Atom("a"): int64(1), "a": int64(2)},
		`{"$improper":[[1,2],{"$atom":"x"}]}`:    ImproperList{[]any{int64(1), int64(2)}, Atom("x")},
		`{"a":{"$atom":"b"},"$c":1}`:             map[string]any{"a": Atom("b"), "$c": int64(1)},
		`{"$$atom":"ok"}`:                        map[string]any{"$atom": "ok"},
		`{"$$$atom":"ok","b":1}`:                 map[string]any{"$$atom": "ok", "b": int64(1)},
		`{"$$other":1,"$":2,"$$":3,"atom":4}`:    map[string]any{"$$other": int64(1), "$": int64(2), "$$": int64(3), "atom": int64(4)},
		`{"$atoms":{"$$atom":1}}`:                map[Atom]any{"$atom": int64(1)},
		` { "$tuple" : [ { "$atom" : "x" } ] } `: Tuple{Atom("x")},
	} {
		if got, err := FromJSON([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v, want %#v", text, got, err, want)
		}
	}
}

func TestBadNotationIsRefused(t *testing.T) {
	for text, want := range map[string]error{
		`{"$atom":1}`: ErrNotation, `{"$atom":null}`: ErrNotation, `{"$atom":["x"]}`: ErrNotation, `{"$atom":{"$atom":"x"}}`: ErrNotation,
		`{"$tuple":"x"}`: ErrNotation, `{"$tuple":{}}`: ErrNotation, `{"$binary":"?"}`: ErrNotation, `{"$binary":5}`: ErrNotation,
		`{"$atoms":[]}`: ErrNotation, `{"$atoms":{"$atom":"x"}}`: ErrNotation, `{"$map":{}}`: ErrNotation, `{"$map":[1]}`: ErrNotation, `{"$map":[[1]]}`: ErrNotation, `{"$map":[[]]}`: ErrNotation,
		`{"$map":[[1,2,3]]}`: ErrNotation, `{"$improper":[]}`: ErrNotation, `{"$improper":[[],1]}`: ErrNotation, `{"$improper":[[1]]}`: ErrNotation, `{"$improper":[[1],2,3]}`: ErrNotation,
		`{"$improper":[1,2]}`: ErrNotation, `{"$atom":"x","b":1}`: ErrNotation, `{"b":1,"$atom":"x"}`: ErrNotation, `{"$atom":"x","$atom":"y"}`: ErrNotation,
		`{"$map":[[[1],2]]}`: ErrMapKey, `{"$map":[[{"$tuple":[]},2]]}`: ErrMapKey, `{"$map":[[{"$improper":[[1],2]},2]]}`: ErrMapKey,
		`{"$map":[[1,2],[1,3]]}`: ErrDuplicateKey, `{"$atoms":{"a":1,"a":2}}`: ErrDuplicateKey, `{"$$atom":1,"$$atom":2}`: ErrDuplicateKey,
		`{"$atom":"x"`: ErrJSON, `{"$tuple":[`: ErrJSON, `{"$atom"`: ErrJSON, `{"$map":[[1,2]`: ErrJSON,
		`{"$map":[[1`: ErrJSON,
	} {
		if got, err := FromJSON([]byte(text)); !errors.Is(err, want) || got != nil {
			t.Errorf("%s: got %#v, %v, want %v", text, got, err, want)
		}
	}
}

// TestNotationKeepsWithinTheLimits nests and repeats the notation up to the guard's limits, which count what it stands for.
func TestNotationKeepsWithinTheLimits(t *testing.T) {
	nest := func(before, after string, n int) []byte {
		return []byte(strings.Repeat(before, n) + "1" + strings.Repeat(after, n))
	}
	for _, c := range [][2]string{{`{"$tuple":[`, `]}`}, {`{"$map":[[1,`, `]]}`}, {`{"$atoms":{"a":`, `}}`}, {`{"$improper":[[`, `],1]}`}, {`[`, `]`}} {
		if _, err := FromJSON(nest(c[0], c[1], MaxDepth)); err != nil {
			t.Errorf("%s, %d levels: %v", c[0], MaxDepth, err)
		}
		for _, n := range []int{MaxDepth + 1, 5000} {
			if _, err := FromJSON(nest(c[0], c[1], n)); !errors.Is(err, ErrDepth) {
				t.Errorf("%s, %d levels: got %v, want ErrDepth", c[0], n, err)
			}
		}
	}
	many := func(n int) []byte { return []byte(`{"$tuple":[` + strings.Repeat("1,", n-1) + `1]}`) }
	if _, err := FromJSON(many(MaxElements - 1)); err != nil {
		t.Error(err)
	}
	if _, err := FromJSON(many(MaxElements)); !errors.Is(err, ErrElements) {
		t.Errorf("got %v, want ErrElements", err)
	}
}

// TestBadNotationIsRefusedAsItIsRead gives a form that is wrong from an early element on, in 3 MB.
func TestBadNotationIsRefusedAsItIsRead(t *testing.T) {
	for _, c := range [][3]string{
		{`{"$map":[`, `[],`, `[]]}`}, {`{"$map":[[`, `1,`, `1]]}`}, {`{"$improper":[[1],2,`, `[],`, `[]]}`}, {`{"$improper":[`, `1,`, `1]}`},
		{`{"$atom":[`, `[],`, `[]]}`}, {`{"$binary":[`, `[],`, `[]]}`}, {`{"$atoms":[`, `[],`, `[]]}`},
	} {
		text := []byte(c[0] + strings.Repeat(c[1], 1_000_000) + c[2])
		var got any
		var err error
		size := allocated(func() { got, err = FromJSON(text) })
		if !errors.Is(err, ErrNotation) || got != nil || size > 64<<10 {
			t.Errorf("%s%s...: got %v, %v and %d bytes allocated, want ErrNotation and at most 64 KiB", c[0], c[1], got, err, size)
		}
	}
}

// TestTailOfAnImproperListIsCounted nests lists in the tail, and fills it, up to the guard's limits.
func TestTailOfAnImproperListIsCounted(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"$improper":[[1],[`, n) + strings.Repeat(`]]}`, n) }
	many := func(n int) string { return `{"$improper":[[1],[` + strings.Repeat("[],", n-1) + `[]]]}` }
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"16 tails", nested(MaxDepth / 2), nil},
		{"17 tails", nested(MaxDepth/2 + 1), ErrDepth},
		{"32 tails", nested(MaxDepth), ErrDepth},
		{"the most values", many(MaxElements - 3), nil}, // the improper list, its element and its tail count
		{"one value more", many(MaxElements - 2), ErrElements},
	} {
		if _, err := FromJSON([]byte(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// TestNativeKeysAreNotNotation writes native maps whose keys look like the notation, and reads them back.
func TestNativeKeysAreNotNotation(t *testing.T) {
	for key, written := range map[string]string{
		"$atom": "$$atom", "$$tuple": "$$$tuple", "$map": "$$map", "$other": "$other", "$$other": "$$other", "atom": "atom", "$": "$", "": "",
	} {
		r, err := RawOf(Msgpack, map[string]any{key: "x"})
		if err != nil {
			t.Fatal(err)
		}
		text, err := r.MarshalJSON()
		if want := fmt.Sprintf(`{%q:"x"}`, written); err != nil || string(text) != want {
			t.Errorf("%q: got %s, %v, want %s", key, text, err, want)
		}
		if got, err := FromJSON(text); err != nil || !reflect.DeepEqual(got, map[string]any{key: "x"}) {
			t.Errorf("%s comes back as %#v, %v", text, got, err)
		}
	}
}

// TestTermsInTheNativeDialect shows what atoms, tuples and improper lists are there.
func TestTermsInTheNativeDialect(t *testing.T) {
	b, err := Msgpack.AppendValue(nil, []any{Atom("ok"), Tuple{1, Atom("x")}, map[Atom]any{"a": Tuple{}}})
	if want := "\x93\xa2ok\x92\x01\xa1x\x81\xa1a\x90"; err != nil || string(b) != want {
		t.Errorf("got %x, %v, want %x", b, err, want)
	}
	var got struct {
		A Atom
		T Tuple
	}
	if err := Msgpack.DecodeValue([]byte("\x82\xa1A\xa2ok\xa1T\x92\x01\xa1x"), &got); err != nil || got.A != "ok" || !reflect.DeepEqual(got.T, Tuple{int64(1), "x"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := Msgpack.AppendValue(nil, []any{ImproperList{[]any{1}, 2}}); !errors.Is(err, ErrEncode) {
		t.Errorf("got %v, want ErrEncode", err)
	}
	var list ImproperList
	if err := Msgpack.DecodeValue([]byte{0x91, 1}, &list); !errors.Is(err, ErrDecode) {
		t.Errorf("got %v, want ErrDecode", err)
	}
}
