package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

func TestMarshalJSON(t *testing.T) {
	for _, c := range []struct {
		in, want string
	}{
		{"c0", `null`}, {"c2", `false`}, {"c3", `true`},
		{"00", `0`}, {"ff", `-1`}, {"cf ffffffffffffffff", `18446744073709551615`},
		{"d3 8000000000000000", `-9223372036854775808`}, {"d3 7fffffffffffffff", `9223372036854775807`},
		{"cb 3ff8000000000000", `1.5`}, {"cb 4008000000000000", `3.0`}, {"cb 8000000000000000", `-0.0`},
		{"ca 3dcccccd", `0.1`}, {"cb 3fb999999999999a", `0.1`}, {"cb 7fefffffffffffff", `1.7976931348623157e+308`},
		{"cb 44b52d02c7e14af6", `1e+23`}, {"cb 3e7ad7f29abcaf48", `1e-07`}, {"cb 4415af1d78b58c40", `100000000000000000000.0`},
		{"cb 7ff8000000000000", `null`}, {"cb 7ff0000000000000", `null`}, {"ca ff800000", `null`},
		{"a0", `""`}, {"a3 616263", `"abc"`}, {"a4 c3b63c3e", `"ö<>"`}, {"a2 225c", `"\"\\"`},
		{"a5 0a0d09001b", `"\n\r\t\u0000\u001b"`}, {"a3 7fc29b", `"\u007f\u009b"`}, {"a3 61ff62", "\"a\uFFFDb\""},
		{"a4 f09f9880", `"😀"`}, {"a3 eda080", "\"\uFFFD\uFFFD\uFFFD\""},
		{"c4 00", `""`}, {"c4 03 000102", `"AAEC"`}, {"c4 01 ff", `"/w=="`},
		{"d6 ff 00000001", `"1970-01-01T00:00:01Z"`}, {"d7 ff 0000000400000001", `"1970-01-01T00:00:01.000000001Z"`},
		{"c7 0c ff 00000000 ffffffffffffffff", `"1969-12-31T23:59:59Z"`},
		{"c7 0c ff 00000000 7fffffffffffffff", `null`}, {"c7 0c ff 00000000 8000000000000000", `null`},
		{"90", `[]`}, {"93 01 90 a0", `[1,[],""]`},
		{"80", `{}`}, {"82 a161 01 a162 81 a163 c0", `{"a":1,"b":{"c":null}}`},
		{"88 01 c0 ff c0 c3 c0 c0 c0 cb3ff8000000000000 c0 c40100 c0 d6ff00000001 c0 a178 c0",
			`{"1":null,"-1":null,"true":null,"null":null,"1.5":null,"AA==":null,"1970-01-01T00:00:01Z":null,"x":null}`},
	} {
		got, err := NewRaw(Msgpack, vectors.Unhex(c.in)).MarshalJSON()
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, not %s; %v", c.in, got, c.want, err)
		}
		if !json.Valid(got) {
			t.Errorf("%s: %s is not JSON", c.in, got)
		}
	}
}

func TestMarshalJSONRefuses(t *testing.T) {
	for _, c := range []struct {
		in   []byte
		want error
	}{
		{nil, ErrTruncated},
		{[]byte{1, 2}, ErrTrailing},
		{vectors.Unhex("ddffffffff"), ErrCount},
		{bytes.Repeat([]byte{0x91}, 100), ErrDepth},
		{vectors.Unhex("81 90 01"), ErrMapKey},
		{vectors.Unhex("91 81 80 01"), ErrMapKey},
		// Quoted level by level, this key would have 2^31 backslashes.
		{append(bytes.Repeat([]byte{0x81}, 31), append([]byte{0xa1, '"'}, bytes.Repeat([]byte{0xc0}, 31)...)...), ErrMapKey},
	} {
		if got, err := NewRaw(Msgpack, c.in).MarshalJSON(); !errors.Is(err, c.want) {
			t.Errorf("%.20x: %.40s, %v; not %v", c.in, got, err, c.want)
		}
	}
}

func TestTimesInJSONAreUTC(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	r, err := RawOf(Msgpack, at)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := r.MarshalJSON(); err != nil || string(text) != `"2026-01-02T02:04:05Z"` {
		t.Errorf("%s, %v", text, err)
	}
}
