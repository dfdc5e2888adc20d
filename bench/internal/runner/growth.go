package runner

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// growNode measures a node that has many of something.
func growNode(c measure.Case, d time.Duration) (measure.Figures, error) {
	switch c.Measure {
	case measure.MeshName:
		return meshNodes(c.Count, d)
	case measure.MeetName:
		return meetNodes(c.Things)
	}
	switch c.Things {
	case measure.Peers:
		return growPeers(c, d)
	case measure.Sightings:
		return growSightings(c, d)
	case measure.Handlers:
		return growHandlers(c, d)
	}
	return nil, fmt.Errorf("a node does not grow in %q", c.Things)
}

// A grown is two nodes that are connected, the responder of which has many of something.
type grown struct {
	client nodeClient
	node   *peernet.Node // the responder
	stop   func()
	start  time.Duration // of the responder: New and Start
}

// growth starts a responder as config says, and a node that is connected to it.
func growth(config peernet.Config) (g grown, err error) {
	config.Limits = nodeConfig().Limits
	began := time.Now()
	if g.node, err = peernet.New(config); err != nil {
		return g, err
	}
	if err = g.node.Start(context.Background()); err != nil {
		return g, err
	}
	g.start = time.Since(began)
	stop := stopper(g.node)
	if err = handleEcho(g.node); err != nil {
		stop()
		return g, err
	}
	key := g.node.PublicKey()
	other, stopOther, err := startNode(nodeConfig(), key)
	if err != nil {
		stop()
		return g, err
	}
	g.client = nodeClient{other, key, stopOther}
	g.stop = func() {
		stopOther()
		stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err = g.node.Pair(other.PublicKey(), "caller"); err == nil {
		err = other.Connect(ctx, key, g.node.Addrs()[0].String())
	}
	if err == nil {
		_, err = proven(g.client)
	}
	if err != nil {
		g.stop()
	}
	return g, err
}

// calls adds the figures of calls to those that were found.
func (g grown) calls(c measure.Case, d time.Duration, found measure.Figures) (measure.Figures, error) {
	f, err := measure.Calls([]measure.Client{g.client}, c.Callers, c.Size, d, nil)
	if err != nil {
		return nil, err
	}
	for name, v := range found {
		f[name] = v
	}
	return f, nil
}

// timed returns how long f takes, as the median of several.
func timed(f func(i int) error) (time.Duration, error) {
	const times = 9
	var took [times]time.Duration
	for i := range took {
		began := time.Now()
		if err := f(i); err != nil {
			return 0, err
		}
		took[i] = time.Since(began)
	}
	return measure.MedianOf(took[:]), nil
}

// newKey makes the public key of nobody.
func newKey() (identity.PublicKey, error) {
	pair, err := identity.GenerateKeyPair(rand.Reader)
	return pair.PublicKey(), err
}

// growPeers has as many trusted keys, in a file: how long the node takes to start, to pair with one more, and to find one.
func growPeers(c measure.Case, d time.Duration) (measure.Figures, error) {
	dir, err := os.MkdirTemp("", "peernet-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var file []byte
	var last identity.PublicKey
	for i := range c.Count {
		if last, err = newKey(); err != nil {
			return nil, err
		}
		file = fmt.Appendf(file, "%s peer %d\n", last, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "peers"), file, 0o600); err != nil {
		return nil, err
	}
	g, err := growth(peernet.Config{DataDir: dir})
	if err != nil {
		return nil, err
	}
	defer g.stop()
	if n := len(g.node.Trusted()); n != c.Count+1 {
		return nil, fmt.Errorf("%d keys are trusted, not %d", n, c.Count+1)
	}
	edit, err := timed(func(i int) error {
		key, err := newKey()
		if err != nil {
			return err
		}
		return g.node.Pair(key, fmt.Sprintf("edit %d", i))
	})
	if err != nil {
		return nil, err
	}
	const lookups = 1000
	lookup, err := timed(func(int) error {
		for range lookups {
			if _, known := g.node.Peer(last); !known {
				return fmt.Errorf("a trusted key is not known")
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return g.calls(c, d, measure.Figures{
		measure.StartMS.Name:  g.start.Seconds() * 1e3,
		measure.EditMS.Name:   edit.Seconds() * 1e3,
		measure.LookupUS.Name: lookup.Seconds() * 1e6 / lookups,
	})
}

// growSightings has as many addresses of untrusted keys in the presence table: how long they take to get there, and how long it takes
// to list them.
func growSightings(c measure.Case, d time.Duration) (measure.Figures, error) {
	const (
		perKey = 10
		batch  = 500 // a provider may drop what it is given beyond 1,024 at once
	)
	provider := manual.New()
	g, err := growth(peernet.Config{Discovery: []discovery.Provider{provider}})
	if err != nil {
		return nil, err
	}
	defer g.stop()
	began := time.Now()
	var key identity.PublicKey
	for i := range c.Count {
		if i%batch == 0 {
			if err := g.awaitSightings(i); err != nil {
				return nil, err
			}
		}
		if i%perKey == 0 {
			if key, err = newKey(); err != nil {
				return nil, err
			}
		}
		provider.Found(key, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, 1, byte(1 + i%perKey)}), 1))
	}
	if err := g.awaitSightings(c.Count); err != nil {
		return nil, err
	}
	filled := time.Since(began)
	list, err := timed(func(int) error { return g.awaitSightings(c.Count) })
	if err != nil {
		return nil, err
	}
	return g.calls(c, d, measure.Figures{
		measure.FillMS.Name: filled.Seconds() * 1e3,
		measure.ListMS.Name: list.Seconds() * 1e3,
	})
}

// awaitSightings waits until the presence table has n entries.
func (g grown) awaitSightings(n int) error {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		have := len(g.node.Discovered())
		if have >= n {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the presence table has %d entries, not %d", have, n)
		}
	}
}

// growHandlers has as many handlers: how long it takes to add them.
func growHandlers(c measure.Case, d time.Duration) (measure.Figures, error) {
	g, err := growth(peernet.Config{})
	if err != nil {
		return nil, err
	}
	defer g.stop()
	nothing := func(context.Context, *peernet.Request) (any, error) { return nil, nil }
	began := time.Now()
	for i := 1; i < c.Count; i++ { // echo is one
		if err := g.node.Handle(fmt.Sprintf("handler-%d", i), nothing); err != nil {
			return nil, err
		}
	}
	return g.calls(c, d, measure.Figures{measure.FillMS.Name: time.Since(began).Seconds() * 1e3})
}
