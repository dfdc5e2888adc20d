package peernet_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Two nodes in one process call each other. On two machines each would be told the other's key, as text.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := run(ctx, peernet.Config{}), run(ctx, peernet.Config{})
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	// Each trusts the other, and no one else.
	alice.Pair(bob.PublicKey(), "Bob")
	bob.Pair(alice.PublicKey(), "Alice")

	// Bob answers to one name.
	peernet.Handle(bob, "greet", func(_ context.Context, from peernet.Caller, greeting string) (string, error) {
		return fmt.Sprintf("%s to you, %s", greeting, from.Label), nil
	})

	// Alice dials him once, at an address; from then on his key is all she needs.
	if err := alice.Connect(ctx, bob.PublicKey(), bob.Addrs()[0].String()); err != nil {
		fmt.Println(err)
		return
	}
	reply, err := peernet.Call[string](ctx, alice, bob.PublicKey(), "greet", "good morning")
	fmt.Println(reply, err)
	// Output: good morning to you, Alice <nil>
}

// A send is handed to the peer's handler and has no answer.
func ExampleNode_Send() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	notes := make(chan string)
	bob.Handle("note", func(_ context.Context, r *peernet.Request) (any, error) {
		var text string
		err := r.Args().Decode(&text)
		notes <- text
		return nil, err
	})
	for _, text := range []string{"first", "second"} {
		if err := alice.Send(ctx, bob.PublicKey(), "note", text); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(<-notes, <-notes)
	// Output: first second
}

// Several peers are asked at the same time, and each has its outcome.
func ExampleCallMany() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)
	bob.Handle("time", func(context.Context, *peernet.Request) (any, error) { return "noon", nil })

	keys := []identity.PublicKey{bob.PublicKey(), alice.PublicKey()} // a node does not call itself
	for _, o := range peernet.CallMany[string](ctx, alice, keys, "time", nil) {
		fmt.Printf("%q, %v\n", o.Result, o.Err)
	}
	// Output:
	// "noon", <nil>
	// "", call "time": this is our own key
}

// The first answer is enough: a loop that breaks off cancels the other calls.
func ExampleCallEach() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)
	bob.Handle("time", func(context.Context, *peernet.Request) (any, error) { return "noon", nil })

	for o := range peernet.CallEach[string](ctx, alice, alice.Connected(), "time", nil, peernet.AtOnce(3)) {
		if o.Err == nil {
			fmt.Println(o.Result)
			break
		}
	}
	// Output: noon
}

// A script says where peers are: trusted ones that are found are dialled by themselves.
func ExampleConfig_discovery() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	script := manual.New()
	alice := run(ctx, peernet.Config{Discovery: []discovery.Provider{script}})
	bob := run(ctx, peernet.Config{})
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)
	alice.Pair(bob.PublicKey(), "Bob")
	bob.Pair(alice.PublicKey(), "Alice")

	events := alice.Events(ctx)
	script.Found(bob.PublicKey(), bob.Addrs()[0])
	for e := range events {
		if e, ok := e.(peernet.Connected); ok {
			fmt.Println("connected to Bob:", e.Peer == bob.PublicKey())
			break
		}
	}
	// Output: connected to Bob: true
}

// A program serves peers at one more address for as long as it wants to. Who has connected there stays connected.
func ExampleNode_ListenOn() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	l, err := alice.ListenOn(ctx, "[::1]:0") // any free port
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(l.Addr().Addr(), len(alice.Listeners()))
	if err := bob.Connect(ctx, alice.PublicKey(), l.Addr().String()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(l.Close(), len(alice.Listeners()))
	// Output:
	// ::1 2
	// <nil> 1
}

// Handlers may be for some peers only. To the others it looks as if there were none.
func ExampleAuthorize() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	onlyAdmins := peernet.Authorize(func(_ context.Context, c peernet.Caller) bool { return c.Label == "Admin" })
	bob.Handle("restart", func(context.Context, *peernet.Request) (any, error) { return "done", nil }, onlyAdmins)

	_, err := alice.Call(ctx, bob.PublicKey(), "restart", nil)
	fmt.Println(err)
	bob.Pair(alice.PublicKey(), "Admin")
	result, err := peernet.Call[string](ctx, alice, bob.PublicKey(), "restart", nil)
	fmt.Println(result, err)
	// Output:
	// call "restart": remote error: no_handler: "no handler here is named restart"
	// done <nil>
}

// run returns a node that is started.
func run(ctx context.Context, c peernet.Config) *peernet.Node {
	n, err := peernet.New(c)
	if err == nil {
		err = n.Start(ctx)
	}
	if err != nil {
		panic(err)
	}
	return n
}

// connected returns two nodes that are connected.
func connected(ctx context.Context) (a, b *peernet.Node) {
	a, b = run(ctx, peernet.Config{}), run(ctx, peernet.Config{})
	a.Pair(b.PublicKey(), "Bob")
	b.Pair(a.PublicKey(), "Alice")
	if err := a.Connect(ctx, b.PublicKey(), b.Addrs()[0].String()); err != nil {
		panic(err)
	}
	return a, b
}
