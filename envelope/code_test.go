package envelope

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// sentinels are the Go errors of the codes that this package knows.
var sentinels = map[Code]error{
	CodeNoHandler: ErrNoHandler, CodeForbidden: ErrForbidden, CodeBadArgs: ErrBadArgs, CodeFailed: ErrFailed,
	CodeInternal: ErrInternal, CodeOverloaded: ErrOverloaded, CodeCancelled: ErrCancelled, CodeDeadline: ErrDeadline,
	CodeTooLarge: ErrTooLarge,
}

func TestCodesAndErrorsMapBothWays(t *testing.T) {
	for code, sentinel := range sentinels {
		if got := CodeOf(fmt.Errorf("handling: %w", sentinel)); got != code {
			t.Errorf("CodeOf(%v) is %s, not %s", sentinel, got, code)
		}
		b, err := Msgpack.AppendError(nil, 1, &RemoteError{Code: CodeOf(sentinel), Text: "x"})
		if err != nil {
			t.Fatal(err)
		}
		var e Envelope
		if err := Msgpack.Parse(b, &e); err != nil {
			t.Fatal(err)
		}
		remote := fmt.Errorf("calling: %w", e.Err)
		for other, s := range sentinels {
			if errors.Is(remote, s) != (other == code) {
				t.Errorf("a reply of %s is %v: %v", code, s, errors.Is(remote, s))
			}
		}
		if got := CodeOf(remote); got != code {
			t.Errorf("a reply of %s comes back as %s", code, got)
		}
	}
}

func TestCodeOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, ""},
		{io.EOF, CodeFailed},
		{context.Canceled, CodeCancelled},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), CodeDeadline},
		{&RemoteError{Code: "quota"}, "quota"},
		{fmt.Errorf("x: %w", &RemoteError{Code: "quota"}), "quota"},
		{errors.Join(context.Canceled, &RemoteError{Code: "quota"}), "quota"},
		{&RemoteError{}, CodeFailed},
		{&RemoteError{Code: "not a code"}, CodeFailed},
		{ErrDepth, CodeFailed},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) is %q, not %q", c.err, got, c.want)
		}
	}
}

func TestRemoteErrorMatchesErrorsOfItsCodeOnly(t *testing.T) {
	err := error(&RemoteError{Code: "quota", Text: "x"})
	if !errors.Is(err, &RemoteError{Code: "quota"}) {
		t.Error("not another one with the same code")
	}
	if errors.Is(err, &RemoteError{Code: "other"}) || errors.Is(err, ErrFailed) || errors.Is(err, io.EOF) {
		t.Error("something else too")
	}
	if errors.Is(ErrCancelled, context.Canceled) {
		t.Error("a peer's cancelled is our own context's")
	}
}

func TestRemoteErrorIsCutAndQuoted(t *testing.T) {
	for _, c := range []struct {
		e    RemoteError
		want string
	}{
		{RemoteError{Code: CodeFailed}, `remote error: failed`},
		{RemoteError{Code: CodeFailed, Text: "a\x1b[31m\nb"}, `remote error: failed: "a\x1b[31m\nb"`},
		{RemoteError{Code: "bad code\n", Text: "x"}, `remote error: "bad code\n": "x"`},
		{RemoteError{Code: CodeFailed, Text: strings.Repeat("x", 1024)}, `remote error: failed: "` + strings.Repeat("x", 1024) + `"`},
		{RemoteError{Code: CodeFailed, Text: strings.Repeat("x", 1025)}, `remote error: failed: "` + strings.Repeat("x", 1024) + `"…`},
		{RemoteError{Code: CodeFailed, Text: strings.Repeat("x", 1023) + "ö"}, `remote error: failed: "` + strings.Repeat("x", 1023) + `"…`},
	} {
		if got := c.e.Error(); got != c.want {
			t.Errorf("%s\nnot %s", got, c.want)
		}
	}
}

func TestCutTextLeavesCharactersWhole(t *testing.T) {
	const s = "aö日😀\xff\xff\x80\x80\x80\x80\x80"
	for n := range len(s) + 2 {
		got := cutText(s, n)
		if len(got) > n || !strings.HasPrefix(s, got) || len(got) < min(n, len(s))-3 {
			t.Errorf("%d bytes of %q: %q", n, s, got)
		}
		if n <= len("aö日😀") && !utf8.ValidString(got) {
			t.Errorf("%d bytes of %q: %q", n, s, got)
		}
	}
}

func TestErrorTextIsBoundedAndUTF8(t *testing.T) {
	for _, s := range []string{"", "short", "日本", strings.Repeat("x", MaxText), strings.Repeat("x", MaxText+1),
		strings.Repeat("日", MaxText), strings.Repeat("\xff", MaxText), strings.Repeat("x", MaxText-1) + "\xff", "\xff"} {
		got := ErrorText(s)
		if len(got) > MaxText || !utf8.ValidString(got) {
			t.Errorf("%d bytes come back as %d, valid: %v", len(s), len(got), utf8.ValidString(got))
		}
		if utf8.ValidString(s) && (!strings.HasPrefix(s, got) || len(got) < min(len(s), MaxText-3)) {
			t.Errorf("%d bytes come back as %d", len(s), len(got))
		}
	}
}

func TestCheckCode(t *testing.T) {
	for c := range 256 {
		want := c > ' ' && c <= '~'
		if got := checkCode("a" + string([]byte{byte(c)})); (got == nil) != want {
			t.Errorf("%s: %v", strconv.QuoteToASCII(string([]byte{byte(c)})), got)
		}
	}
}
