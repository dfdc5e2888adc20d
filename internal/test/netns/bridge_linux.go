package netns

import "testing"

// addBridge makes a bridge that begins to forward at once, all multicasts to all ports, and says nothing itself.
const addBridge = "link add br0 type bridge forward_delay 0 mcast_snooping 0"

// A Bridge is what hosts are attached to, like a switch with nothing else plugged in.
type Bridge struct {
	*space
	ports int
}

// NewBridge returns a new bridge, which ends with the test.
func NewBridge(t *testing.T) *Bridge {
	t.Helper()
	b := &Bridge{space: newSpace(t)}
	b.ip(addBridge, "link set dev br0 addrgenmode none up")
	return b
}

// port returns the number of a new port.
func (b *Bridge) port() int {
	b.ports++
	return b.ports
}
