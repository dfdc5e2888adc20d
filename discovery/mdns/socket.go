package mdns

import (
	"context"
	"errors"
	"net/netip"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// port is that of multicast DNS, for packets that come and that go: RFC 6762 §11.
const port = 5353

// The groups that multicast DNS goes to.
var (
	group4 = netip.AddrFrom4([4]byte{224, 0, 0, 251})
	group6 = netip.MustParseAddr("ff02::fb")
)

const (
	// hops is what packets are sent with, so that a receiver can see that no router was on their way: RFC 6762 §11.
	hops = 255

	// socketBuffer is the room for packets that is asked for: all nodes of a LAN may answer one question at once.
	socketBuffer = 1 << 20
)

var errOneInterface = errors.New("the system does not say on which interface packets come in")

// A socket hears and speaks in one family, on some interfaces.
type socket struct {
	*lan.Socket
	group netip.Addr
	using []discovery.Interface
}

// open opens a socket that hears the group of a family on those interfaces that can, at least one, and speaks on them.
// errs has why those that cannot be heard on cannot, by name.
func open(ctx context.Context, self discovery.Self, ipv6 bool, using []discovery.Interface) (s *socket, errs map[string]error, err error) {
	network, group := "udp4", group4
	if ipv6 {
		network, group = "udp6", group6
	}
	conn, err := lan.Listen(ctx, self, network, netip.AddrPortFrom(group, port).String())
	if err != nil {
		return nil, nil, err
	}
	switch {
	case !conn.IsSystem():
		err = ErrNetwork
	case len(using) > 1 && !conn.TellsInterface():
		err = errOneInterface
	default:
		err = conn.SetMulticast(hops, socketBuffer)
		if errs = conn.Join(using, group); len(errs) == len(using) {
			err = errs[using[0].Name]
		}
	}
	if err != nil {
		_ = conn.Close() // nothing is lost
		return nil, nil, err
	}
	return &socket{conn, group, using}, errs, nil
}
