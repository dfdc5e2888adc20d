package peernet_test

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestGuestIsServedByHandlersForGuestsAlone(t *testing.T) {
	host, guest := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	var from peernet.Caller
	handle(t, host, "open", func(_ context.Context, r *peernet.Request) (any, error) {
		from = r.Caller()
		return "welcome", nil
	}, peernet.Guests())
	handle(t, host, "closed", echo)
	ctx, at := patiently(t), host.Addrs()[0].String()
	got, key, err := peernet.CallAsGuest[string](ctx, guest, at, identity.PublicKey{}, "open", nil)
	if err != nil || got != "welcome" || key != host.PublicKey() {
		t.Fatalf("got %q of %v, %v", got, key, err)
	}
	if !from.Guest || from.Key != guest.PublicKey() {
		t.Errorf("the handler was called by %+v", from)
	}
	for _, name := range []string{"closed", "missing"} {
		if _, _, err := guest.CallAsGuest(ctx, at, host.PublicKey(), name, nil); !errors.Is(err, peernet.ErrNoHandler) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNodeWithoutHandlersForGuestsTakesNone(t *testing.T) {
	host, guest := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	handle(t, host, "closed", echo)
	_, _, err := guest.CallAsGuest(patiently(t), host.Addrs()[0].String(), identity.PublicKey{}, "closed", nil)
	if !errors.Is(err, peernet.ErrNoGuests) || peernet.Sent(err) || peernet.Retryable(err) {
		t.Errorf("the error is %v", err)
	}
}
