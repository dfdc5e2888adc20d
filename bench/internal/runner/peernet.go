package runner

import (
	"context"
	"encoding/json"
	"time"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// patience is how long a runner waits for what should take no time.
const patience = 30 * time.Second

// thisNode is nodes of this module: calls go through the public API with everything on.
var thisNode = Runner{
	Name:  "peernet",
	Title: "this node",
	Serve: serveNode,
	Dial:  dialNode,
	Open:  openNodes,
	Grow:  growNode,

	Streams: true,
}

// nodeSecrets are what the initiator needs: its own private key, and the key it trusts.
type nodeSecrets struct {
	Seed      []byte
	Responder string
}

// nodeConfig has room for 512 callers, and for 64 of a megabyte.
func nodeConfig() peernet.Config {
	return peernet.Config{Limits: peernet.Limits{CallsPerPeer: 1024, CallBytesPerPeer: 256 << 20}}
}

func serveNode() (Endpoint, func(), error) {
	secrets := nodeSecrets{Seed: newSeed()}
	initiator, err := identity.NewKeyPair(secrets.Seed)
	if err != nil {
		return Endpoint{}, nil, err
	}
	n, stop, err := startNode(nodeConfig(), initiator.PublicKey())
	if err != nil {
		return Endpoint{}, nil, err
	}
	if err = handleEcho(n); err == nil {
		err = takeStreams(n)
	}
	if err != nil {
		stop()
		return Endpoint{}, nil, err
	}
	secrets.Responder = n.PublicKey().String()
	at, err := newEndpoint(n.Addrs()[0].String(), secrets)
	return at, stop, err
}

// handleEcho has a node echo.
func handleEcho(n *peernet.Node) error {
	return peernet.Handle(n, "echo", func(_ context.Context, _ peernet.Caller, payload []byte) ([]byte, error) { return payload, nil })
}

// startNode starts a node that trusts a key.
func startNode(config peernet.Config, trusted identity.PublicKey) (n *peernet.Node, stop func(), err error) {
	if n, err = peernet.New(config); err != nil {
		return nil, nil, err
	}
	if err = n.Start(context.Background()); err != nil {
		return nil, nil, err
	}
	stop = stopper(n)
	if err = n.Pair(trusted, trusted.Fingerprint()); err != nil {
		stop()
		return nil, nil, err
	}
	return n, stop, nil
}

// stopper returns what shuts a node down.
func stopper(n *peernet.Node) func() {
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		n.Shutdown(ctx)
	}
}

// nodeClient is a node that calls another.
type nodeClient struct {
	node      *peernet.Node
	responder identity.PublicKey
	stop      func()
}

func dialNode(at Endpoint) (measure.Client, error) {
	var secrets nodeSecrets
	if err := json.Unmarshal(at.Secrets, &secrets); err != nil {
		return nil, err
	}
	responder, err := identity.ParsePublicKey(secrets.Responder)
	if err != nil {
		return nil, err
	}
	config := nodeConfig()
	if config.Identity, err = identity.NewKeyPair(secrets.Seed); err != nil {
		return nil, err
	}
	n, stop, err := startNode(config, responder)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Connect(ctx, responder, at.Address); err != nil {
		stop()
		return nil, err
	}
	return proven(nodeClient{n, responder, stop})
}

func (c nodeClient) Call(payload []byte) error {
	got, err := peernet.Call[[]byte](context.Background(), c.node, c.responder, "echo", payload)
	if err != nil {
		return err
	}
	return checkLength(payload, got)
}

func (c nodeClient) Close() { c.stop() }
