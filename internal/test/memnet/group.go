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

// JoinGroup makes the socket receive what is sent to a multicast group on the link of the interface with this index; 0 is
// the host's first one for the group's family. It fails with EINVAL for an address that is no group, ENODEV without such
// an interface, EADDRINUSE when it is a member.
func (p *PacketConn) JoinGroup(index int, group netip.Addr) error {
	return p.member("join", index, group, func(m membership) error {
		if _, joined := p.groups[m]; joined {
			return syscall.EADDRINUSE
		}
		p.groups[m] = struct{}{}
		return nil
	})
}

// LeaveGroup ends what JoinGroup began. It fails with EADDRNOTAVAIL when the socket is no member.
func (p *PacketConn) LeaveGroup(index int, group netip.Addr) error {
	return p.member("leave", index, group, func(m membership) error {
		if _, joined := p.groups[m]; !joined {
			return syscall.EADDRNOTAVAIL
		}
		delete(p.groups, m)
		return nil
	})
}

func (p *PacketConn) member(op string, index int, group netip.Addr, change func(membership) error) error {
	h := p.host
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	group = group.Unmap().WithZone("")
	zone := ""
	if index != 0 {
		zone = strconv.Itoa(index)
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
