package envelope

import (
	"bytes"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// streamVectors is testdata/vectors/streams.json, described in the README there.
type streamVectors struct {
	Vectors []*streamVector `json:"vectors"`
	Hostile []*hostile      `json:"hostile"`
}

type streamVector struct {
	vector
	Credit *int32 `json:"credit"`
	Data   *struct {
		aboutStream
		Value vectors.Hex `json:"value"`
	} `json:"data"`
	Credited *struct {
		aboutStream
		N int `json:"n"`
	} `json:"credited"`
	Ended *aboutStream `json:"ended"`
}

// An aboutStream names a stream.
type aboutStream struct {
	ID   string `json:"id"`
	Mine bool   `json:"mine"`
}

func (a *aboutStream) stream(t testing.TB) StreamID {
	t.Helper()
	id, err := strconv.ParseUint(a.ID, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return StreamID{CallID(id), a.Mine}
}

func loadStreams(t testing.TB) (f streamVectors) {
	t.Helper()
	vectors.Load(t, "streams.json", &f)
	if len(f.Vectors) < 15 || len(f.Hostile) < 40 {
		t.Fatalf("%d vectors and %d hostile inputs: some are missing", len(f.Vectors), len(f.Hostile))
	}
	return f
}

func TestStreamVectors(t *testing.T) {
	for _, v := range loadStreams(t).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			var e Envelope
			if err := Msgpack.Parse(v.Envelope, &e); err != nil {
				t.Fatal(err)
			}
			written, layer := reencode(t, &e), ""
			switch {
			case v.Credit != nil:
				want := Options{IsStream: true, Credit: *v.Credit, Trace: v.Trace}
				if v.TimeoutMS != nil {
					want.HasTimeout, want.Timeout = true, time.Duration(*v.TimeoutMS)*time.Millisecond
				}
				if e.Options != want || string(e.Name) != v.Handler || !bytes.Equal(e.Args, v.Args) || strconv.FormatUint(uint64(e.ID), 10) != v.ID {
					t.Errorf("a call of %s with %+v, not %+v", e.Name, e.Options, want)
				}
			case v.Data != nil:
				layer = "data"
				s, value, err := ParseData(e.Args)
				if err != nil || s != v.Data.stream(t) || !bytes.Equal(value, v.Data.Value) || cap(value) != len(value) {
					t.Fatalf("%v %x, %v", s, value, err)
				}
				var size int
				if written, size, err = AppendData(nil, s, NewRaw(Msgpack, value)); err != nil || size != len(value) {
					t.Errorf("a value of %d bytes, %v", size, err)
				}
			case v.Credited != nil:
				layer = "credit"
				s, n, err := ParseCredit(e.Args)
				if err != nil || s != v.Credited.stream(t) || n != v.Credited.N {
					t.Fatalf("%v %d, %v", s, n, err)
				}
				written = AppendCredit(nil, s, n)
			default:
				layer = "end"
				s, err := ParseEnd(e.Args)
				if err != nil || s != v.Ended.stream(t) {
					t.Fatalf("%v, %v", s, err)
				}
				written = AppendEnd(nil, s)
			}
			want := v.Written
			if want == nil {
				want = v.Envelope
			}
			if !bytes.Equal(written, want) {
				t.Errorf("written as %x, not %x", written, want)
			}
			for n := 0; layer != "" && n < len(e.Args); n++ {
				if readStream(t, layer, e.Args[:n:n]) == nil {
					t.Errorf("the first %d bytes of the args are a %s", n, layer)
				}
			}
			for n := range len(v.Envelope) {
				if Msgpack.Parse(v.Envelope[:n:n], new(Envelope)) == nil {
					t.Errorf("the first %d bytes parse", n)
				}
			}
		})
	}
}

// readStream reads input with the layer of a hostile vector.
func readStream(t testing.TB, layer string, input []byte) (err error) {
	t.Helper()
	switch layer {
	case "data":
		_, _, err = ParseData(input)
	case "credit":
		_, _, err = ParseCredit(input)
	case "end":
		_, err = ParseEnd(input)
	default:
		return read(t, layer, input)
	}
	return err
}

func TestHostileStreamVectorsFailForExactlyTheirReason(t *testing.T) {
	for _, h := range loadStreams(t).Hostile {
		t.Run(h.Name, func(t *testing.T) {
			if refusals[h.Error] == nil {
				t.Fatalf("no error is called %q", h.Error)
			}
			err := readStream(t, h.Layer, h.Input)
			for name, reason := range refusals {
				if errors.Is(err, reason) != (name == h.Error) {
					t.Errorf("%v is %s: %v; want %s", err, name, errors.Is(err, reason), h.Error)
				}
			}
		})
	}
}

func TestWrongStreamsAreNotWritten(t *testing.T) {
	for name, f := range map[string]func(){
		"credit for no stream": func() { AppendCredit(nil, StreamID{}, 1) },
		"credit below 0":       func() { AppendCredit(nil, StreamID{Call: 1}, -1) },
		"credit over 2^31-1":   func() { AppendCredit(nil, StreamID{Call: 1}, MaxCredit+1) },
		"end of no stream":     func() { AppendEnd(nil, StreamID{}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it does not panic")
				}
			}()
			f()
		})
	}
	before := []byte{1}
	if b, n, err := AppendData(before, StreamID{}, 1); !errors.Is(err, ErrID) || !bytes.Equal(b, before) || n != 0 {
		t.Errorf("data of no stream: %x, %d, %v", b, n, err)
	}
	if b, n, err := AppendData(before, StreamID{Call: 1}, func() {}); !errors.Is(err, ErrEncode) || !bytes.Equal(b, before) || n != 0 {
		t.Errorf("a func: %x, %d, %v", b, n, err)
	}
	if _, err := Msgpack.AppendCall(nil, 1, "tail", Options{IsStream: true, Credit: -1}, nil); !errors.Is(err, ErrCredit) {
		t.Errorf("a call with credit below 0: %v", err)
	}
}

// TestDataNestsAsDeepAsTheGuardLets: the value lies inside the arrays of the envelope and of its args.
func TestDataNestsAsDeepAsTheGuardLets(t *testing.T) {
	for depth, want := range map[int]error{MaxDepth - 2: nil, MaxDepth - 1: ErrDepth} {
		value := append(bytes.Repeat([]byte{0x91}, depth-1), 0x90)
		b, _, err := AppendData(nil, StreamID{Call: 1}, NewRaw(Msgpack, value))
		if !errors.Is(err, want) {
			t.Errorf("depth %d: %v", depth, err)
		}
		if err == nil && Msgpack.Parse(b, new(Envelope)) != nil {
			t.Errorf("depth %d does not parse", depth)
		}
	}
}

func fuzzStream(f *testing.F, layer string, again func(t *testing.T, args []byte) []byte) {
	n := 0
	for _, v := range loadStreams(f).Vectors {
		var e Envelope
		if err := Msgpack.Parse(v.Envelope, &e); err != nil {
			f.Fatal(err)
		}
		if e.Kind == KindSend {
			f.Add(e.Args)
			n++
		}
	}
	for _, h := range loadStreams(f).Hostile {
		if h.Layer == layer {
			f.Add([]byte(h.Input))
			n++
		}
	}
	if n < 20 {
		f.Fatalf("%d seeds", n)
	}
	f.Fuzz(func(t *testing.T, args []byte) {
		before := bytes.Clone(args)
		err := readStream(t, layer, args)
		if !bytes.Equal(args, before) {
			t.Fatal("reading changed the args")
		}
		if err != nil {
			if !refusal(err) {
				t.Fatalf("an error of no known reason: %v", err)
			}
			return
		}
		var e Envelope
		b := again(t, args)
		if err := Msgpack.Parse(b, &e); err != nil {
			t.Fatal(err)
		}
		if third := again(t, e.Args); !bytes.Equal(b, third) {
			t.Fatalf("written as %x, then as %x", b, third)
		}
	})
}

func FuzzData(f *testing.F) {
	fuzzStream(f, "data", func(t *testing.T, args []byte) []byte {
		s, value, err := ParseData(args)
		if err != nil {
			t.Fatal(err)
		}
		b, n, err := AppendData(nil, s, NewRaw(Msgpack, value))
		if errors.Is(err, ErrDepth) || errors.Is(err, ErrElements) { // the args alone lie less deep than in their envelope
			t.Skip()
		}
		if err != nil || n != len(value) {
			t.Fatalf("%d of %d bytes, %v", n, len(value), err)
		}
		return b
	})
}

func FuzzCredit(f *testing.F) {
	fuzzStream(f, "credit", func(t *testing.T, args []byte) []byte {
		s, n, err := ParseCredit(args)
		if err != nil {
			t.Fatal(err)
		}
		return AppendCredit(nil, s, n)
	})
}

func FuzzEnd(f *testing.F) {
	fuzzStream(f, "end", func(t *testing.T, args []byte) []byte {
		s, err := ParseEnd(args)
		if err != nil {
			t.Fatal(err)
		}
		return AppendEnd(nil, s)
	})
}
