package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

func TestDecodeIntoAny(t *testing.T) {
	for _, c := range []struct {
		in   string
		want any
	}{
		{"c0", nil}, {"c2", false}, {"c3", true},
		{"00", int64(0)}, {"7f", int64(127)}, {"ff", int64(-1)}, {"e0", int64(-32)},
		{"cc ff", int64(255)}, {"cd ffff", int64(65535)}, {"ce ffffffff", int64(math.MaxUint32)},
		{"cf 0000000000000001", int64(1)}, {"cf 7fffffffffffffff", int64(math.MaxInt64)},
		{"cf 8000000000000000", uint64(1 << 63)}, {"cf ffffffffffffffff", uint64(math.MaxUint64)},
		{"d0 80", int64(-128)}, {"d1 8000", int64(-32768)}, {"d2 80000000", int64(math.MinInt32)},
		{"d3 8000000000000000", int64(math.MinInt64)}, {"d3 7fffffffffffffff", int64(math.MaxInt64)},
		{"ca 3fc00000", float32(1.5)}, {"cb 3ff8000000000000", 1.5}, {"cb 4008000000000000", 3.0},
		{"a0", ""}, {"a3 616263", "abc"}, {"a1 ff", "\xff"}, {"d9 01 61", "a"},
		{"c4 00", []byte{}}, {"c4 01 ff", []byte{0xff}},
		{"d6 ff 00000001", time.Unix(1, 0)}, {"d7 ff 0000000400000001", time.Unix(1, 1)},
		{"c7 0c ff 00000001 ffffffffffffffff", time.Unix(-1, 1)},
		{"90", []any{}}, {"93 01 a0 91 c0", []any{int64(1), "", []any{nil}}},
		{"80", map[string]any{}}, {"81 a1 61 01", map[string]any{"a": int64(1)}},
		{"82 a1 61 01 a1 61 02", map[string]any{"a": int64(2)}},
		{"81 01 a1 61", map[any]any{int64(1): "a"}},
		{"83 a1 61 01 c0 02 a1 62 03", map[any]any{"a": int64(1), nil: int64(2), "b": int64(3)}},
		{"82 01 02 cc 01 03", map[any]any{int64(1): int64(3)}},
		{"81 a1 61 81 c3 80", map[string]any{"a": map[any]any{true: map[string]any{}}}},
	} {
		for _, before := range []any{nil, "before", new(int)} {
			got := before
			if err := Msgpack.DecodeValue(vectors.Unhex(c.in), &got); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %#v, not %#v; %v", c.in, got, c.want, err)
			}
		}
		// A value in an any is the same inside any other value.
		var (
			list   []any
			named  map[string]any
			record struct{ V any }
		)
		value := vectors.Unhex(c.in)
		for v, in := range map[any][]byte{
			&list:   append([]byte{0x91}, value...),
			&named:  append([]byte{0x81, 0xa1, 'V'}, value...),
			&record: append([]byte{0x81, 0xa1, 'V'}, value...),
		} {
			if err := Msgpack.DecodeValue(in, v); err != nil {
				t.Errorf("%s into %T: %v", c.in, v, err)
			}
		}
		if len(list) != 1 || !reflect.DeepEqual(list[0], c.want) || !reflect.DeepEqual(named["V"], c.want) || !reflect.DeepEqual(record.V, c.want) {
			t.Errorf("%s inside others: %#v, %#v, %#v; not %#v", c.in, list, named, record, c.want)
		}
	}
}

func TestKeysThatGoCannotLookUpAreRefused(t *testing.T) {
	for _, in := range []string{"81 c400 01", "81 90 01", "81 80 01", "81 81c0c0 01", "82 a161 01 c400 01", "81 a161 81 90 01", "91 81 90 01"} {
		var v any
		if err := Msgpack.DecodeValue(vectors.Unhex(in), &v); !errors.Is(err, ErrMapKey) || !errors.Is(err, ErrDecode) {
			t.Errorf("%s: %v, %v", in, v, err)
		}
		var record struct{ V any }
		if err := Msgpack.DecodeValue(append([]byte{0x81, 0xa1, 'V'}, vectors.Unhex(in)...), &record); !errors.Is(err, ErrMapKey) {
			t.Errorf("%s in a struct: %v, %v", in, record, err)
		}
		var mixed map[any]any
		if err := Msgpack.DecodeValue(append([]byte{0x81}, vectors.Unhex(in+"00")...), &mixed); !errors.Is(err, ErrDecode) {
			t.Errorf("%s as a key: %v, %v", in, mixed, err)
		}
	}
}

func TestDecodeIntoScalars(t *testing.T) {
	for _, c := range []struct {
		in   string
		v    any // a pointer to the type
		want any
		err  error
	}{
		{"a1 61", new(string), "a", nil},
		{"c4 01 61", new(string), "a", nil},
		{"c0", new(string), "", nil},
		{"01", new(string), nil, ErrDecode},
		{"d6 ff 00000001", new(string), nil, ErrDecode},
		{"c4 01 61", new([]byte), []byte("a"), nil},
		{"a1 61", new([]byte), []byte("a"), nil},
		{"c4 00", new([]byte), []byte{}, nil},
		{"c0", new([]byte), []byte(nil), nil},
		{"91 01", new([]byte), nil, ErrDecode},
		{"c3", new(bool), true, nil},
		{"c0", new(bool), false, nil},
		{"01", new(bool), nil, ErrDecode},
		{"7f", new(int8), int8(127), nil},
		{"cc 80", new(int8), nil, ErrRange},
		{"d0 80", new(int8), int8(-128), nil},
		{"d1 ff7f", new(int8), nil, ErrRange},
		{"cd 7fff", new(int16), int16(32767), nil},
		{"cd 8000", new(int16), nil, ErrRange},
		{"ce 7fffffff", new(int32), int32(math.MaxInt32), nil},
		{"ce 80000000", new(int32), nil, ErrRange},
		{"cf 7fffffffffffffff", new(int64), int64(math.MaxInt64), nil},
		{"cf 8000000000000000", new(int64), nil, ErrRange},
		{"d3 8000000000000000", new(int64), int64(math.MinInt64), nil},
		{"d2 80000000", new(int), math.MinInt32, nil},
		{"cf 8000000000000000", new(int), nil, ErrRange},
		{"cc ff", new(uint8), uint8(255), nil},
		{"cd 0100", new(uint8), nil, ErrRange},
		{"ff", new(uint8), nil, ErrRange},
		{"cd ffff", new(uint16), uint16(65535), nil},
		{"ce 00010000", new(uint16), nil, ErrRange},
		{"ce ffffffff", new(uint32), uint32(math.MaxUint32), nil},
		{"cf 0000000100000000", new(uint32), nil, ErrRange},
		{"cf ffffffffffffffff", new(uint64), uint64(math.MaxUint64), nil},
		{"d0 ff", new(uint64), nil, ErrRange},
		{"ce ffffffff", new(uint), uint(math.MaxUint32), nil},
		{"ff", new(uint), nil, ErrRange},
		{"c0", new(int), 0, nil},
		{"cb 3ff0000000000000", new(int), nil, ErrInteger},
		{"a1 31", new(int), nil, ErrInteger},
		{"cb 3ff8000000000000", new(float64), 1.5, nil},
		{"ca 3fc00000", new(float64), 1.5, nil},
		{"03", new(float64), 3.0, nil},
		{"ca 3fc00000", new(float32), float32(1.5), nil},
		{"a0", new(float64), nil, ErrDecode},
		{"d6 ff 00000001", new(time.Time), time.Unix(1, 0), nil},
		{"c0", new(time.Time), nil, ErrDecode},
		{"05", new(time.Duration), time.Duration(5), nil},
	} {
		err := Msgpack.DecodeValue(vectors.Unhex(c.in), c.v)
		if !errors.Is(err, c.err) || err != nil && !errors.Is(err, ErrDecode) {
			t.Errorf("%s into %T: %v, not %v", c.in, c.v, err, c.err)
		}
		if got := reflect.ValueOf(c.v).Elem().Interface(); err == nil && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s into %T: %#v, not %#v", c.in, c.v, got, c.want)
		}
	}
}

func TestDecodeNeedsAPointer(t *testing.T) {
	for _, v := range []any{nil, 1, "", struct{}{}, map[string]any{}, (*int)(nil), (*string)(nil), (*any)(nil), (*[]byte)(nil), (*bool)(nil), (*Raw)(nil), (*struct{})(nil), (*map[string]any)(nil)} {
		if err := Msgpack.DecodeValue([]byte{0x80}, v); !errors.Is(err, ErrDecode) {
			t.Errorf("into %T: %v", v, err)
		}
	}
}

func TestDecodeGuardsFirst(t *testing.T) {
	for _, h := range loadVectors(t).Hostile {
		reason := refusals[h.Error]
		if _, err := Guard(h.Input); err == nil || h.Layer == "head" { // which is no value, but the beginning of one
			continue
		}
		for _, v := range []any{new(any), new(string), new(map[string]any), new([]any), new(Raw), new(struct{ A any })} {
			if err := Msgpack.DecodeValue(h.Input, v); !errors.Is(err, reason) || errors.Is(err, ErrDecode) {
				t.Errorf("%s into %T: %v", h.Name, v, err)
			}
		}
	}
}

// TestTimestampsAreNotReadAsMapHeaders gives the library bytes that, without the source, make it allocate a map of 2^30
// or of a million entries.
func TestTimestampsAreNotReadAsMapHeaders(t *testing.T) {
	for _, in := range []string{
		"d7 ff df40000000000000", "d6 ff df400000", "d7 ff de ffff 0000000000", "d6 ff 8f000000", "d6 ff c0000000",
		"c7 0c ff 30000000 df40000000000000",
	} {
		value := vectors.Unhex(in)
		for _, v := range []any{
			new(map[string]any), new(map[string]string), new(map[string]bool), new(map[any]any), new(map[int]int),
			new(map[string][1000]byte), new(mapReader),
		} {
			if err := Msgpack.DecodeValue(value, v); !errors.Is(err, ErrDecode) {
				t.Errorf("%s into %T: %v", in, v, err)
			}
		}
		var record struct{ M map[string]any }
		if err := Msgpack.DecodeValue(append([]byte{0x81, 0xa1, 'M'}, value...), &record); !errors.Is(err, ErrDecode) {
			t.Errorf("%s into a struct: %v", in, err)
		}
	}
}

// mapReader reads a map with the library's own methods, as types of applications do.
type mapReader struct{ n int }

func (m *mapReader) DecodeMsgpack(dec *msgpack.Decoder) (err error) {
	m.n, err = dec.DecodeMapLen()
	return err
}

func TestMethodsReadThroughTheSource(t *testing.T) {
	in := vectors.Unhex("96 05 cd0100 a3616263 82 a161 01 a162 91 02 c403 010203 d6ff00000001")
	var got methodReader
	if err := Msgpack.DecodeValue(in, &got); err != nil {
		t.Fatal(err)
	}
	want := methodReader{5, 256, "abc", map[string]any{"a": int64(1), "b": []any{int64(2)}}, []byte{1, 2, 3}, time.Unix(1, 0)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%#v\nnot %#v", got, want)
	}
}

type methodReader struct {
	a    int8
	b    uint64
	c    string
	m    map[string]any
	data []byte
	at   time.Time
}

func (r *methodReader) DecodeMsgpack(dec *msgpack.Decoder) (err error) {
	if n, err := dec.DecodeArrayLen(); err != nil || n != 6 {
		return fmt.Errorf("%d, %w", n, err)
	}
	if code, err := dec.PeekCode(); err != nil || code != codeInt64 {
		return fmt.Errorf("%x, %w", code, err)
	}
	r.a, err = dec.DecodeInt8()
	if err == nil {
		r.b, err = dec.DecodeUint64()
	}
	if err == nil {
		r.c, err = dec.DecodeString()
	}
	if err == nil {
		r.m, err = dec.DecodeMap()
	}
	if err == nil {
		var n int
		n, err = dec.DecodeBytesLen()
		r.data = make([]byte, n)
	}
	if err == nil {
		err = dec.ReadFull(r.data)
	}
	if err == nil {
		r.at, err = dec.DecodeTime()
	}
	return err
}

func TestSourceRefusesMisreading(t *testing.T) {
	buf := make([]byte, 1)
	for _, c := range []struct {
		name string
		in   string
		f    func(s *source) error
	}{
		{"Read of a first byte", "01", func(s *source) error { _, err := s.Read(buf); return err }},
		{"ReadByte within a string", "a161", func(s *source) error { _, _ = s.ReadByte(); _, err := s.ReadByte(); return err }},
		{"ReadByte within an integer", "cd0100", func(s *source) error { _, _ = s.ReadByte(); _, err := s.ReadByte(); return err }},
		{"ReadByte within a timestamp", "d6ff00000000", func(s *source) error {
			_, _ = s.ReadByte()
			_, _ = s.ReadByte()
			_, err := s.ReadByte()
			return err
		}},
		{"UnreadByte twice", "01", func(s *source) error { _, _ = s.ReadByte(); _ = s.UnreadByte(); return s.UnreadByte() }},
		{"UnreadByte at the beginning", "01", func(s *source) error { return s.UnreadByte() }},
		{"UnreadByte after Read", "a161", func(s *source) error { _, _ = s.ReadByte(); _, _ = s.Read(buf); return s.UnreadByte() }},
		{"next within a string", "a161", func(s *source) error { _, _ = s.ReadByte(); _, err := s.next(); return err }},
		{"next within an integer", "01", func(s *source) error { _, _ = s.ReadByte(); _, err := s.next(); return err }},
	} {
		s := newSource(vectors.Unhex(c.in))
		if err := c.f(&s); !errors.Is(err, errMisread) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	s := newSource([]byte{codeNil})
	if _, err := s.next(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadByte(); err != io.EOF {
		t.Errorf("ReadByte at the end: %v", err)
	}
	if _, err := s.next(); err != io.EOF {
		t.Errorf("next at the end: %v", err)
	}
}

func TestPanicsInDecodingAreErrors(t *testing.T) {
	for _, v := range []any{&panicking{}, &[]panicking{}, &struct{ A *panicking }{}} {
		in := vectors.Unhex("81 a141 01")
		if _, ok := v.(*[]panicking); ok {
			in = vectors.Unhex("91 01")
		}
		if err := Msgpack.DecodeValue(in, v); !errors.Is(err, ErrDecode) {
			t.Errorf("into %T: %v", v, err)
		}
	}
	if err := Msgpack.DecodeValue([]byte{1}, &refusing{}); !errors.Is(err, io.ErrClosedPipe) || !errors.Is(err, ErrDecode) {
		t.Error(err)
	}
}

func TestPooledDecodersForgetFailures(t *testing.T) {
	type record struct {
		A string
		R msgpack.RawMessage
		M map[string]int
	}
	in := vectors.Unhex("83 a141 a161 a152 92 01 02 a14d 81 a161 01")
	for range 100 {
		for _, bad := range []struct {
			in string
			v  any
		}{
			{"81 a141 90", new(record)}, {"81 a14d 81 a161 a0", new(record)}, {"91 d6ff00000000", new([]map[string]any)}, {"91 01", new([]panicking)},
		} {
			if Msgpack.DecodeValue(vectors.Unhex(bad.in), bad.v) == nil {
				t.Fatalf("%s decodes", bad.in)
			}
		}
		var got record
		if err := Msgpack.DecodeValue(in, &got); err != nil || got.A != "a" || got.M["a"] != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		var list []int64
		if err := Msgpack.DecodeValue(got.R, &list); err != nil || !reflect.DeepEqual(list, []int64{1, 2}) {
			t.Fatalf("%v, %v", list, err)
		}
	}
}

func TestDecodedValuesDoNotAliasTheirBytes(t *testing.T) {
	type record struct {
		S string
		B []byte
		R Raw
		M msgpack.RawMessage
		V any
	}
	in := vectors.Unhex("85 a153 a161 a142 c40162 a152 a163 a14d a164 a156 92 a165 c40166")
	var (
		r record
		v any
	)
	if err := errors.Join(Msgpack.DecodeValue(in, &r), Msgpack.DecodeValue(in, &v)); err != nil {
		t.Fatal(err)
	}
	text := func() string { return fmt.Sprintf("%q %x %x %x %q %q", r.S, r.B, r.R.Bytes(), r.M, r.V, v) }
	before := text()
	for i := range in {
		in[i] = 0xc1
	}
	if after := text(); after != before {
		t.Errorf("%s became %s", before, after)
	}
	for _, v := range []any{new(string), new([]byte), new(Raw)} {
		in := []byte{0xa1, 'x'}
		if err := Msgpack.DecodeValue(in, v); err != nil {
			t.Fatal(err)
		}
		in[1] = 'y'
		switch v := v.(type) {
		case *string:
			if *v != "x" {
				t.Error("a string aliases its bytes")
			}
		case *[]byte:
			if string(*v) != "x" {
				t.Error("a []byte aliases its bytes")
			}
		case *Raw:
			if v.Bytes()[1] != 'x' {
				t.Error("a Raw aliases its bytes")
			}
		}
	}
}

func TestStructsDecodeByTheirTags(t *testing.T) {
	type record struct {
		A int    `json:"a"`
		B string `json:"j" msgpack:"m"`
		C []byte
		D *record `json:"d,omitempty"`
		E map[int]string
		F [2]byte
		G time.Time
	}
	want := record{1, "two", []byte{3}, &record{A: 4, G: time.Unix(1, 0)}, map[int]string{-5: "five"}, [2]byte{6, 7}, time.Unix(8, 9)}
	b, err := Msgpack.AppendValue(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	var got record
	if err := Msgpack.DecodeValue(b, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, not %+v; %v", got, want, err)
	}
	if err := Msgpack.DecodeValue(vectors.Unhex("81 a6 6c617465722e 91 01"), &got); err != nil {
		t.Errorf("a field that nobody knows: %v", err)
	}
}

func TestDeepMixedMapsDecodeInLinearTime(t *testing.T) {
	// Each level has a string key first and another second: doing a level again for each would take 2^31 steps.
	in := append(bytes.Repeat([]byte{0x82, 0xa0}, 31), 0x80)
	for range 31 {
		in = append(in, 0x01, 0xc0)
	}
	var v any
	if err := Msgpack.DecodeValue(in, &v); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(fmt.Sprintf("%T%v", v, v), "map["); n < 31 {
		t.Errorf("%d maps", n)
	}
}
