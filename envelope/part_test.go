package envelope

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
)

// TestPartHeadIsWhatStandsBeforeTheBytes writes each width of chain and of length in both ways.
func TestPartHeadIsWhatStandsBeforeTheBytes(t *testing.T) {
	for _, chain := range []uint64{1, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxUint64} {
		for _, n := range []int{1, 255, 256, MinPart, MaxPart - 1, MaxPart} {
			for _, last := range []bool{false, true} {
				if n < MinPart && !last {
					continue
				}
				p := Part{Chain: chain, Bytes: make([]byte, n), Last: last}
				head := AppendPartHead(nil, chain, n, last)
				if want := AppendPart(nil, p); !bytes.Equal(append(head, p.Bytes...), want) {
					t.Errorf("%d bytes of chain %d, last %v: %x, want %x", n, chain, last, head, want[:len(want)-n])
				}
				if len(head) > MaxPartHead {
					t.Errorf("%d bytes stand before %d bytes of chain %d", len(head), n, chain)
				}
			}
		}
	}
}

// TestHeadsOfWholeEnvelopes reads the head of each vector, of all of it and of what is left when its end is cut off.
func TestHeadsOfWholeEnvelopes(t *testing.T) {
	n := 0
	for _, v := range loadVectors(t).Vectors {
		var want Envelope
		if err := Msgpack.Parse(v.Envelope, &want); err != nil {
			t.Fatal(err)
		}
		got, err := ParseHead(v.Envelope)
		if want.Kind > KindSend || want.Kind == KindSend && Reserved(want.Name) {
			if !errors.Is(err, ErrCut) {
				t.Errorf("%s may be cut: %v", v.Name, err)
			}
			continue
		}
		n++
		if err != nil || got.Kind != want.Kind || got.ID != want.ID || !bytes.Equal(got.Name, want.Name) {
			t.Errorf("%s: %v %d %q, %v; want %v %d %q", v.Name, got.Kind, got.ID, got.Name, err, want.Kind, want.ID, want.Name)
		}
		if again, err := ParseHead(v.Envelope[:len(v.Envelope)-1]); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s without its last byte: %+v, %v", v.Name, again, err)
		}
	}
	if n < 90 {
		t.Fatalf("only %d envelopes that may be cut", n)
	}
	if _, err := ParseHead(must(Msgpack.AppendSend(nil, NameData, nil))); err != nil {
		t.Errorf("$/data may not be cut: %v", err)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func FuzzPart(f *testing.F) {
	file := loadVectors(f)
	n := 0
	for _, v := range file.Vectors {
		var e Envelope
		if v.Part != nil && Msgpack.Parse(v.Envelope, &e) == nil && len(e.Args) <= maxSeed {
			f.Add([]byte(e.Args), v.Part.Last)
			n++
		}
	}
	for _, h := range file.Hostile {
		if (h.Layer == "part" || h.Layer == "last") && len(h.Input) <= maxSeed {
			f.Add([]byte(h.Input), h.Layer == "last")
			n++
		}
	}
	if n < 20 {
		f.Fatalf("%d seeds", n)
	}
	f.Fuzz(func(t *testing.T, args []byte, last bool) {
		p, err := ParsePart(args, last)
		if err != nil {
			if !refusal(err) || !reflect.DeepEqual(p, Part{}) {
				t.Fatalf("%+v, %v", p, err)
			}
			return
		}
		if cap(p.Bytes) != len(p.Bytes) || p.Last != last {
			t.Fatalf("%+v", p)
		}
		var e Envelope
		if err := Msgpack.Parse(AppendPart(nil, p), &e); err != nil {
			t.Fatal(err)
		}
		if again, err := ParsePart(e.Args, last); err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%+v, then %+v, %v", p, again, err)
		}
	})
}

func FuzzHead(f *testing.F) {
	for _, seed := range seeds(f, "envelope") {
		f.Add(seed)
	}
	for _, h := range loadVectors(f).Hostile {
		if h.Layer == "head" {
			f.Add([]byte(h.Input))
		}
	}
	f.Fuzz(func(t *testing.T, first []byte) {
		head, err := ParseHead(first)
		if err != nil {
			if !refusal(err) {
				t.Fatalf("an error of no known reason: %v", err)
			}
			return
		}
		var e Envelope
		if Msgpack.Parse(first, &e) == nil && (e.Kind != head.Kind || e.ID != head.ID || !bytes.Equal(e.Name, head.Name)) {
			t.Fatalf("%x is %v %d %q, and its head %v %d %q", first, e.Kind, e.ID, e.Name, head.Kind, head.ID, head.Name)
		}
	})
}
