package peernet

import "github.com/seed-f6ddb928/peernet-go/envelope"

// Values that nodes on the BEAM have and Go has not (docs/wire.md §13.4). A handler or a call that uses them serves Go nodes
// too, where atoms travel as strings and tuples as arrays.
type (
	// An Atom is a name that stands for itself, as :ok does in Elixir. Send a node on the BEAM only atoms that its program
	// uses: it ends the session for others.
	Atom = envelope.Atom
	// A Tuple is a value of a fixed number of elements, as {:ok, 1} is in Elixir.
	Tuple = envelope.Tuple
	// An ImproperList is a list whose last tail is not the empty list. Go nodes cannot be sent one.
	ImproperList = envelope.ImproperList
	// A Shared is what CallMany, CallEach and SendMany send to peers whose dialect is not known to be native: each dialect encodes it
	// once. Middleware sees it as the Args of an Outgoing.
	Shared = envelope.Shared
)
