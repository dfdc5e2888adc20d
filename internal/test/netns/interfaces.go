package netns

import (
	"net"
	"net/netip"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// Interfaces returns the interfaces of the host that this process is on, as a node gives them to its providers.
func Interfaces() ([]discovery.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var list []discovery.Interface
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has gone since
		}
		one := discovery.Interface{Index: i.Index, Name: i.Name, Flags: i.Flags}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				one.Addrs = append(one.Addrs, p)
			}
		}
		list = append(list, one)
	}
	return list, nil
}
