package peernet

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// What a zero Config takes from the system.

// A random lets one reader be used from several goroutines.
type random struct {
	mu sync.Mutex // held while reading
	r  io.Reader
}

func newRandom(r io.Reader) io.Reader {
	if r == nil {
		return rand.Reader // safe as it is
	}
	return &random{r: r}
}

func (r *random) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return io.ReadFull(r.r, b)
}

// limitUnsentInMemory is limitUnsent for the connections of package peertest, which has that of the system in its own way.
func limitUnsentInMemory(c net.Conn, bytes int) {
	if c, ok := c.(interface{ SetUnsentLimit(bytes int) }); ok {
		c.SetUnsentLimit(bytes)
	}
}

// fill fills in what the system offers. Where the system has the options, a connection ends when sent data is not
// acknowledged for as long as stall, and the system holds at most unsentBytes that it cannot send yet.
func (n *Network) fill(stall time.Duration) {
	if n.Listen == nil {
		l := &net.ListenConfig{Control: socketOptions(stall)}
		l.SetMultipathTCP(false) // its sockets do not hand the options on
		n.Listen = l.Listen
	}
	if n.Dial == nil {
		n.Dial = (&net.Dialer{Control: socketOptions(stall)}).DialContext
	}
	if n.ListenPacket == nil {
		n.ListenPacket = (&net.ListenConfig{Control: sharePort}).ListenPacket
	}
	if n.LookupNetIP == nil {
		n.LookupNetIP = func(ctx context.Context, network, host string) ([]netip.Addr, error) {
			if strings.EqualFold(host, "localhost.") {
				host = "localhost" // hosts files have it without the dot
			}
			return net.DefaultResolver.LookupNetIP(ctx, network, host) // which the program may have changed since New
		}
	}
	if n.Interfaces == nil {
		n.Interfaces = systemInterfaces
	}
}

func systemInterfaces() ([]discovery.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var list []discovery.Interface
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			return nil, err // the interface may still be there: an error is better than a wrong list
		}
		one := discovery.Interface{Index: i.Index, Name: i.Name, Flags: i.Flags}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil { // else it is not an address of a network
				one.Addrs = append(one.Addrs, p)
			}
		}
		list = append(list, one)
	}
	return list, nil
}

// reachable expands the address of a listening socket into those that others can dial.
func reachable(at netip.AddrPort, interfaces func() ([]discovery.Interface, error)) []netip.AddrPort {
	addr := at.Addr()
	if !addr.IsUnspecified() {
		return []netip.AddrPort{netip.AddrPortFrom(addr, at.Port())}
	}
	all, err := interfaces()
	if err != nil {
		return nil
	}
	var list []netip.AddrPort
	for _, i := range all {
		for _, p := range i.Addrs {
			a := p.Addr()
			if i.Flags&net.FlagUp == 0 || addr.Is4() && !a.Is4() {
				continue
			}
			if a.Is6() && a.IsLinkLocalUnicast() {
				a = a.WithZone(i.Name)
			}
			list = append(list, netip.AddrPortFrom(a, at.Port()))
		}
	}
	return list
}

func (n *Network) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return n.Dial(ctx, "tcp", to.String())
}

func (n *Network) lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	return n.LookupNetIP(ctx, "ip", host)
}
