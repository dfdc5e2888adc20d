package docs_test

import (
	"context"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// start returns a running node and a function that stops it.
func start(c peernet.Config) (node *peernet.Node, stop func()) {
	node, err := peernet.New(c)
	if err != nil {
		panic(err)
	}
	if err := node.Start(context.Background()); err != nil {
		panic(err)
	}
	return node, func() {
		// Handlers that run now have this long to finish.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := node.Shutdown(ctx); err != nil {
			panic(err)
		}
	}
}

// couple returns two connected nodes and a function that stops both.
func couple() (alice, bob *peernet.Node, stop func()) {
	alice, stopAlice := start(peernet.Config{})
	bob, stopBob := start(peernet.Config{})
	introduce(alice, "alice", bob, "bob")
	return alice, bob, func() { stopAlice(); stopBob() }
}

// introduce makes two nodes trust each other and connects them. It returns when both are connected.
func introduce(a *peernet.Node, labelOfA string, b *peernet.Node, labelOfB string) {
	if err := a.Pair(b.PublicKey(), labelOfB); err != nil {
		panic(err)
	}
	if err := b.Pair(a.PublicKey(), labelOfA); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	events := b.Events(ctx)
	if err := a.Connect(ctx, b.PublicKey(), b.Addrs()[0].String()); err != nil {
		panic(err)
	}
	for e := range events {
		if e, ok := e.(peernet.Connected); ok && e.Peer == a.PublicKey() {
			return
		}
	}
}
