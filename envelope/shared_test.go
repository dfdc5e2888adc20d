package envelope

import (
	"bytes"
	"errors"
	"sync"
	"testing"
)

// A counted value counts how often it is encoded.
type counted struct{ times *int }

func (c counted) MarshalText() ([]byte, error) { *c.times++; return []byte("x"), nil }

// TestASharedValueIsEncodedOncePerCodec: also if many ask at the same time, and inside another value.
func TestASharedValueIsEncodedOncePerCodec(t *testing.T) {
	times := 0
	s := NewShared(map[string]any{"a": counted{&times}})
	want, err := Msgpack.AppendValue(nil, map[string]any{"a": []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if r, err := s.For(Msgpack); err != nil || !bytes.Equal(r.Bytes(), want) || r.Codec() != Msgpack {
				t.Errorf("%x, %v", r.Bytes(), err)
			}
		})
	}
	all.Wait()
	if r, err := s.For(jsonCodec{}); err != nil || string(r.Bytes()) != `{"a":"x"}` {
		t.Errorf("%s, %v", r.Bytes(), err)
	}
	if b, err := Msgpack.AppendValue(nil, []any{s}); err != nil || !bytes.Equal(b, append([]byte{fixArray | 1}, want...)) {
		t.Errorf("inside a list: %x, %v", b, err)
	}
	if times != 2 {
		t.Errorf("encoded %d times", times)
	}
}

// TestASharedValueFailsPerCodec: what one codec has no form for, another may have.
func TestASharedValueFailsPerCodec(t *testing.T) {
	s := NewShared(ImproperList{Elements: []any{1}, Tail: 2})
	if _, err := s.For(Msgpack); !errors.Is(err, ErrEncode) {
		t.Error(err)
	}
	if _, err := Msgpack.AppendValue(nil, []any{s}); !errors.Is(err, ErrEncode) {
		t.Error("inside a list:", err)
	}
	if _, err := s.For(jsonCodec{}); err != nil {
		t.Error(err)
	}
	if _, same := s.Value().(ImproperList); !same {
		t.Errorf("the value is %v", s.Value())
	}
	raw := NewRaw(Msgpack, []byte{fixMap})
	if r, err := NewShared(raw).For(Msgpack); err != nil || &r.Bytes()[0] != &raw.Bytes()[0] {
		t.Errorf("a Raw of the codec is encoded again: %v", err)
	}
}
