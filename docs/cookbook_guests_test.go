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
	reader, stopReader := start(peernet.Config{})
	defer stopReader()

	// Anybody who asks may find a book. Every other handler is hidden from guests.
	peernet.Handle(library, "find", func(_ context.Context, from peernet.Caller, title string) (string, error) {
		return fmt.Sprintf("%q is on shelf 4 (guest: %v)", title, from.Guest), nil
	}, peernet.Guests())
	peernet.Handle(library, "lend", func(context.Context, peernet.Caller, string) (string, error) { return "here you are", nil })

	// The reader knows an address and no key. The key that answers is proved: note it, and ask for it next time.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	at := library.Addrs()[0].String()
	answer, key, err := peernet.CallAsGuest[string](ctx, reader, at, identity.PublicKey{}, "find", "Dune")
	fmt.Println(answer, err, key == library.PublicKey())

	_, _, err = peernet.CallAsGuest[string](ctx, reader, at, key, "lend", "Dune")
	fmt.Println(errors.Is(err, peernet.ErrNoHandler))
	// Output:
	// "Dune" is on shelf 4 (guest: true) <nil> true
	// true
}
