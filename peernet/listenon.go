package peernet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"github.com/seed-f6ddb928/peernet-go/internal/listener"
)

// A Listener is a TCP address that a node listens on: that of Config.Listen, or one of ListenOn. It is safe for concurrent use.
type Listener struct {
	node   *Node
	asked  string
	socket net.Listener
}

// Asked returns the address as it was given: "host:port".
func (l *Listener) Asked() string { return l.asked }

// Addr returns the address of the socket, with the port that the system has chosen. An unspecified IP address stands for all of
// this machine's: 0.0.0.0 for those of IPv4, :: for those of both families. It is not valid if Config.Network has other
// addresses than those of TCP.
func (l *Listener) Addr() netip.AddrPort {
	if a, ok := l.socket.Addr().(*net.TCPAddr); ok {
		return netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
	}
	return netip.AddrPort{}
}

// Close takes the address away: the node accepts no more connections there, and is announced at it no more. When Close returns
// the address is free. Sessions that were made there stay, also those that have not authenticated yet. The error is an
// ErrClosed if the address was taken away before, or the node has been shut down.
func (l *Listener) Close() error {
	n := l.node
	if n.state.Load() != stateRunning || !n.listeners.remove(l) {
		return fmt.Errorf("close the listener on %s: %w", l.asked, ErrClosed)
	}
	err := l.socket.Close()
	n.root.Announce()
	n.config.Logger.Info("listener", "state", "removed", "listen", l.socket.Addr().String())
	n.hub.publish(ListenerRemoved{At{n.config.Clock.Now()}, l.Addr()})
	if errors.Is(err, net.ErrClosed) {
		return nil // Shutdown was faster
	}
	return err
}

// ListenOn has a running node listen on one more TCP address, "host:port" as in Config.Listen. Connections that come in there are
// like all others, and share Limits.Strangers with them. Others see the address in announces unless another one that was
// added before leads to the same place: a node is announced at one port on each of its links (docs/wire.md §8).
//
// The address is taken away by Close of the Listener, or at Shutdown. If ListenOn fails nothing has changed; an address that is
// taken, by this node or another program, is a syscall.EADDRINUSE. ctx bounds the search for the host, and not the life of
// the listener. It may be called at any time after Start; before that and after Shutdown the error is ErrNotStarted or
// ErrClosed. It is safe for concurrent use.
func (n *Node) ListenOn(ctx context.Context, addr string) (*Listener, error) {
	switch n.state.Load() {
	case stateNew:
		return nil, fmt.Errorf("listen on %s: %w", addr, ErrNotStarted)
	case stateStopping:
		return nil, fmt.Errorf("listen on %s: %w", addr, ErrClosed)
	}
	l, err := n.openListener(ctx, addr)
	if err != nil {
		return nil, err
	}
	n.listeners.add(l)
	started := make(chan struct{})
	n.root.Listen(listener.Accept{From: l.socket, Started: started})
	ended := false
	select {
	case <-started:
		ended = n.state.Load() != stateRunning
	case <-n.root.Done():
		ended = true
	}
	if ended {
		n.listeners.remove(l)
		_ = l.socket.Close() // unless the listener has done so
		return nil, fmt.Errorf("listen on %s: %w", addr, ErrClosed)
	}
	n.root.Announce()
	n.config.Logger.Info("listener", "state", "added", "listen", l.socket.Addr().String())
	n.hub.publish(ListenerAdded{At{n.config.Clock.Now()}, l.Addr()})
	return l, nil
}

// Listeners returns the addresses that the node listens on, in the order in which they were added. It is empty before Start.
func (n *Node) Listeners() []*Listener { return n.listeners.list() }

// openListener opens a socket.
func (n *Node) openListener(ctx context.Context, addr string) (*Listener, error) {
	socket, err := n.config.Network.Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return &Listener{node: n, asked: addr, socket: socket}, nil
	case !errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	for _, l := range n.listeners.list() {
		if _, port, _ := net.SplitHostPort(addr); port == strconv.Itoa(int(l.Addr().Port())) {
			return nil, fmt.Errorf("listen on %s: this node listens on %v already: choose another port (%w)", addr, l.socket.Addr(), err)
		}
	}
	return nil, fmt.Errorf("listen on %s: another program has this address: stop that program, or choose another port (%w)", addr, err)
}

// listeners are the Listeners of a node, in the order in which they were added. It is safe for concurrent use.
type listeners struct {
	mu  sync.Mutex
	all []*Listener // guarded by mu
}

func (l *listeners) list() []*Listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// addrs is the Self.Listens of the node.
func (l *listeners) addrs() (list []netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.all {
		if a := one.Addr(); a.IsValid() {
			list = append(list, a)
		}
	}
	return list
}

func (l *listeners) add(one *Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, one)
}

// remove returns false if the listener was not there.
func (l *listeners) remove(one *Listener) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.all)
	l.all = slices.DeleteFunc(l.all, func(o *Listener) bool { return o == one })
	return len(l.all) < before
}
