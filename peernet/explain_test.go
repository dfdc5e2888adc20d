package peernet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestExplainSaysWhyAPeerIsNotConnected(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	ctx := patiently(t)
	if _, err := a.Explain(b.PublicKey()); !errors.Is(err, peernet.ErrNotTrusted) {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := a.Explain(a.PublicKey()); !errors.Is(err, peernet.ErrSelf) {
		t.Errorf("the node itself: %v", err)
	}
	if err := a.Pair(b.PublicKey(), "b"); err != nil {
		t.Fatal(err)
	}
	explain := func() peernet.Explanation {
		t.Helper()
		e, err := a.Explain(b.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if err := a.Connect(ctx, b.PublicKey()); !errors.Is(err, peernet.ErrNoAddress) {
		t.Fatal(err)
	}
	if e := explain(); e.Peer.State != peernet.StateUnknown || !strings.Contains(e.String(), "addr=") {
		t.Errorf("without an address: %v", e)
	}
	if err := a.Connect(ctx, b.PublicKey(), b.Addrs()[0].String()); !errors.Is(err, peernet.ErrRefused) {
		t.Fatal(err)
	}
	if e := explain(); !strings.Contains(e.String(), a.PublicKey().String()) || !strings.Contains(e.String(), "does not trust") {
		t.Errorf("refused: %v", e)
	}
	if err := b.Pair(a.PublicKey(), "a"); err != nil {
		t.Fatal(err)
	}
	connect(t, a, b)
	e := explain()
	if e.Peer.State != peernet.StateConnected || e.Advice != "" || !strings.Contains(e.String(), "now connected to "+b.Addrs()[0].String()) {
		t.Errorf("connected: %v", e)
	}
	events := a.Events(ctx)
	if err := b.Unpair(a.PublicKey()); err != nil {
		t.Fatal(err)
	}
	await[peernet.Disconnected](t, events)
	if r := explain(); !strings.Contains(r.String(), "let the peer trust this node's key") || r.Next.IsZero() {
		t.Errorf("revoked: %v", r)
	}
	if len(e.History) == 0 || e.History[len(e.History)-1].State != peernet.StateConnected || e.History[0].State != peernet.StateUnknown {
		t.Errorf("history: %+v", e.History)
	}
}
