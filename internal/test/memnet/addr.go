package memnet

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Ports that are chosen for those who ask for none: the range that Linux uses.
const (
	firstPort = 32768
	lastPort  = 60999
)

// A binding is what a listener or socket is bound to.
type binding struct {
	addr   netip.Addr // unspecified: every address of the families
	port   uint16
	v4, v6 bool // families served; both only with an unspecified address
}

// serves reports whether packets to an address and port of the host are for b.
func (b binding) serves(to netip.AddrPort) bool {
	family := b.v6
	if to.Addr().Is4() {
		family = b.v4
	}
	return family && b.port == to.Port() && (b.addr.IsUnspecified() || b.addr == to.Addr())
}

// overlaps reports whether an address could be served by both.
func (b binding) overlaps(o binding) bool {
	families := b.v4 && o.v4 || b.v6 && o.v6
	return families && b.port == o.port && (b.addr.IsUnspecified() || o.addr.IsUnspecified() || b.addr == o.addr)
}

// dual reports whether b serves both families: such a socket shows IPv4 addresses as 16 bytes, as the system's do.
func (b binding) dual() bool { return b.v4 && b.v6 }

// parse reads an address as the net package does, without names: the host is a literal or empty (unspecified), the port
// a number or empty (0). IPv4 in its IPv6 form becomes IPv4. The network is protocol, or that and the family: "tcp4"; if
// it names none, an unspecified address of either family means both.
func parse(protocol, network, address string) (binding, string, error) {
	family, known := strings.CutPrefix(network, protocol)
	if !known || !slices.Contains([]string{"", "4", "6"}, family) {
		return binding{}, "", net.UnknownNetworkError(network)
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return binding{}, "", err
	}
	port, err := parsePort(service)
	if err != nil {
		return binding{}, "", &net.AddrError{Err: "port is not a number", Addr: address}
	}
	b := binding{addr: netip.IPv6Unspecified(), port: port, v4: family != "6", v6: family != "4"}
	if host == "" {
		if !b.v6 {
			b.addr = netip.IPv4Unspecified()
		}
		return b, "", nil
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return binding{}, "", &net.DNSError{Err: "memnet dials no names", Name: host, IsNotFound: true}
	}
	literal := addr.Unmap().WithZone("")
	if literal.Is4() && !b.v4 || literal.Is6() && !b.v6 {
		return binding{}, "", &net.AddrError{Err: "address of another family than " + network, Addr: address}
	}
	if literal.IsUnspecified() && b.dual() {
		return b, "", nil
	}
	b.addr, b.v4, b.v6 = literal, literal.Is4(), literal.Is6()
	return b, addr.Zone(), nil
}

func parsePort(service string) (uint16, error) {
	if service == "" {
		return 0, nil
	}
	port, err := strconv.ParseUint(service, 10, 16)
	return uint16(port), err
}

// loopback returns the address that stands for an unspecified one when it is dialled.
func (b binding) loopback() netip.Addr {
	if b.v4 {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// freePort returns a port of h that no listener, socket or dial uses, and false if there is none. n.mu is held.
func (h *Host) freePort() (uint16, bool) {
	for range lastPort - firstPort + 1 {
		port := h.nextPort
		if h.nextPort++; h.nextPort > lastPort {
			h.nextPort = firstPort
		}
		_, used := h.dialPorts[port]
		used = used || slices.ContainsFunc(h.listeners, func(l *Listener) bool { return l.bound.port == port })
		used = used || slices.ContainsFunc(h.packets, func(p *PacketConn) bool { return p.bound.port == port })
		if !used {
			return port, true
		}
	}
	return 0, false
}

// ipBytes returns an address as a socket shows it: IPv4 as 16 bytes if the socket serves both families, else as 4.
func ipBytes(a netip.Addr, dual bool) net.IP {
	if dual {
		b := a.As16()
		return b[:]
	}
	return a.AsSlice()
}

func tcpAddr(a netip.AddrPort, zone string, dual bool) *net.TCPAddr {
	return &net.TCPAddr{IP: ipBytes(a.Addr(), dual), Port: int(a.Port()), Zone: zone}
}

func udpAddr(a netip.AddrPort, zone string, dual bool) *net.UDPAddr {
	return &net.UDPAddr{IP: ipBytes(a.Addr(), dual), Port: int(a.Port()), Zone: zone}
}
