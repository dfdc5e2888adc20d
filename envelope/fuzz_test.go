package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// maxSeed is the bytes of the largest vector that seeds a fuzz target: mutating megabytes finds nothing.
const maxSeed = 1 << 14

// seeds returns the inputs of the vectors, good and hostile, for fuzz targets of that layer.
func seeds(f *testing.F, layer string) [][]byte {
	f.Helper()
	var inputs [][]byte
	file := loadVectors(f)
	for _, v := range file.Vectors {
		var e Envelope
		if err := Msgpack.Parse(v.Envelope, &e); err != nil {
			f.Fatal(err)
		}
		switch {
		case layer == "envelope":
			inputs = append(inputs, v.Envelope)
		case layer == "value":
			inputs = append(inputs, v.Envelope, e.Args, e.Result)
		case layer == "hello" && v.Hello != nil, layer == "bye" && v.Bye != nil:
			inputs = append(inputs, e.Args)
		}
	}
	for _, h := range file.Hostile {
		if h.Layer == layer || layer == "value" {
			inputs = append(inputs, h.Input)
		}
	}
	n := 0
	for _, in := range inputs {
		if len(in) <= maxSeed {
			inputs[n] = in
			n++
		}
	}
	if n < 15 {
		f.Fatalf("%d seeds for %s", n, layer)
	}
	return inputs[:n]
}

func FuzzParse(f *testing.F) {
	for _, seed := range seeds(f, "envelope") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		var e, again Envelope
		err := Msgpack.Parse(body, &e)
		if !bytes.Equal(body, before) {
			t.Fatal("parsing changed the body")
		}
		if err != nil {
			if !refusal(err) {
				t.Fatalf("an error of no known reason: %v", err)
			}
			return
		}
		b := reencode(t, &e)
		if err := Msgpack.Parse(b, &again); err != nil {
			t.Fatalf("%x, written as %x, does not parse: %v", body, b, err)
		}
		if !reflect.DeepEqual(e, again) {
			t.Fatalf("%x says %+v\n%x says %+v", body, e, b, again)
		}
		if c := reencode(t, &again); !bytes.Equal(b, c) {
			t.Fatalf("written as %x, then as %x", b, c)
		}
		if Reserved(e.Name) == (CheckName(string(e.Name)) == nil) && e.Name != nil {
			t.Fatalf("%q", e.Name)
		}
	})
}

// refusal reports whether err has exactly one of the reasons in refusals.
func refusal(err error) bool {
	n := 0
	for _, reason := range refusals {
		if errors.Is(err, reason) {
			n++
		}
	}
	return n == 1
}

// Bounds of what decoding may allocate: for each byte of the value the cost of the most wasteful form, and once the
// needs of the pools and of the fuzzing engine.
const (
	bytesPerByte = 512
	bytesAtOnce  = 1 << 17
)

// allTypes has a field for each type that the library decodes in its own way. The key of each is one byte.
type allTypes struct {
	A any
	B []byte
	C [4]byte
	D string
	E []string
	F map[string]string
	G map[string]any
	H map[any]any
	I map[string]bool
	J map[int]*allTypes
	K *allTypes
	L []any
	M time.Time
	N *time.Time
	O time.Duration
	P bool
	Q int8
	R uint64
	S float32
	T float64
	U msgpack.RawMessage
	V Raw
	W []Raw
	X json.RawMessage
	Y [2]any
	Z struct{ A, B *int }
}

func FuzzGuard(f *testing.F) {
	for _, seed := range seeds(f, "value") {
		f.Add(seed)
	}
	for field := byte('A'); field <= 'Z'; field++ {
		for _, value := range []string{"c0", "a161", "c40161", "9101", "81a16101", "8101c0", "d6ff00000001", "d7ffdf40000000000000", "ca3fc00000", "cfffffffffffffffff"} {
			f.Add(append([]byte{0x81, 0xa1, field}, vectors.Unhex(value)...))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := Guard(b)
		if err != nil {
			if !refusal(err) {
				t.Fatalf("an error of no known reason: %v", err)
			}
			if got := Msgpack.Parse(b, new(Envelope)); !errors.Is(got, err) {
				t.Fatalf("Guard says %v, Parse %v", err, got)
			}
			var v any
			if got := Msgpack.DecodeValue(b, &v); !errors.Is(got, err) {
				t.Fatalf("Guard says %v, DecodeValue %v", err, got)
			}
			return
		}
		if n < len(b) {
			if err := Msgpack.Parse(b, new(Envelope)); !errors.Is(err, ErrTrailing) {
				t.Fatalf("Parse says %v to trailing bytes", err)
			}
			b = b[:n:n]
		}
		for n := range min(n, 100) {
			if _, err := Guard(b[:n:n]); err == nil {
				t.Fatalf("the first %d bytes of %x pass", n, b)
			}
		}
		for _, v := range []any{new(any), new(map[string]any), new(map[string]string), new(map[any]any), new([]any), new(allTypes), new(string), new(time.Time), new([]map[string]any), new(mapReader)} {
			var err error
			used := allocated(func() { err = Msgpack.DecodeValue(b, v) })
			if err != nil && !errors.Is(err, ErrDecode) {
				t.Fatalf("a guarded value into %T: %v", v, err)
			}
			if limit := uint64(bytesAtOnce + bytesPerByte*len(b)); used > limit {
				t.Fatalf("%d bytes into %T allocate %d", len(b), v, used)
			}
			if err == nil {
				checkValue(t, b, v)
			}
		}
		used := allocated(func() { checkJSON(t, b) })
		if limit := uint64(bytesAtOnce + bytesPerByte*len(b)); used > limit {
			t.Fatalf("%d bytes as JSON allocate %d", len(b), used)
		}
	})
}

// FuzzBinary compares Binary, which does not copy, with Decode.
func FuzzBinary(f *testing.F) {
	for _, seed := range seeds(f, "value") {
		f.Add(seed)
	}
	for _, seed := range [][]byte{{0xc4, 0}, {0xc5, 0, 1, 'a'}, {0xc6, 0, 0, 0, 1, 'a'}, {0xd9, 1, 'a'}, {0xa1, 'a', 0}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		got, err := NewRaw(Msgpack, b).Binary()
		var want []byte
		wantErr := Msgpack.DecodeValue(b, &want)
		if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Fatalf("Binary() = %x, %v, Decode %x, %v", got, err, want, wantErr)
		}
		if (err == nil) != (wantErr == nil) || errors.Is(err, ErrDecode) != errors.Is(wantErr, ErrDecode) {
			t.Fatalf("Binary says %v, Decode %v", err, wantErr)
		}
		if cap(got) != len(got) || !bytes.Equal(b, before) {
			t.Fatal("there is room to append, or the bytes were changed")
		}
	})
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// checkValue checks that v, to which b decoded, encodes to bytes that decode to the same.
func checkValue(t *testing.T, b []byte, v any) {
	t.Helper()
	value, ok := v.(*any)
	if !ok {
		return
	}
	again, err := Msgpack.AppendValue(nil, *value)
	if err != nil {
		t.Fatalf("%x decodes to %#v, which does not encode: %v", b, *value, err)
	}
	var other any
	if err := Msgpack.DecodeValue(again, &other); err != nil {
		t.Fatalf("%x decodes to %#v, encoded %x: %v", b, *value, again, err)
	}
	third, err := Msgpack.AppendValue(nil, other)
	if err != nil || len(third) != len(again) {
		t.Fatalf("%x, then %x: %v", again, third, err)
	}
}

// checkJSON checks that b has a JSON form that FromJSON reads, or has a key without one.
func checkJSON(t *testing.T, b []byte) {
	t.Helper()
	text, err := NewRaw(Msgpack, b).MarshalJSON()
	if errors.Is(err, ErrMapKey) {
		return
	}
	if err != nil || !json.Valid(text) {
		t.Fatalf("%x as JSON: %s, %v", b, text, err)
	}
	if _, err := FromJSON(text); err != nil && !errors.Is(err, ErrDuplicateKey) {
		t.Fatalf("%x as JSON: %s, %v", b, text, err)
	}
}

func FuzzHello(f *testing.F) {
	for _, seed := range seeds(f, "hello") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, args []byte) {
		h, err := ParseHello(args)
		if err != nil {
			if !refusal(err) || h != (Hello{}) {
				t.Fatalf("%+v, %v", h, err)
			}
			return
		}
		var e Envelope
		if err := Msgpack.Parse(AppendHello(nil, h), &e); err != nil {
			t.Fatal(err)
		}
		if again, err := ParseHello(e.Args); err != nil || again != h {
			t.Fatalf("%+v, then %+v, %v", h, again, err)
		}
	})
}

func FuzzBye(f *testing.F) {
	for _, seed := range seeds(f, "bye") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, args []byte) {
		y, err := ParseBye(args)
		if err != nil {
			if !refusal(err) || y != (Bye{}) {
				t.Fatalf("%+v, %v", y, err)
			}
			return
		}
		var e Envelope
		if err := Msgpack.Parse(AppendBye(nil, y), &e); err != nil {
			t.Fatal(err)
		}
		if again, err := ParseBye(e.Args); err != nil || again != y {
			t.Fatalf("%+v, then %+v, %v", y, again, err)
		}
	})
}

func FuzzCancel(f *testing.F) {
	for _, h := range loadVectors(f).Hostile {
		if h.Layer == "cancel" {
			f.Add([]byte(h.Input))
		}
	}
	f.Add([]byte{0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, args []byte) {
		id, err := ParseCancel(args)
		if err != nil {
			if !refusal(err) || id != 0 {
				t.Fatalf("%d, %v", id, err)
			}
			return
		}
		var e Envelope
		if err := Msgpack.Parse(AppendCancel(nil, id), &e); err != nil {
			t.Fatal(err)
		}
		if again, err := ParseCancel(e.Args); err != nil || again != id {
			t.Fatalf("%d, then %d, %v", id, again, err)
		}
	})
}

func FuzzFromJSON(f *testing.F) {
	n := 0
	for _, seed := range seeds(f, "value") {
		if text, err := NewRaw(Msgpack, seed).MarshalJSON(); err == nil {
			f.Add(text)
			n++
		}
	}
	if n < 50 {
		f.Fatalf("%d seeds", n)
	}
	for _, text := range []string{`{"a":1,"a":2}`, `[1e999]`, `18446744073709551616`, `-0.0`, `"\ud800"`, `[[[[`, ` {"a":[1.0,{}]} `,
		`{"$tuple":[{"$atom":"ok"},{"$binary":"/w=="}]}`, `{"$atoms":{"a":1}}`, `{"$map":[[1,{}]]}`, `{"$improper":[[1],2]}`, `{"$$atom":"ok"}`, `{"$map":[[1`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var (
			v   any
			err error
		)
		if used := allocated(func() { v, err = FromJSON(text) }); used > uint64(bytesAtOnce+bytesPerByte*len(text)) {
			t.Fatalf("%d bytes of JSON allocate %d", len(text), used)
		}
		if (err == nil) && !json.Valid(text) {
			t.Fatalf("%q is taken for JSON", text)
		}
		if err != nil {
			if errors.Is(err, ErrJSON) && json.Valid(text) {
				t.Fatalf("%q is JSON: %v", text, err)
			}
			return
		}
		r, err := RawOf(Msgpack, v)
		if !isPlain(v) { // it arrives as what is nearest to it
			if err != nil && !errors.Is(err, ErrEncode) {
				t.Fatalf("%q does not encode: %v", text, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q does not encode: %v", text, err)
		}
		var decoded any
		if err := r.Decode(&decoded); err != nil || !reflect.DeepEqual(decoded, v) {
			t.Fatalf("%q is %#v, arrives as %#v, %v", text, v, decoded, err)
		}
		spelled, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := FromJSON(spelled); err != nil || !reflect.DeepEqual(again, v) {
			t.Fatalf("%q is %#v, spelled %s, then %#v, %v", text, v, spelled, again, err)
		}
	})
}

// isPlain reports whether v holds nothing that FromJSON returns for the notation alone.
func isPlain(v any) bool {
	switch v := v.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !isPlain(e) })
	case map[string]any:
		for _, e := range v {
			if !isPlain(e) {
				return false
			}
		}
	case Atom, Tuple, ImproperList, []byte, map[Atom]any, map[any]any:
		return false
	}
	return true
}
