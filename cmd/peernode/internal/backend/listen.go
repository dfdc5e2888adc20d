package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"syscall"

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
	l, err := findListener(b.node.Listeners(), at)
	if _, port, _ := net.SplitHostPort(at); err == nil && port != "0" { // 0 is another one each time
		return b.listenerChange(l, unchanged), nil
	}
	if l, err = b.node.ListenOn(ctx, at); err != nil {
		return control.ListenerChange{}, b.ListenError(at, err)
	}
	return b.listenerChange(l, added), nil
}

// ListenError returns failure.Listening of an error of listening on an address, or says what of this node has the address.
func (b Backend) ListenError(at string, err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return failure.Listening(err)
	}
	for _, l := range b.node.Listeners() {
		if overlaps(l.Addr(), at) {
			return failure.InUse(fmt.Sprintf("this node listens on %v already", l.Addr()), "choose another port; see where it listens with: peernode listen")
		}
	}
	for _, t := range b.tunnels.list() {
		if has, err := netip.ParseAddrPort(t.Address); err == nil && overlaps(has, at) {
			return failure.InUse(fmt.Sprintf("this node forwards %v already", has), "choose another port; see what it forwards with: peernode status")
		}
	}
	page, _ := url.Parse(b.run.Metrics)
	if has, err := netip.ParseAddrPort(page.Host); err == nil && overlaps(has, at) {
		return failure.InUse(fmt.Sprintf("this node serves its metrics at %v already", has), "choose another port")
	}
	return failure.Listening(err)
}

// overlaps says whether nobody else can listen on an address while a socket has another one.
func overlaps(has netip.AddrPort, at string) bool {
	host, port, _ := net.SplitHostPort(at)
	ip, err := netip.ParseAddr(host) // fails if all are meant
	return port == strconv.Itoa(int(has.Port())) && (err != nil || ip.IsUnspecified() || has.Addr().IsUnspecified() || ip == has.Addr())
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

// Limits of the interfaces that can be chosen. They bound what a runaway script can cost the node.
const (
	maxInterfaces    = 64
	maxInterfaceName = 255 // bytes: those of Windows are long
)

// A choice is the interfaces that the providers were told by their names to use, at the start or later.
type choice struct {
	mu    sync.Mutex // held while they are told
	names []string
}

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

// interfaceChange changes which interfaces all providers use. To remove one that is neither chosen nor there changes nothing: its
// name would be kept for nothing.
func (b Backend) interfaceChange(name, change string, do func(chooser, string) bool) (control.InterfaceChange, error) {
	if name == "" || len(name) > maxInterfaceName {
		return control.InterfaceChange{}, fmt.Errorf("%w: the name of an interface has 1 to %d bytes", control.ErrRequest, maxInterfaceName)
	}
	var choosers []chooser
	for _, p := range b.run.Config.Discovery {
		if c, ok := p.(chooser); ok {
			choosers = append(choosers, c)
		}
	}
	if len(choosers) == 0 {
		return control.InterfaceChange{}, failure.WithAdvice(failure.ErrNoDiscovery, "start it with: peernode run --discovery udp,mdns")
	}
	b.chosen.mu.Lock()
	defer b.chosen.mu.Unlock()
	isChosen := slices.Contains(b.chosen.names, name)
	_, absent := net.InterfaceByName(name)
	switch {
	case change == removed && !isChosen && absent != nil:
		return control.InterfaceChange{Interface: name, Change: unchanged}, nil
	case change == added && !isChosen && len(b.chosen.names) >= maxInterfaces:
		return control.InterfaceChange{}, fmt.Errorf("%w: %d", failure.ErrInterfacesFull, maxInterfaces)
	}
	done := false
	for _, c := range choosers {
		done = do(c, name) || done
	}
	b.chosen.names = slices.DeleteFunc(b.chosen.names, func(n string) bool { return n == name })
	if change == added {
		b.chosen.names = append(b.chosen.names, name)
	}
	if !done {
		change = unchanged
	}
	return control.InterfaceChange{Interface: name, Change: change}, nil
}
