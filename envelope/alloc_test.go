package envelope

import (
	"bytes"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

func TestParseDoesNotAllocate(t *testing.T) {
	var e Envelope
	for _, v := range loadVectors(t).Vectors {
		if v.Trace != "" || v.Error != nil {
			continue // these are copied
		}
		if n := testing.AllocsPerRun(20, func() {
			if Msgpack.Parse(v.Envelope, &e) != nil {
				t.Fatal("it does not parse")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", v.Name, n)
		}
	}
}

func TestParseAllocatesOnlyForTracesAndErrors(t *testing.T) {
	var e Envelope
	for _, v := range loadVectors(t).Vectors {
		want := 0.0
		if v.Trace != "" {
			want = 1 // the trace
		}
		if v.Error != nil {
			want = 2                   // the error and its code
			if len(v.Error.Text) > 1 { // Go has the strings of one byte ready
				want++
			}
			if v.Written != nil && bytes.Contains([]byte(v.Error.Text), []byte("\uFFFD")) {
				want++ // the text with what is not UTF-8 replaced
			}
		}
		n := testing.AllocsPerRun(20, func() { _ = Msgpack.Parse(v.Envelope, &e) })
		if n != want {
			t.Errorf("%s: %v allocations, not %v", v.Name, n, want)
		}
	}
}

func TestAppendDoesNotAllocateForCommonArgs(t *testing.T) {
	options := Options{Timeout: time.Second, HasTimeout: true, Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	buf := make([]byte, 0, 4096)
	for name, args := range map[string]any{
		"nil": nil, "bool": true, "int": 1 << 30, "int64": int64(-5), "uint64": uint64(1 << 63), "float64": 1.5,
		"string": "sixty-four bytes", "[]byte": bytes.Repeat([]byte{1}, 64),
		"Raw": NewRaw(Msgpack, []byte{0x93, 1, 2, 3}), "zero Raw": Raw{},
	} {
		for kind, f := range map[string]func() ([]byte, error){
			"call":         func() ([]byte, error) { return Msgpack.AppendCall(buf, 1<<40, "greet", Options{}, args) },
			"call options": func() ([]byte, error) { return Msgpack.AppendCall(buf, 1<<40, "greet", options, args) },
			"reply":        func() ([]byte, error) { return Msgpack.AppendReply(buf, 1<<40, args) },
			"send":         func() ([]byte, error) { return Msgpack.AppendSend(buf, "greet", args) },
		} {
			if n := testing.AllocsPerRun(100, func() {
				if _, err := f(); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s of %s: %v allocations", kind, name, n)
			}
		}
	}
	e := &RemoteError{Code: CodeFailed, Text: "no such file", Data: NewRaw(Msgpack, []byte{1})}
	nonce := make([]byte, 8)
	for name, f := range map[string]func(){
		"error":  func() { _, _ = Msgpack.AppendError(buf, 1, e) },
		"ping":   func() { Msgpack.AppendPing(buf, nonce) },
		"pong":   func() { Msgpack.AppendPong(buf, nonce) },
		"hello":  func() { AppendHello(buf, Hello{Version: 1, Agent: "x", Name: "y", HasBoot: true, Max: 1}) },
		"bye":    func() { AppendBye(buf, Bye{Code: ReasonIdle, Text: "x"}) },
		"cancel": func() { AppendCancel(buf, 5) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestDecodeAllocatesOnlyTheResult(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		v    any
		want float64
	}{
		{"string", []byte("\xa5hello"), new(string), 1},
		{"[]byte", []byte("\xc4\x05hello"), new([]byte), 1},
		{"int", []byte{0xcd, 1, 0}, new(int), 0},
		{"bool", []byte{codeTrue}, new(bool), 0},
		{"Raw", []byte{0x91, 1}, new(Raw), 1},
		{"any", []byte{codeNil}, new(any), 0},
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := Msgpack.DecodeValue(c.in, c.v); err != nil {
				t.Fatal(err)
			}
		}); n != c.want {
			t.Errorf("%s: %v allocations, not %v", c.name, n, c.want)
		}
	}
}

func TestLargeArgsAreCopiedOnce(t *testing.T) {
	data := make([]byte, 1_000_000)
	var args any = data
	fewest := 100.0
	for range 20 { // the race detector makes pools forget at times
		fewest = min(fewest, testing.AllocsPerRun(1, func() {
			b, err := Msgpack.AppendCall(nil, 1, "store", Options{}, args)
			if err != nil || cap(b) > len(data)+16384 {
				t.Fatal(cap(b), err)
			}
		}))
	}
	if fewest > 2 { // one, and one that the race detector adds
		t.Errorf("%v allocations", fewest)
	}
}

// TestDecodingIsBounded decodes the most wasteful values that the guard passes. They must stay within the cost of a
// frame.
func TestDecodingIsBounded(t *testing.T) {
	repeat := func(header, element string, n int) []byte {
		return append(vectors.Unhex(header), bytes.Repeat(vectors.Unhex(element), n)...)
	}
	for name, in := range map[string][]byte{
		"empty arrays":      repeat("dd0001ffff", "90", 131071),
		"empty maps":        repeat("dd0001ffff", "80", 131071),
		"maps of one":       repeat("dd0000aaaa", "81a0c0", 43690),
		"mixed maps of one": repeat("dd0000aaaa", "8100c0", 43690),
		"one map":           repeat("deffff", "cd0100c0", 65535),
		"floats":            repeat("dd0001ffff", "cb3ff8000000000000", 131071),
		"timestamps":        repeat("dd0001ffff", "d6ff00000001", 131071),
	} {
		var v any
		used := allocated(func() {
			if err := Msgpack.DecodeValue(in, &v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		})
		if used > 32<<20 {
			t.Errorf("%s: %d bytes allocate %d", name, len(in), used)
		}
	}
}
