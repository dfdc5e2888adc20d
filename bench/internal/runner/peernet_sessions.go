package runner

import (
	"context"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A link is two nodes of a mesh: one dials the other.
type link struct{ from, to *peernet.Node }

// nodeOpener makes sessions between the nodes of a mesh that are paired already, so that a session costs what it adds to its
// nodes. It holds enough pairs for that many sessions at once.
type nodeOpener struct {
	system *actor.ActorSystem
	nodes  []*peernet.Node
	free   chan link
}

func openNodes(sessions int) (measure.Opener, error) {
	discard := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	o := &nodeOpener{
		system: actor.NewActorSystem(actor.WithLoggerFactory(discard)),
		free:   make(chan link, sessions),
	}
	for len(o.free) < sessions {
		config := nodeConfig()
		config.System = o.system
		n, err := peernet.New(config)
		if err != nil {
			return nil, err
		}
		if err := handleEcho(n); err != nil {
			return nil, err
		}
		if err := n.Start(context.Background()); err != nil {
			return nil, err
		}
		for _, other := range o.nodes {
			if len(o.free) == sessions {
				break
			}
			l := link{n, other}
			if err := l.pair(); err != nil {
				return nil, err
			}
			o.free <- l
		}
		o.nodes = append(o.nodes, n)
	}
	return o, nil
}

// pair makes the two nodes trust each other.
func (l link) pair() error {
	if err := l.from.Pair(l.to.PublicKey(), l.to.PublicKey().Fingerprint()); err != nil {
		return err
	}
	return l.to.Pair(l.from.PublicKey(), l.from.PublicKey().Fingerprint())
}

// connected reports whether the first node of l is connected to the second.
func (l link) connected() bool {
	info, _ := l.from.Peer(l.to.PublicKey())
	return info.State == peernet.StateConnected
}

func (o *nodeOpener) Open() (measure.Client, error) {
	l := <-o.free
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.from.Connect(ctx, l.to.PublicKey(), l.to.Addrs()[0].String()); err != nil {
		return nil, err
	}
	// The responder counts the session as up when the first frame has come: wait for that too.
	for back := (link{l.to, l.from}); !back.connected(); {
		if _, err := l.from.Ping(ctx, l.to.PublicKey()); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l link) Call(payload []byte) error {
	return nodeClient{node: l.from, responder: l.to.PublicKey()}.Call(payload)
}

// Close ends the session and waits until both ends know.
func (l link) Close() {
	l.from.Unpair(l.to.PublicKey())
	for _, end := range []link{l, {l.to, l.from}} {
		for end.connected() {
			time.Sleep(20 * time.Microsecond) // what ends the wait is the state
		}
	}
}

func (o *nodeOpener) Close() {
	for _, n := range o.nodes {
		n.Shutdown(context.Background())
	}
	o.system.Shutdown()
}
