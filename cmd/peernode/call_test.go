package main

import (
	"cmp"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/backend"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

func TestStandardInputIsBounded(t *testing.T) {
	for size, code := range map[int]string{maxStdin - 2: "", maxStdin - 1: "too_large"} {
		a := &app{in: strings.NewReader(`"` + strings.Repeat("x", size) + `"`)}
		_, err := a.argument([]string{"-"})
		if got := failure.Explain(cmp.Or(err, errClosed)).Code; err != nil && got != code || err == nil && code != "" {
			t.Errorf("%d bytes: got %v", size+2, err)
		}
	}
}

func TestTooManyValuesAreRefusedWithAHint(t *testing.T) {
	text := "[" + strings.Repeat("0,", 131072) + "0]"
	_, err := backend.ParseJSON([]byte(text))
	if e := failure.Explain(cmp.Or(err, errClosed)); e.Code != "bad_json" || !strings.HasPrefix(e.Hint, "send fewer than 131072 values") {
		t.Errorf("got %+v", e)
	}
}
