package peernet_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A beamWorld is a node, alice, and a node on the BEAM that pairs with her, bob, in a synctest bubble.
type beamWorld struct {
	*testing.T
	network *memnet.Network
	near    *memnet.Host
	far     *memnet.Host
	config  peernet.Config
	found   *manual.Provider
	alice   *peernet.Node
	bob     *kit.BEAMNode
	cancel  context.CancelFunc
	record  sync.WaitGroup

	mu     sync.Mutex // guards events
	events []peernet.Event
}

var (
	nearAddr = netip.MustParseAddr("10.0.0.1")
	farAddr  = netip.MustParseAddrPort("10.0.0.2:4041")
	farKeys  = kit.KeyPair(0x21)
	bobKey   = farKeys.PublicKey()
)

// inBEAMWorld runs f in a world where bob listens and alice knows his key, and not yet where he is.
func inBEAMWorld(t *testing.T, c peernet.Config, f func(w *beamWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &beamWorld{T: t, network: memnet.New(1), config: c}
		w.near = w.network.Host(nearAddr)
		w.far = w.network.Host(farAddr.Addr(), netip.MustParseAddr("10.0.0.3"))
		w.config.Identity = kit.KeyPair(0x01)
		w.config.Listen = "10.0.0.1:7100"
		w.config.Network = peernet.Network{Listen: w.near.Listen, Dial: w.near.Dial, ListenPacket: w.near.ListenPacket, Interfaces: w.interfaces}
		w.startBob()
		w.start()
		defer func() {
			w.stop()
			w.bob.Stop()
			synctest.Wait()
			if s := w.network.Stats(); s.Conns != 0 || s.Listeners != 0 {
				t.Errorf("sockets are left open: %+v", s)
			}
			time.Sleep(time.Second) // a goroutine of the actor library's may outlive the system by a throttle of dead letters
		}()
		f(w)
	})
}

// interfaces lists those of alice's machine.
func (w *beamWorld) interfaces() ([]discovery.Interface, error) {
	all, err := w.near.Interfaces()
	var list []discovery.Interface
	for _, i := range all {
		list = append(list, discovery.Interface(i))
	}
	return list, err
}

func (w *beamWorld) startBob() {
	w.Helper()
	w.bob = kit.NewBEAMNode(w.T, farKeys)
	w.listenBob()
}

func (w *beamWorld) listenBob() {
	w.Helper()
	l, err := w.far.Listen(w.Context(), "tcp", farAddr.String())
	if err != nil {
		w.Fatal(err)
	}
	w.bob.Listen(l)
}

// start starts alice. What she has learnt before, she knows only if the config has a DataDir.
func (w *beamWorld) start() {
	w.Helper()
	w.found = manual.New()
	w.config.Discovery = []discovery.Provider{w.found}
	n, err := peernet.New(w.config)
	if err != nil {
		w.Fatal(err)
	}
	if _, paired := n.Peer(bobKey); !paired {
		if err := n.Pair(bobKey, "bob"); err != nil {
			w.Fatal(err)
		}
	}
	handle(w, n, "echo", echo)
	ctx, cancel := context.WithCancel(context.Background())
	w.alice, w.cancel = n, cancel
	events := n.Events(ctx)
	w.record.Go(func() {
		for e := range events {
			w.mu.Lock()
			w.events = append(w.events, e)
			w.mu.Unlock()
		}
	})
	if err := n.Start(w.Context()); err != nil {
		w.Fatal(err)
	}
	synctest.Wait()
}

// stop shuts alice down.
func (w *beamWorld) stop() {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.alice.Shutdown(ctx); err != nil {
		w.Errorf("shutdown: %v", err)
	}
	w.cancel()
	w.record.Wait()
}

// connected returns how often alice was told that bob is connected, and disconnected.
func (w *beamWorld) connected() (ups, downs int) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		switch e.(type) {
		case peernet.Connected:
			ups++
		case peernet.Disconnected:
			downs++
		}
	}
	return ups, downs
}

// connect has alice dial bob.
func (w *beamWorld) connect() {
	w.Helper()
	if err := w.alice.Connect(w.Context(), bobKey, farAddr.String()); err != nil {
		w.Fatal(err)
	}
}

// dialled has bob dial alice, and waits until she knows.
func (w *beamWorld) dialled() {
	w.Helper()
	conn, err := w.far.Dial(w.Context(), "tcp", w.config.Listen)
	if err != nil {
		w.Fatal(err)
	}
	w.bob.Dial(conn, w.alice.PublicKey())
	synctest.Wait()
}

// state returns what alice says of bob.
func (w *beamWorld) state() peernet.PeerInfo {
	w.Helper()
	synctest.Wait()
	i, ok := w.alice.Peer(bobKey)
	if !ok {
		w.Fatal("bob is not trusted")
	}
	return i
}

// talks fails unless calls can be made both ways.
func (w *beamWorld) talks() {
	w.Helper()
	w.bob.Handlers["echo"] = func(args peernet.Raw) (any, error) { return args, nil }
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	if got, err := peernet.Call[string](ctx, w.alice, bobKey, "echo", "to bob"); got != "to bob" || err != nil {
		w.Errorf("alice calls bob: %q, %v", got, err)
	}
	raw, err := w.bob.Call(ctx, w.alice.PublicKey(), "echo", "to alice")
	var got string
	if err == nil {
		err = raw.Decode(&got)
	}
	if got != "to alice" || err != nil {
		w.Errorf("bob calls alice: %q, %v", got, err)
	}
}

// writePeers writes the peers file of a data directory.
func writePeers(tb testing.TB, dir, text string) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(dir, "peers"), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}
