package peernet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/node"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// States of a Node.
const (
	stateNew int32 = iota
	stateRunning
	stateStopping // or stopped
)

// Start listens, runs discovery, and connects to the trusted peers that are found. ctx bounds the start alone.
func (n *Node) Start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch n.state.Load() {
	case stateRunning:
		return errors.New("start: the node is started already")
	case stateStopping:
		return fmt.Errorf("start: %w", ErrClosed)
	}
	l, err := n.openListener(ctx, n.config.Listen)
	if err != nil {
		return err
	}
	c, err := n.actorConfig(l.socket)
	if err != nil {
		_ = l.socket.Close()
		return err
	}
	n.listeners.add(l)
	n.system = n.config.System
	if n.system == nil {
		n.system = actorkit.NewSystem(n.config.Logger, throttleDeadLetters)
	}
	n.root = node.Start(n.system, c)
	run, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	if n.config.System != nil {
		events := n.hub.subscribe(run)
		n.join.Go(func() { n.republish(events) })
	}
	n.unwatch = n.trust.Watch(n.trustChanged)
	for _, p := range n.trust.List() {
		n.tellTrust(trust.Change{Peer: p, Kind: trust.Added})
	}
	if n.config.DataDir != "" {
		warn := func(err error) { n.config.Logger.Warn("peers file", "err", err) }
		n.join.Go(func() { n.trust.Poll(run, n.config.Timing.Reload, warn) })
	}
	n.join.Go(func() { n.followProvisional(run, n.trustEdits) })
	n.started = n.config.Clock.Now()
	n.state.Store(stateRunning)
	n.blocks.mu.Lock()
	n.followBlocks() // what was blocked meanwhile
	n.blocks.mu.Unlock()
	n.config.Logger.Info("node", "state", "running", "key", n.self.String(), "listen", l.socket.Addr().String())
	return nil
}

// throttleDeadLetters is the period in which at most three dead letters are logged. After one, a goroutine of the library
// lives that long, also when the node has shut down.
const throttleDeadLetters = 10 * time.Millisecond

// goodbye is how long a Shutdown whose context has ended may take to tell every peer.
const goodbye = 250 * time.Millisecond

// Shutdown ends the node: it listens and announces no more, tells every peer `shutdown`, lets handlers and calls
// in flight finish until ctx ends, and closes everything. When it returns, nothing of the node runs but
// handlers that ignore their context; the error is the context's if that cut something short.
//
// If ctx has ended already, as after a signal, Shutdown still says goodbye, and takes at most 250 ms. To let calls in flight
// finish, give it a context of its own with a time limit. It may be called more than once: all calls return when the node
// has ended, and the context that ends first counts.
func (n *Node) Shutdown(ctx context.Context) error {
	n.mu.Lock()
	switch n.state.Swap(stateStopping) {
	case stateNew:
		n.hub.close()
		close(n.stopped)
	case stateRunning:
		n.cutAfter = time.Now().Add(goodbye)
		go n.stop(n.finishing)
	}
	n.mu.Unlock()
	select {
	case <-n.stopped:
		return n.stopErr
	case <-ctx.Done():
	}
	select {
	case <-n.stopped:
	case <-time.After(time.Until(n.cutAfter)):
		n.cut(ctx.Err())
		<-n.stopped
	}
	return n.stopErr
}

// stop ends what runs, in order. When ctx ends, what has not finished is cut.
func (n *Node) stop(ctx context.Context) {
	n.pairings.close()
	n.unwatch()
	n.blocks.mu.Lock()
	n.endBlockTimer()
	n.blocks.mu.Unlock()
	err := n.root.Stop(ctx)
	n.cancel()
	handlers := make(chan struct{})
	go func() {
		n.server.Wait()
		close(handlers)
	}()
	select {
	case <-handlers:
	case <-ctx.Done():
		n.server.DropSends() // and end the contexts of those that run; Shutdown does not wait for a handler that ignores its context
		err = context.Cause(ctx)
	}
	n.hub.close()
	n.join.Wait()
	n.pool.Close()
	n.dialects.Flush()
	n.refusals.Flush()
	n.counters.FlushLogs()
	if n.config.System == nil {
		n.system.Shutdown()
	}
	n.config.Logger.Info("node", "state", "stopped", "key", n.self.String())
	n.stopErr = err
	close(n.stopped)
}
