package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/backend"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

func TestStandardInputIsBounded(t *testing.T) {
	for size, code := range map[int]string{maxStdin - 2: "", maxStdin - 1: "too_large"} {
		a := &app{in: strings.NewReader(`"` + strings.Repeat("x", size) + `"`)}
		_, err := a.argument(t.Context(), []string{"-"})
		if got := failure.Explain(cmp.Or(err, errClosed)).Code; err != nil && got != code || err == nil && code != "" {
			t.Errorf("%d bytes: got %v", size+2, err)
		}
	}
}

func TestTooManyValuesAreRefusedWithAdvice(t *testing.T) {
	text := "[" + strings.Repeat("0,", 131072) + "0]"
	_, err := backend.ParseJSON([]byte(text))
	if e := failure.Explain(cmp.Or(err, errClosed)); e.Code != "bad_json" || !strings.HasPrefix(e.Advice, "send fewer than 131072 values") {
		t.Errorf("got %+v", e)
	}
}

func TestStandardInputAsOtherSystemsWriteIt(t *testing.T) {
	for in, want := range map[string]string{
		"\ufeff{\"a\": 1}\r\n":    `{"a": 1}`,
		" \u00a0\"x\u200b\" \r\n": "\"x\u200b\"", // what is inside a string stays
		"\xff\xfe1\x00":           "standard input is UTF-16",
		"\xfe\xff\x001":           "standard input is UTF-16",
		"\r\n":                    "not JSON",
	} {
		got, err := (&app{in: strings.NewReader(in)}).argument(t.Context(), []string{"-"})
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && string(got) != want {
			t.Errorf("%q: got %q, %v", in, got, err)
		}
	}
}

func TestStandardInputThatDoesNotEndHoldsNothingUp(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&app{in: in}).argument(ctx, []string{"-"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
