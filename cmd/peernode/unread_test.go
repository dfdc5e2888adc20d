package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// TestUnreadOutputStopsNoNode runs a node that logs much, and reads neither its log nor its results. It starts, follows the
// peers file, and stops.
func TestUnreadOutputStopsNoNode(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	unread := func() *output.Stream {
		r, w := io.Pipe()
		t.Cleanup(func() { r.Close() })
		return output.NewStream(ctx, w, nil)
	}
	a := newApp(nil, unread(), unread())
	root := a.rootCommand()
	root.SetArgs([]string{"run", "--discovery", "none", "--listen", "127.0.0.1:0", "--log-level", "debug", "--data-dir", dir})
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()

	client := control.NewClient(dir)
	await := func(what string, done func() bool) {
		tick, end := time.Tick(pollTime), time.Now().Add(waitTime)
		for ; !done(); <-tick {
			if time.Now().After(end) {
				t.Fatalf("waited for %s for %v", what, waitTime)
			}
		}
	}
	await("the node", func() bool {
		_, err := control.GetNode.Ask(ctx, client, control.Request{})
		return err == nil
	})
	set, err := trust.Open(filepath.Join(dir, datadir.PeersFile))
	if err != nil {
		t.Fatal(err)
	}
	peers := func() int {
		answer, err := control.GetPeers.Ask(ctx, client, control.Request{})
		if err != nil {
			t.Fatal(err)
		}
		return len(answer.Peers)
	}
	key := testKey(t, bobKey)
	if err := set.Add(trust.Peer{Key: key}); err != nil {
		t.Fatal(err)
	}
	await("a peer", func() bool { return peers() == 1 })
	if _, err := set.Remove(key); err != nil {
		t.Fatal(err)
	}
	await("no peer", func() bool { return peers() == 0 })

	cancel()
	select {
	case err := <-ended:
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(stopTime + 2*controlTime):
		t.Error("it has not stopped")
	}
}
