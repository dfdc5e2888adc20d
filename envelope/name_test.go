package envelope

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for _, c := range []struct {
		name string
		want error
	}{
		{"a", nil},
		{"Get User", nil},
		{"größe/日本/😀", nil},
		{" ", nil},
		{"~", nil},
		{"\u00a0", nil},
		{"$", nil},
		{"$x", nil},
		{"a$/", nil},
		{strings.Repeat("x", 255), nil},
		{strings.Repeat("ö", 127), nil},
		{"", ErrNameLength},
		{strings.Repeat("x", 256), ErrNameLength},
		{strings.Repeat("ö", 128), ErrNameLength},
		{"$/", ErrNameReserved},
		{"$/hello", ErrNameReserved},
		{"\x00", ErrNameControl},
		{"a\n", ErrNameControl},
		{"\x1f", ErrNameControl},
		{"\x7f", ErrNameControl},
		{"ö\n", ErrNameControl},
		{"\u0080", ErrNameControl},
		{"\u009f", ErrNameControl},
		{"\xff", ErrNameUTF8},
		{"a\xc3", ErrNameUTF8},
		{"\n\xff", ErrNameControl},
		{"\xff\n", ErrNameUTF8},
		{"\xed\xa0\x80", ErrNameUTF8},
	} {
		if err := CheckName(c.name); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, not %v", c.name, err, c.want)
		}
		want := c.want
		if want == ErrNameReserved {
			want = nil
		}
		if err := checkName([]byte(c.name)); !errors.Is(err, want) {
			t.Errorf("%q on the wire: %v, not %v", c.name, err, want)
		}
		if Reserved([]byte(c.name)) != (c.want == ErrNameReserved) {
			t.Errorf("Reserved(%q) is wrong", c.name)
		}
	}
}
