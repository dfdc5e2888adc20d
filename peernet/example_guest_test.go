package peernet_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Neither node trusts the other. One has a handler for guests, the other knows where it is.
func ExampleCallAsGuest() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	host, guest := run(ctx, peernet.Config{}), run(ctx, peernet.Config{})
	defer host.Shutdown(ctx)
	defer guest.Shutdown(ctx)

	peernet.Handle(host, "greet", func(_ context.Context, from peernet.Caller, greeting string) (string, error) {
		return fmt.Sprintf("%s, stranger: %v", greeting, from.Guest), nil
	}, peernet.Guests())

	at := host.Addrs()[0].String()
	reply, key, err := peernet.CallAsGuest[string](ctx, guest, at, identity.PublicKey{}, "greet", "good morning")
	fmt.Println(reply, err, key == host.PublicKey())
	// Output: good morning, stranger: true <nil> true
}
