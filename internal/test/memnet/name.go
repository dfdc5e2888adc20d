package memnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
)

// SetName gives a host name these addresses in place of those it has; without any the name is not known.
func (n *Network) SetName(name string, addrs ...netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[canonical(name)] = slices.Clone(addrs)
}

// LookupNetIP returns the addresses of a host name at once, as that of net.Resolver does; network is "ip". A literal is its
// own address, and localhost the loopback. An unknown name is a [*net.DNSError] that says so.
func (h *Host) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if network != "ip" {
		return nil, net.UnknownNetworkError(network)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, ctx.Err()
	}
	if canonical(host) == "localhost" {
		return []netip.Addr{loopbacks[0].Addr(), loopbacks[1].Addr()}, ctx.Err()
	}
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	if h.down {
		return nil, os.NewSyscallError("lookup", syscall.ENETDOWN)
	}
	addrs := h.n.names[canonical(host)]
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return slices.Clone(addrs), ctx.Err()
}

// canonical returns the form in which names that are the same are equal.
func canonical(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }
