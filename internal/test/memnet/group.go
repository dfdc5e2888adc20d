package memnet

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
)

// A membership is a multicast group on one link.
type membership struct {
	link  netip.Prefix
	group netip.Addr
}

// JoinGroup makes the socket receive what is sent to a multicast group, the IP of a *net.UDPAddr, on the link of the interface
// with this index; 0 is the host's first one for the group's family. It fails with EINVAL for an address that is no group,
// ENODEV without such an interface, EADDRINUSE when it is a member. As in golang.org/x/net, which has the same method.
func (p *PacketConn) JoinGroup(on *net.Interface, group net.Addr) error {
	return p.member("join", on, group, func(m membership) error {
		if _, joined := p.groups[m]; joined {
			return syscall.EADDRINUSE
		}
		p.groups[m] = struct{}{}
		return nil
	})
}

// LeaveGroup ends what JoinGroup began. It fails with EADDRNOTAVAIL when the socket is no member.
func (p *PacketConn) LeaveGroup(on *net.Interface, group net.Addr) error {
	return p.member("leave", on, group, func(m membership) error {
		if _, joined := p.groups[m]; !joined {
			return syscall.EADDRNOTAVAIL
		}
		delete(p.groups, m)
		return nil
	})
}

func (p *PacketConn) member(op string, on *net.Interface, to net.Addr, change func(membership) error) error {
	h := p.host
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	group := to.(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("")
	zone := ""
	if on.Index != 0 {
		zone = strconv.Itoa(on.Index)
	}
	link, there := h.link(zone, group.Is4())
	var err error
	switch {
	case p.shutBy != open:
		return p.opError(op, nil, net.ErrClosed)
	case !group.IsMulticast():
		err = syscall.EINVAL
	case !there:
		err = syscall.ENODEV
	default:
		err = change(membership{link, group})
	}
	if err != nil {
		return p.opError(op, nil, os.NewSyscallError("setsockopt", err))
	}
	return nil
}
