package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// jsonCodec stands for the codec of another dialect: its values are JSON. Only values are used.
type jsonCodec struct{ Codec }

func (jsonCodec) DecodeValue(data []byte, v any) error      { return json.Unmarshal(data, v) }
func (jsonCodec) AppendJSON(b, data []byte) ([]byte, error) { return append(b, data...), nil }
func (jsonCodec) AppendValue(b []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(b, text...), err
}

func TestRawOfAnotherCodecIsTranscoded(t *testing.T) {
	other := NewRaw(jsonCodec{}, []byte(`{"a":[1.5,"x",null]}`))
	want, err := Msgpack.AppendValue(nil, map[string]any{"a": []any{1.5, "x", nil}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Msgpack.AppendValue(nil, other)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, not %x; %v", got, want, err)
	}
	got, err = Msgpack.AppendValue(nil, struct{ V Raw }{other})
	if want := append([]byte{0x81, 0xa1, 'V'}, want...); err != nil || !bytes.Equal(got, want) {
		t.Errorf("in a struct: %x, not %x; %v", got, want, err)
	}
	if text, err := json.Marshal(other); err != nil || string(text) != `{"a":[1.5,"x",null]}` {
		t.Errorf("as JSON: %s, %v", text, err)
	}
	broken := NewRaw(jsonCodec{}, []byte(`{`))
	if got, err := Msgpack.AppendValue(nil, broken); err == nil {
		t.Errorf("what its codec cannot read is written as %x", got)
	}
	if _, err := Msgpack.AppendError(nil, 1, &RemoteError{Code: CodeFailed, Data: other}); err != nil {
		t.Errorf("as data of an error: %v", err)
	}
}

func TestRawIsNil(t *testing.T) {
	for _, c := range []struct {
		r         Raw
		nil, zero bool
	}{
		{Raw{}, true, true},
		{NewRaw(Msgpack, []byte{codeNil}), true, false},
		{NewRaw(Msgpack, []byte{0}), false, false},
		{NewRaw(Msgpack, nil), false, false},
		{NewRaw(jsonCodec{}, []byte("null")), true, false},
		{NewRaw(jsonCodec{}, []byte("0")), false, false},
		{NewRaw(jsonCodec{}, nil), false, false},
	} {
		if c.r.IsNil() != c.nil || c.r.IsZero() != c.zero {
			t.Errorf("%v %x: IsNil %v, IsZero %v", c.r, c.r.Bytes(), c.r.IsNil(), c.r.IsZero())
		}
	}
}

func TestZeroRawIsNilEverywhere(t *testing.T) {
	if b, err := Msgpack.AppendValue(nil, Raw{}); err != nil || !bytes.Equal(b, []byte{codeNil}) {
		t.Errorf("written as %x, %v", b, err)
	}
	v := any("before")
	if err := (Raw{}).Decode(&v); err != nil || v != nil {
		t.Errorf("decoded as %v, %v", v, err)
	}
	if text, err := json.Marshal(Raw{}); err != nil || string(text) != "null" {
		t.Errorf("as JSON %s, %v", text, err)
	}
	if c := (Raw{}).Clone(); !c.IsZero() || c.Codec() != nil || c.Bytes() != nil {
		t.Errorf("cloned as %#v", c)
	}
}

func TestRawKeepsItsBytes(t *testing.T) {
	// An array in a wider form than it needs, of integers in wider forms.
	value := vectors.Unhex("dc0002 cd0001 d30000000000000002")
	r := NewRaw(Msgpack, value)
	type record struct {
		A int
		R Raw
		P *Raw
		L []Raw
	}
	b, err := Msgpack.AppendValue(nil, record{1, r, &r, []Raw{r, {}}})
	if err != nil {
		t.Fatal(err)
	}
	var got record
	if err := Msgpack.DecodeValue(b, &got); err != nil {
		t.Fatal(err)
	}
	for _, r := range []Raw{got.R, *got.P, got.L[0]} {
		if !bytes.Equal(r.Bytes(), value) || r.Codec() != Msgpack {
			t.Errorf("%x, not %x", r.Bytes(), value)
		}
	}
	if !got.L[1].IsNil() {
		t.Errorf("nil arrives as %x", got.L[1].Bytes())
	}
	var list []int
	if err := got.R.Decode(&list); err != nil || !reflect.DeepEqual(list, []int{1, 2}) {
		t.Errorf("%v, %v", list, err)
	}
}

func TestRawWorksWithTheLibraryAlone(t *testing.T) {
	type record struct{ R Raw }
	b, err := msgpack.Marshal(record{NewRaw(Msgpack, []byte{0x91, 1})})
	if err != nil {
		t.Fatal(err)
	}
	var got record
	if err := msgpack.Unmarshal(b, &got); err != nil || !bytes.Equal(got.R.Bytes(), []byte{0x91, 1}) {
		t.Errorf("%x, %v", got.R.Bytes(), err)
	}
}

func TestRawOf(t *testing.T) {
	r, err := RawOf(Msgpack, []int{1})
	if err != nil || !bytes.Equal(r.Bytes(), []byte{0x91, 1}) || r.Codec() != Msgpack {
		t.Errorf("%x, %v", r.Bytes(), err)
	}
	if r, err := RawOf(Msgpack, func() {}); !errors.Is(err, ErrEncode) || !r.IsZero() {
		t.Errorf("of a func: %v, %v", r, err)
	}
}

func TestCloneOutlivesItsBytes(t *testing.T) {
	b := []byte{0xa1, 'x'}
	r := NewRaw(Msgpack, b).Clone()
	b[1] = 'y'
	if string(r.Bytes()) != "\xa1x" {
		t.Errorf("%q", r.Bytes())
	}
}

func TestRawPrintsNothingOfItsContents(t *testing.T) {
	r := NewRaw(Msgpack, []byte("\xa6secret"))
	want := fmt.Sprintf("%v", r)
	for _, format := range []string{"%v", "%+v", "%s"} {
		if got := fmt.Sprintf(format, r); got != want || want != "raw value of 7 bytes" {
			t.Errorf("%s prints %s", format, got)
		}
	}
}

func TestBinaryEqualsDecodeWithoutACopy(t *testing.T) {
	for name, v := range map[string]any{"binary": []byte("abc"), "empty": []byte{}, "string": "abc", "nil": nil, "number": 7} {
		t.Run(name, func(t *testing.T) {
			r, err := RawOf(Msgpack, v)
			if err != nil {
				t.Fatal(err)
			}
			var want []byte
			wantErr := r.Decode(&want)
			got, err := r.Binary()
			if !bytes.Equal(got, want) || errors.Is(err, ErrDecode) != errors.Is(wantErr, ErrDecode) {
				t.Errorf("Binary() = %q, %v, want %q, %v", got, err, want, wantErr)
			}
			if len(got) > 0 && &got[len(got)-1] != &r.Bytes()[len(r.Bytes())-1] {
				t.Error("Binary copies")
			}
			if cap(got) != len(got) {
				t.Error("there is room to append")
			}
		})
	}
	if _, err := NewRaw(Msgpack, nil).Binary(); !errors.Is(err, ErrTruncated) {
		t.Errorf("no bytes: %v", err)
	}
	if b, err := (Raw{}).Binary(); b != nil || err != nil {
		t.Errorf("zero Raw: %v, %v", b, err)
	}
}
