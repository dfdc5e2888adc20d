// Package peernet is a node that calls and is called by other nodes, which it names by their public key.
//
// A program makes a Node, starts it, registers handlers by name and calls handlers on peers:
//
//	node, err := peernet.New(peernet.Config{DataDir: dir, Listen: ":0"})
//	err = node.Start(ctx)
//	defer func() { // ctx may have ended by then, at a signal for instance
//		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
//		defer cancel()
//		node.Shutdown(ctx)
//	}()
//
//	peernet.Handle(node, "greet", func(ctx context.Context, from peernet.Caller, name string) (string, error) {
//		return "hello " + name, nil
//	})
//	reply, err := peernet.Call[string](ctx, node, key, "greet", "Ada")
//
// Nothing is reachable until it is handled, and only trusted peers connect: Node.Pair adds a key, on
// both nodes. Each connection is a Noise XX handshake and then encrypted envelopes, both ways (docs/wire.md).
// Trusted peers that discovery finds are dialled and redialled by themselves.
//
// Middleware goes around handlers (Node.Use) and calls (Node.UseOutgoing): packages peernet/middleware and peernet/otel have
// some; peernet/prometheus makes metrics of Node.Stats. What failed says whether it may have been carried out (Sent), and whether to try again (RetryAfter).
//
// docs/cookbook.md has recipes, and package peernet/peertest a network in memory for tests.
//
// A Node and all its methods are safe for concurrent use. What can block takes a context first.
package peernet
