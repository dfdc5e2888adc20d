package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestReasonsAreOneLineInSentencesAndWholeInHistory(t *testing.T) {
	const said = "disconnected: \x1b[2J\nnow connected"
	e := peernet.Explanation{
		Peer:    peernet.PeerInfo{Key: testKey(t, bobKey), Label: "bob", State: peernet.StateBackingOff, Reason: said},
		History: []peernet.Step{{At: time.Now(), State: peernet.StateBackingOff, Reason: said}},
	}
	without := e
	without.History = nil
	why := newWhy(e)
	if why.History[0].Reason != said || e.History[0].Reason != said {
		t.Errorf("history: %q", why.History[0].Reason)
	}
	if got, want := len(why.Sentences), len(newWhy(without).Sentences)+1; got != want {
		t.Errorf("%d sentences, want %d: %q", got, want, why.Sentences)
	}
	if slices.ContainsFunc(why.Sentences, func(s string) bool { return strings.ContainsAny(s, "\x1b\n") }) {
		t.Errorf("sentences: %q", why.Sentences)
	}
}

func TestSentencesAsPrinted(t *testing.T) {
	var out strings.Builder
	a := &app{out: &output{w: &out}}
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
