package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

func TestGuardMeasuresOneValue(t *testing.T) {
	for _, value := range []string{
		"00", "7f", "e0", "ff", "c0", "c2", "c3",
		"cc ff", "cd ffff", "ce ffffffff", "cf ffffffffffffffff",
		"d0 80", "d1 8000", "d2 80000000", "d3 8000000000000000",
		"ca 7f800000", "cb 7ff8000000000001",
		"a0", "a3 616263", "bf " + strings.Repeat("61", 31), "d9 00", "d9 01 61", "da 0001 61", "db 00000001 61",
		"c4 00", "c4 01 ff", "c5 0001 ff", "c6 00000001 ff",
		"d6 ff 00000000", "d7 ff 0000000000000000", "c7 0c ff 000000000000000000000000",
		"90", "92 01 02", "dc 0000", "dc 0001 c0", "dd 00000002 c0 c0",
		"80", "81 01 02", "de 0001 a0 c0", "df 00000001 a0 90",
		"93 91 80 81 01 92 01 02 c0",
	} {
		b := vectors.Unhex(value)
		for _, rest := range []string{"", "c1", "ddffffffff"} {
			n, err := Guard(append(bytes.Clone(b), vectors.Unhex(rest)...))
			if n != len(b) || err != nil {
				t.Errorf("%s followed by %q: %d, %v", value, rest, n, err)
			}
		}
		for n := range b {
			if _, err := Guard(b[:n:n]); err == nil {
				t.Errorf("the first %d bytes of %s pass", n, value)
			}
		}
	}
}

func TestGuardKnowsEveryFirstByte(t *testing.T) {
	for c := range 256 {
		b := append([]byte{byte(c)}, make([]byte, 1<<17)...)
		n, err := Guard(b)
		switch {
		case c == codeNever:
			if !errors.Is(err, ErrFormat) {
				t.Errorf("%#x: %v", c, err)
			}
		case c >= codeExt8 && c <= codeExt32, c >= codeFixExt1 && c <= codeFixExt16:
			if !errors.Is(err, ErrExtension) {
				t.Errorf("%#x: %v", c, err)
			}
		case err != nil:
			t.Errorf("%#x: %v", c, err)
		case n < 1 || n > 32:
			t.Errorf("%#x followed by zeros: %d bytes", c, n)
		}
	}
}

func TestGuardLimitsAreExact(t *testing.T) {
	array32 := func(n int) string { return fmt.Sprintf("dd%08x", n) }
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"31 arrays around nothing", bytes.Repeat([]byte{0x91}, 31), ErrCount},
		{"32 arrays, the last empty", append(bytes.Repeat([]byte{0x91}, 31), 0x90), nil},
		{"33 arrays, the last empty", append(bytes.Repeat([]byte{0x91}, 32), 0x90), ErrDepth},
		{"32 arrays around nil", append(bytes.Repeat([]byte{0x91}, 32), 0xc0), nil},
		{"siblings do not add up", append([]byte{0xdc, 0, 100}, bytes.Repeat(append(bytes.Repeat([]byte{0x91}, 30), 0x90), 100)...), nil},
		{"131072 values", append(vectors.Unhex(array32(131071)), bytes.Repeat([]byte{0}, 131071)...), nil},
		{"131073 values", append(vectors.Unhex(array32(131072)), bytes.Repeat([]byte{0}, 131072)...), ErrElements},
		{"131072 values in two arrays", append(append(vectors.Unhex("92"+array32(65535)), bytes.Repeat([]byte{0}, 65535)...), append(vectors.Unhex(array32(65534)), bytes.Repeat([]byte{0}, 65534)...)...), nil},
		{"131073 values in two arrays", append(append(vectors.Unhex("92"+array32(65535)), bytes.Repeat([]byte{0}, 65535)...), append(vectors.Unhex(array32(65535)), bytes.Repeat([]byte{0}, 65535)...)...), ErrElements},
		{"131073 values in a map of 65536", append(vectors.Unhex("df00010000"), bytes.Repeat([]byte{0}, 131072)...), ErrElements},
		{"131071 values in a map of 65535", append(vectors.Unhex("deffff"), bytes.Repeat([]byte{0}, 131070)...), nil},
		{"as many values as bytes", vectors.Unhex("93 000000"), nil},
		{"one value more than bytes", vectors.Unhex("94 000000"), ErrCount},
		{"one half of an entry more than bytes", vectors.Unhex("82 000000"), ErrCount},
		{"the count of an inner array is more than all that is left", vectors.Unhex("92 91 00"), ErrTruncated},
		{"999999999 nanoseconds", vectors.Unhex("d7ff ee6b27fc 00000000"), nil},
		{"1000000000 nanoseconds", vectors.Unhex("d7ff ee6b2800 00000000"), ErrTimestamp},
	} {
		if _, err := Guard(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", c.name, err, c.want)
		}
	}
}

func TestGuardDoesNotAllocate(t *testing.T) {
	for _, h := range loadVectors(t).Hostile {
		if n := testing.AllocsPerRun(10, func() { _, _ = Guard(h.Input) }); n != 0 {
			t.Errorf("%s: %v allocations", h.Name, n)
		}
	}
}
