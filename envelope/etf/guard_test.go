package etf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/big"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// mapOf returns a map with those keys, each with the value 0, written by hand.
func mapOf(keys ...[]byte) []byte {
	b := appendMap(nil, len(keys))
	for _, key := range keys {
		b = append(append(b, key...), tagSmallInteger, 0)
	}
	return b
}

// TestKeysAreComparedByValue puts two forms of one key, and two keys that only look alike, into maps.
func TestKeysAreComparedByValue(t *testing.T) {
	one, two := []byte{tagSmallInteger, 1}, []byte{tagSmallInteger, 2}
	forms := map[string][2][]byte{
		"an integer":           {one, {tagInteger, 0, 0, 0, 1}},
		"a big integer":        {one, {tagSmallBig, 1, 0, 1}},
		"zeros at the end":     {one, {tagSmallBig, 3, 0, 1, 0, 0}},
		"a large big integer":  {one, {tagLargeBig, 0, 0, 0, 1, 0, 1}},
		"zero below zero":      {{tagSmallInteger, 0}, {tagSmallBig, 1, 1, 0}},
		"an atom":              {appendAtom(nil, "é"), {tagSmallAtom, 1, 0xe9}},
		"a long atom":          {{tagAtom, 0, 1, 0xe9}, {tagAtomUTF8, 0, 2, 0xc3, 0xa9}},
		"a list":               {{tagString, 0, 1, 1}, {tagList, 0, 0, 0, 1, tagSmallInteger, 1, tagNil}},
		"an empty list":        {{tagString, 0, 0}, {tagNil}},
		"a tuple":              {append([]byte{tagSmallTuple, 1}, one...), append([]byte{tagLargeTuple, 0, 0, 0, 1}, one...)},
		"inside a tuple":       {append([]byte{tagSmallTuple, 1}, one...), append([]byte{tagSmallTuple, 1}, tagInteger, 0, 0, 0, 1)},
		"a map":                {mapOf(one, two), mapOf(two, one)},
		"a map with a map":     {mapOf(mapOf(one, two), two), mapOf(two, mapOf(two, []byte{tagInteger, 0, 0, 0, 1}))},
		"an improper list":     {append(append([]byte{tagList, 0, 0, 0, 1}, one...), two...), {tagList, 0, 0, 0, 1, tagInteger, 0, 0, 0, 1, tagSmallInteger, 2}},
		"a float, bit for bit": {appendFloat(nil, 1), appendFloat(nil, 1)},
	}
	for name, keys := range forms {
		for _, m := range [][]byte{mapOf(keys[0], keys[1]), mapOf(keys[0], []byte{tagNil, tagNil}[:1], appendFloat(nil, 9), keys[1])} {
			if name == "an empty list" {
				m = mapOf(keys[0], keys[1])
			}
			if err := guard(m); !errors.Is(err, envelope.ErrDuplicateKey) {
				t.Errorf("%s: got %v, want ErrDuplicateKey", name, err)
			}
		}
	}
	apart := mapOf(one, two, appendFloat(nil, 1), appendBinary(nil, "1"), appendAtom(nil, "1"), []byte{tagString, 0, 1, 1}, append([]byte{tagSmallTuple, 1}, one...),
		mapOf(one), mapOf(two), mapOf(), []byte{tagNil}, []byte{tagSmallTuple, 0}, appendFloat(nil, 0), []byte{tagSmallInteger, 0}, []byte{tagInteger, 255, 255, 255, 255})
	if err := guard(apart); err != nil {
		t.Errorf("keys that differ: %v", err)
	}
}

// TestBoundsOfTerms finds the last size that passes, and the first that does not.
func TestBoundsOfTerms(t *testing.T) {
	bigInt := func(size int) []byte {
		return append(append(binary.BigEndian.AppendUint32([]byte{tagLargeBig}, uint32(size)), 0), bytes.Repeat([]byte{1}, size)...)
	}
	atomOf := func(name string) []byte {
		return append(append([]byte{tagAtomUTF8}, byte(len(name)>>8), byte(len(name))), name...)
	}
	nest := func(depth int) []byte { return append(bytes.Repeat([]byte{tagSmallTuple, 1}, depth), tagNil) }
	nils := func(n int) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{tagLargeTuple}, uint32(n)), bytes.Repeat([]byte{tagNil}, n)...)
	}
	str := func(n int) []byte { return append([]byte{tagString, byte(n >> 8), byte(n)}, make([]byte, n)...) }
	asKey := func(n int) (b []byte) { // a map as the only key of a map, n times
		b = []byte{tagMap, 0, 0, 0, 0}
		for range n {
			b = append(append([]byte{tagMap, 0, 0, 0, 1}, b...), tagNil)
		}
		return b
	}
	three := append(append([]byte{tagSmallTuple, 3}, str(maxString-1)...), str(maxString-1)...)
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"largest integer":     {bigInt(MaxInteger), nil},
		"larger integer":      {bigInt(MaxInteger + 1), ErrBig},
		"longest atom":        {atomOf(strings.Repeat("𐍈", maxAtom)), nil},
		"longer atom":         {atomOf(strings.Repeat("a", maxAtom+1)), ErrAtom},
		"deepest":             {nest(maxDepth), nil},
		"deeper":              {nest(maxDepth + 1), envelope.ErrDepth},
		"keys in keys":        {asKey(maxKeys), nil},
		"more keys in keys":   {asKey(maxKeys + 1), envelope.ErrDepth},
		"most elements":       {nils(maxElements - 1), nil},
		"more elements":       {nils(maxElements), envelope.ErrElements},
		"strings count":       {append(bytes.Clone(three), tagNil), nil},
		"strings count alike": {append(bytes.Clone(three), str(1)...), envelope.ErrElements},
		"empty string":        {str(0), nil},
		"list of nothing":     {[]byte{tagList, 0, 0, 0, 0, tagNil}, ErrForm},
		"list that goes on":   {[]byte{tagList, 0, 0, 0, 1, tagNil, tagString, 0, 1, 7}, ErrForm},
		"old float":           {append([]byte{99}, make([]byte, 31)...), ErrTag},
		"bits":                {[]byte{77, 0, 0, 0, 1, 3, 0xa0}, ErrTag},
	} {
		if err := guard(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	// What passes by a hair is read as it is written.
	var i big.Int
	if err := Codec.DecodeValue(bigInt(MaxInteger), &i); err != nil || i.BitLen() != 8*MaxInteger-7 {
		t.Errorf("got %d bits, %v", i.BitLen(), err)
	}
	if b, err := Codec.AppendValue(nil, &i); err != nil || !bytes.Equal(b, bigInt(MaxInteger)) {
		t.Errorf("the largest integer is written in %d bytes, %v", len(b), err)
	}
}

// TestHostileTermsAllocateLittle decodes every hostile term into any. What is allocated stays within a multiple of its bytes.
func TestHostileTermsAllocateLittle(t *testing.T) {
	for _, v := range vectors.HostileTerms(t, "term") {
		if len(v.ETF) == 0 {
			continue
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var (
			e   envelope.Envelope
			got any
		)
		Codec.Parse(v.ETF, &e)
		Codec.DecodeValue(v.ETF[1:], &got)
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<16+40*uint64(len(v.ETF)) {
			t.Errorf("%s: %d bytes allocate %d", v.Name, len(v.ETF), grown)
		}
	}
}

// TestParseAllocatesNothing measures what a session does for each envelope.
func TestParseAllocatesNothing(t *testing.T) {
	args := envelope.NewRaw(Codec, term(t, map[atom]any{"name": "x", "level": 3, "mode": atom("auto")}))
	var e envelope.Envelope
	room := make([]byte, 0, 4096)
	envelopes := map[string][]byte{
		"call":  must(Codec.AppendCall(nil, 1<<63, "living_room.dim", envelope.Options{}, args)),
		"reply": must(Codec.AppendReply(nil, 1<<63, args)),
		"send":  must(Codec.AppendSend(nil, "log", args)),
		"ping":  Codec.AppendPing(nil, make([]byte, 16)),
		"pong":  Codec.AppendPong(nil, make([]byte, 16)),
	}
	for name, b := range envelopes {
		if n := testing.AllocsPerRun(100, func() {
			if err := Codec.Parse(b, &e); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("parsing a %s allocates %v times", name, n)
		}
	}
	for name, f := range map[string]func(){
		"call":  func() { must(Codec.AppendCall(room, 1, "x", envelope.Options{}, args)) },
		"reply": func() { must(Codec.AppendReply(room, 1, args)) },
		"send":  func() { must(Codec.AppendSend(room, "x", args)) },
		"pong":  func() { Codec.AppendPong(room, e.Nonce) },
		"error": func() { must(Codec.AppendError(room, 1, &envelope.RemoteError{Code: envelope.CodeNoHandler})) },
	} {
		if n := testing.AllocsPerRun(100, f); n > 1 {
			t.Errorf("writing a %s allocates %v times", name, n)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
