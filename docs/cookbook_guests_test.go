package docs_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func Example_guests() {
	library, stopLibrary := start(peernet.Config{})
	defer stopLibrary()
	visitor, stopVisitor := start(peernet.Config{})
	defer stopVisitor()

	// Anybody who asks may look things up. Every other handler is hidden from guests.
	peernet.Handle(library, "find", func(_ context.Context, from peernet.Caller, title string) (string, error) {
		return fmt.Sprintf("%q is on shelf 4 (guest: %v)", title, from.Guest), nil
	}, peernet.Guests())
	peernet.Handle(library, "lend", func(context.Context, peernet.Caller, string) (string, error) { return "here you are", nil })

	// The visitor knows an address and nobody's key. The key that answers is proved: note it, and ask for it next time.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	at := library.Addrs()[0].String()
	answer, key, err := peernet.CallAsGuest[string](ctx, visitor, at, identity.PublicKey{}, "find", "Dune")
	fmt.Println(answer, err, key == library.PublicKey())

	_, _, err = peernet.CallAsGuest[string](ctx, visitor, at, key, "lend", "Dune")
	fmt.Println(errors.Is(err, peernet.ErrNoHandler))
	// Output:
	// "Dune" is on shelf 4 (guest: true) <nil> true
	// true
}
