package main

import (
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
)

func TestSentencesAsPrinted(t *testing.T) {
	var out strings.Builder
	a := newApp(nil, output.NewStream(t.Context(), &out, nil), nil)
	if err := a.why(control.Why{
		Peer:      control.Peer{PublicKey: bobKey, Label: "bob"},
		Sentences: []string{"found at 10.0.0.7:7100", "now\x1b[2J connected"},
	}); err != nil {
		t.Fatal(err)
	}
	want := "bob (pnet1s5s0qzvf…)\nfound at 10.0.0.7:7100\n" + `"now\x1b[2J connected"` + "\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
