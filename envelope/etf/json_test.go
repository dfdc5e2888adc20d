package etf

import (
	"encoding/json"
	"math/big"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// TestTermsAsJSON names the JSON of terms. FromJSON reads it back into the same term, except for integers beyond 64 bits, which
// it refuses.
func TestTermsAsJSON(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, `null`}, {true, `true`}, {false, `false`}, {5, `5`}, {-5, `-5`}, {uint64(1 << 63), `9223372036854775808`}, {1.0, `1.0`},
		{"x\x1b", `"x\u001b"`}, {[]byte{255}, `{"$binary":"/w=="}`}, {[]byte{}, `""`},
		{atom("ok"), `{"$atom":"ok"}`}, {atom("é\n"), `{"$atom":"é\n"}`}, {atom(""), `{"$atom":""}`},
		{tuple{}, `{"$tuple":[]}`}, {tuple{atom("ok"), tuple{1}}, `{"$tuple":[{"$atom":"ok"},{"$tuple":[1]}]}`},
		{[]any{}, `[]`}, {[]int{1, 2}, `[1,2]`}, {[]any{"a", nil, []int{300}}, `["a",null,[300]]`},
		{improper([]any{1, 2}, atom("x")), `{"$improper":[[1,2],{"$atom":"x"}]}`}, {improper([]any{1}, nil), `{"$improper":[[1],null]}`},
		{map[string]any{}, `{}`}, {map[string]any{"a": []int{1}}, `{"a":[1]}`}, {map[atom]any{"a": 1}, `{"$atoms":{"a":1}}`}, {map[atom]any{"nil": 1}, `{"$atoms":{"nil":1}}`},
		{map[int]any{1: "x"}, `{"$map":[[1,"x"]]}`}, {map[bool]any{true: tuple{}}, `{"$atoms":{"true":{"$tuple":[]}}}`}, {map[float64]any{1: "x"}, `{"$map":[[1.0,"x"]]}`},
		// What looks like the notation.
		{map[string]any{"$atom": "x"}, `{"$$atom":"x"}`}, {map[string]any{"$$tuple": 1}, `{"$$$tuple":1}`}, {map[string]any{"$other": 1}, `{"$other":1}`},
		{map[string]any{"$$other": 1}, `{"$$other":1}`}, {map[string]any{"atom": 1}, `{"atom":1}`}, {map[atom]any{"$map": 1}, `{"$atoms":{"$$map":1}}`},
	} {
		b := term(t, c.v)
		got, err := Codec.AppendJSON([]byte("before"), b)
		if err != nil || string(got) != "before"+c.want {
			t.Errorf("%#v: got %s, %v, want %s", c.v, got, err, c.want)
			continue
		}
		back, err := envelope.FromJSON([]byte(c.want))
		if err != nil {
			t.Errorf("%s: %v", c.want, err)
			continue
		}
		if again := term(t, back); string(again) != string(b) {
			t.Errorf("%s comes back as %#v", c.want, back)
		}
	}
	large := term(t, new(big.Int).Lsh(big.NewInt(-1), 64))
	if got, err := Codec.AppendJSON(nil, large); err != nil || string(got) != "-18446744073709551616" {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := Codec.AppendJSON([]byte("before"), []byte{tagList}); err == nil || string(got) != "before" {
		t.Errorf("a bad term: %s, %v", got, err)
	}
}

// TestVectorsAsJSON writes every vector as JSON, and reads it back into the same value, unless it holds an integer that JSON's
// reader refuses or a key that Go cannot look up.
func TestVectorsAsJSON(t *testing.T) {
	same := 0
	for _, v := range vectors.Envelopes(t) {
		text, err := json.Marshal(envelope.NewRaw(Codec, v.ETF[1:]))
		if err != nil || !json.Valid(text) {
			t.Errorf("%s: %s, %v", v.Name, text, err)
			continue
		}
		back, err := envelope.FromJSON(text)
		if err != nil {
			continue
		}
		same++
		a, _ := appendShortest(nil, term(t, back), 0, true)
		z, _ := appendShortest(nil, v.ETF[1:], 0, true)
		if string(a) != string(z) {
			t.Errorf("%s: %s comes back as %#v", v.Name, text, back)
		}
	}
	if same < 60 {
		t.Errorf("only %d vectors came back", same)
	}
}
