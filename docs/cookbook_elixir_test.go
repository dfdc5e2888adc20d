package docs_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A Sensor is asked for by its name. In Elixir it is a map with atoms as keys: %{sensor: "hall"}.
type Sensor struct {
	Name string `msgpack:"sensor,atom"`
}

// A Reading is what a sensor says: %{sensor: "hall", celsius: 21.5, state: :ok}.
type Reading struct {
	Name    string       `msgpack:"sensor,atom"`
	Celsius float64      `msgpack:"celsius,atom"`
	State   peernet.Atom `msgpack:"state,atom"` // in Elixir an atom, to Go nodes a string
}

// ServeReadings is the counterpart of PeerNet.expose(:home, :read, fn _from, %{sensor: name} -> … end).
func ServeReadings(node *peernet.Node) error {
	return peernet.Handle(node, "read", func(_ context.Context, _ peernet.Caller, s Sensor) (Reading, error) {
		if s.Name != "hall" {
			return Reading{}, peernet.NewError("failed", "no sensor "+s.Name, nil)
		}
		return Reading{Name: s.Name, Celsius: 21.5, State: "ok"}, nil
	})
}

func Example_elixir() {
	ctx := context.Background()
	alice, stopAlice := start(peernet.Config{})
	defer stopAlice()
	// Home stands for the node in Elixir: it speaks that dialect alone.
	home, stopHome := start(peernet.Config{Dialects: []peernet.Dialect{peernet.DialectBEAM}})
	defer stopHome()
	if err := ServeReadings(home); err != nil {
		fmt.Println(err)
		return
	}
	introduce(home, "home", alice, "alice")

	peer, _ := alice.Peer(home.PublicKey())
	fmt.Println(peer.Label, "speaks", peer.Dialect)
	r, err := peernet.Call[Reading](ctx, alice, home.PublicKey(), "read", Sensor{"hall"})
	fmt.Println(r.Celsius, r.State, err)
	_, err = alice.Call(ctx, home.PublicKey(), "read", Sensor{"attic"})
	fmt.Println(errors.Is(err, peernet.ErrLinkLost), err != nil)
	// Output:
	// home speaks beam
	// 21.5 ok <nil>
	// false true
}
