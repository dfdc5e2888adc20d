package peernet

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// TestHandlerOfTheProtocolIsForGuestsAlone checks what pairing stands on: several calls over one session, which both ends know by
// its hash, and a handler that only guests can reach.
func TestHandlerOfTheProtocolIsForGuestsAlone(t *testing.T) {
	host, visitor := runningNode(t, Config{}), runningNode(t, Config{})
	var seen []guestCaller
	err := host.handleGuests("$/test", func(_ context.Context, r *Request) (any, error) {
		g, ok := r.guest()
		if !ok {
			return nil, errors.New("no guest")
		}
		seen = append(seen, g)
		return len(seen), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	host.Unhandle("$/test") // it is not the application's
	if names := host.Handlers(); len(names) > 0 {
		t.Errorf("handlers %q", names)
	}
	at := host.Addrs()[0].String()
	if _, _, err := visitor.CallAsGuest(t.Context(), at, identity.PublicKey{}, "$/test", nil); !errors.Is(err, envelope.ErrNameReserved) {
		t.Errorf("an application calls it: %v", err)
	}
	s, err := visitor.dialGuest(t.Context(), at, identity.PublicKey{})
	if err != nil {
		t.Fatal(err)
	}
	for want := 1; want <= 2; want++ {
		raw, err := s.call(t.Context(), "$/test", nil)
		got, _ := decode[int](raw)
		if err != nil || got != want {
			t.Fatalf("call %d: %d, %v", want, got, err)
		}
	}
	if a, b := seen[0], seen[1]; a.session != b.session || a.hash != s.hash() || b.hash != s.hash() || a.key != visitor.self || s.remote() != host.self {
		t.Errorf("the handler was called by %+v and %+v", a, b)
	}
	s.close()

	// An ordinary session does not know the name.
	if err := errors.Join(host.Pair(visitor.self, ""), visitor.Pair(host.self, ""), visitor.Connect(t.Context(), host.self, at)); err != nil {
		t.Fatal(err)
	}
	link := visitor.directory.Link(host.self)
	if link.IsGuest() {
		t.Error("the session of a peer is one of a guest")
	}
	host.unhandleGuests("$/test")
	if _, err := visitor.dialGuest(t.Context(), at, host.self); !errors.Is(err, ErrNoGuests) {
		t.Errorf("without a handler for guests: %v", err)
	}
}

// runningNode returns a node on loopback that runs until the test ends.
func runningNode(t *testing.T, c Config) *Node {
	t.Helper()
	n, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return n
}
