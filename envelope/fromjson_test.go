package envelope

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestFromJSON(t *testing.T) {
	for _, c := range []struct {
		in   string
		want any
	}{
		{`null`, nil}, {` true `, true}, {`false`, false},
		{`0`, int64(0)}, {`-0`, int64(0)}, {`-1`, int64(-1)},
		{`9223372036854775807`, int64(math.MaxInt64)}, {`-9223372036854775808`, int64(math.MinInt64)},
		{`9223372036854775808`, uint64(1 << 63)}, {`18446744073709551615`, uint64(math.MaxUint64)},
		{`9007199254740993`, int64(9007199254740993)},
		{`1.0`, 1.0}, {`1e3`, 1000.0}, {`1E-3`, 0.001}, {`-0.0`, math.Copysign(0, -1)},
		{`""`, ""}, {`"aö\u00f6\ud83d\ude00\n"`, "aöö😀\n"}, {`"\ud800"`, "\uFFFD"}, {"\"\xff\"", "\uFFFD"},
		{`[]`, []any{}}, {`[1,[2.0,"x"],{}]`, []any{int64(1), []any{2.0, "x"}, map[string]any{}}},
		{`{"a":{"b":[null]},"c":18446744073709551615}`, map[string]any{"a": map[string]any{"b": []any{nil}}, "c": uint64(math.MaxUint64)}},
	} {
		got, err := FromJSON([]byte(c.in))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %#v, not %#v; %v", c.in, got, c.want, err)
		}
		b, err := Msgpack.AppendValue(nil, got)
		if err != nil {
			t.Fatal(err)
		}
		var again any
		if err := Msgpack.DecodeValue(b, &again); err != nil || !reflect.DeepEqual(again, c.want) {
			t.Errorf("%s arrives as %#v, not %#v; %v", c.in, again, c.want, err)
		}
	}
}

func TestFromJSONRefuses(t *testing.T) {
	for _, c := range []struct {
		in   string
		want error
	}{
		{``, ErrJSON}, {` `, ErrJSON}, {`nul`, ErrJSON}, {`x`, ErrJSON}, {`"a`, ErrJSON}, {`01`, ErrJSON}, {`+1`, ErrJSON}, {`.5`, ErrJSON},
		{`NaN`, ErrJSON}, {`[`, ErrJSON}, {`]`, ErrJSON}, {`[1`, ErrJSON}, {`[1,`, ErrJSON}, {`[1,]`, ErrJSON}, {`[,1]`, ErrJSON}, {`[1 2]`, ErrJSON},
		{`[1}`, ErrJSON}, {`{`, ErrJSON}, {`{"a"`, ErrJSON}, {`{"a":`, ErrJSON}, {`{"a":1`, ErrJSON}, {`{"a":1,}`, ErrJSON}, {`{"a" 1}`, ErrJSON},
		{`{1:2}`, ErrJSON}, {`{"a":}`, ErrJSON}, {`{"a":1]`, ErrJSON}, {`{null:1}`, ErrJSON},
		{`1 2`, ErrJSON}, {`{}{}`, ErrJSON}, {`1]`, ErrJSON}, {`[]x`, ErrJSON},
		{`{"a":1,"a":2}`, ErrDuplicateKey}, {`{"a":1,"\u0061":2}`, ErrDuplicateKey}, {`[{"a":{"b":1,"b":1}}]`, ErrDuplicateKey},
		{`18446744073709551616`, ErrNumber}, {`-9223372036854775809`, ErrNumber}, {`1e999`, ErrNumber}, {`-1e999`, ErrNumber},
		{`[123456789012345678901234567890]`, ErrNumber},
		{strings.Repeat("[", 33) + strings.Repeat("]", 33), ErrDepth},
		{strings.Repeat("[", 1_000_000), ErrDepth},
		{strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), ErrDepth},
		{"[" + strings.Repeat("1,", MaxElements-1) + "1]", ErrElements},
		{"[" + strings.Repeat(`{},`, MaxElements-1) + "1]", ErrElements},
	} {
		got, err := FromJSON([]byte(c.in))
		for _, reason := range []error{ErrJSON, ErrDuplicateKey, ErrNumber, ErrDepth, ErrElements} {
			if errors.Is(err, reason) != (reason == c.want) {
				t.Errorf("%.40s: %v, %v; not %v", c.in, got, err, c.want)
			}
		}
	}
}

func TestFromJSONHasTheLimitsOfTheGuard(t *testing.T) {
	for _, in := range []string{
		strings.Repeat("[", 32) + strings.Repeat("]", 32),
		"[" + strings.Repeat("1,", MaxElements-2) + "1]",
	} {
		v, err := FromJSON([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Msgpack.AppendValue(nil, v); err != nil {
			t.Error(err)
		}
	}
}

func TestValuesSurviveJSON(t *testing.T) {
	want := map[string]any{"a": []any{int64(math.MinInt64), uint64(math.MaxUint64), 3.0, -0.5, 1e300, nil, true, "x\n"}}
	r, err := RawOf(Msgpack, want)
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := FromJSON(text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, not %#v; %v", got, want, err)
	}
}
