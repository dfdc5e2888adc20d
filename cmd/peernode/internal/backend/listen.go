package backend

import (
	"context"
	"fmt"
	"net"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Changes of listeners and interfaces.
const (
	added     = "added"
	removed   = "removed"
	unchanged = "unchanged"
)

// Listeners is control.GetListeners.
func (b Backend) Listeners(context.Context, control.Request) (control.Listeners, error) {
	return control.Listeners{Listeners: b.listeners()}, nil
}

// listeners returns where the node listens. The list may be empty, but is never nil.
func (b Backend) listeners() []control.Listener {
	list := []control.Listener{}
	for _, l := range b.node.Listeners() {
		list = append(list, newListener(l))
	}
	return list
}

// AddListener is control.AddListener.
func (b Backend) AddListener(ctx context.Context, q control.Request) (control.ListenerChange, error) {
	at, err := listenAddress(q)
	if err != nil {
		return control.ListenerChange{}, err
	}
	l, err := b.node.ListenOn(ctx, at)
	if err != nil {
		return control.ListenerChange{}, failure.Listening(err)
	}
	return b.listenerChange(l, added), nil
}

// RemoveListener is control.RemoveListener.
func (b Backend) RemoveListener(_ context.Context, q control.Request) (control.ListenerChange, error) {
	at, err := listenAddress(q)
	if err != nil {
		return control.ListenerChange{}, err
	}
	l, err := findListener(b.node.Listeners(), at)
	if err == nil {
		err = l.Close()
	}
	if err != nil {
		return control.ListenerChange{}, err
	}
	return b.listenerChange(l, removed), nil
}

func listenAddress(q control.Request) (string, error) {
	if len(q.Addresses) != 1 {
		return "", fmt.Errorf("%w: it has %d addresses, and not one", control.ErrRequest, len(q.Addresses))
	}
	return q.Addresses[0], nil
}

// findListener returns the listener whose socket has an address, or else the only one that was asked for so.
func findListener(list []*peernet.Listener, at string) (found *peernet.Listener, err error) {
	socket := at
	if host, port, err := net.SplitHostPort(at); err == nil && host == "" {
		socket = net.JoinHostPort("::", port)
	}
	for _, l := range list {
		if l.Addr().String() == socket {
			return l, nil
		}
	}
	for _, l := range list {
		if l.Asked() != at {
			continue
		}
		if found != nil {
			return nil, failure.WithAdvice(fmt.Errorf("the node was told several times to listen on %s", text.OneLine(at)),
				"give the address of one, as peernode listen shows it")
		}
		found = l
	}
	if found == nil {
		return nil, fmt.Errorf("%w on %s", failure.ErrNotListening, text.OneLine(at))
	}
	return found, nil
}

func newListener(l *peernet.Listener) control.Listener {
	return control.Listener{Address: address(l.Addr()), Listen: l.Asked()}
}

func (b Backend) listenerChange(l *peernet.Listener, change string) control.ListenerChange {
	return control.ListenerChange{Listener: newListener(l), Change: change, Addresses: texts(b.node.Addrs())}
}

// maxInterfaceName is the most bytes of the name of an interface: those of Windows are long.
const maxInterfaceName = 255

// A chooser is a provider whose interfaces can be chosen while it runs.
type chooser interface {
	AddInterface(name string) bool
	RemoveInterface(name string) bool
}

// AddInterface is control.AddInterface.
func (b Backend) AddInterface(_ context.Context, q control.Request) (control.InterfaceChange, error) {
	return b.interfaceChange(q.Name, added, chooser.AddInterface)
}

// RemoveInterface is control.RemoveInterface.
func (b Backend) RemoveInterface(_ context.Context, q control.Request) (control.InterfaceChange, error) {
	return b.interfaceChange(q.Name, removed, chooser.RemoveInterface)
}

// interfaceChange changes which interfaces all providers use.
func (b Backend) interfaceChange(name, change string, do func(chooser, string) bool) (control.InterfaceChange, error) {
	if name == "" || len(name) > maxInterfaceName {
		return control.InterfaceChange{}, fmt.Errorf("%w: the name of an interface has 1 to %d bytes", control.ErrRequest, maxInterfaceName)
	}
	done, any := false, false
	for _, p := range b.run.Config.Discovery {
		if c, ok := p.(chooser); ok {
			any = true
			done = do(c, name) || done
		}
	}
	if !any {
		return control.InterfaceChange{}, failure.WithAdvice(failure.ErrNoDiscovery, "start it with: peernode run --discovery udp,mdns")
	}
	if !done {
		change = unchanged
	}
	return control.InterfaceChange{Interface: name, Change: change}, nil
}
