package peernet_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// TestPrivateNodesFindEachOtherOnLoopback gives them no address. A third node that is paired with neither finds none.
func TestPrivateNodesFindEachOtherOnLoopback(t *testing.T) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	_ = c.Close()
	start := func() (*peernet.Node, *udp.Provider) {
		p := udp.New(udp.Options{Port: port, Broadcast: []netip.Addr{netip.MustParseAddr("127.255.255.255")}})
		return startNode(t, peernet.Config{Private: true, Discovery: []discovery.Provider{p}}), p
	}
	stranger, heard := start()
	if err := stranger.Pair(peerKey(t), ""); err != nil {
		t.Fatal(err)
	}
	a, _ := start()
	b, _ := start()
	events := a.Events(patiently(t))
	pair(t, a, b)
	if e := await[peernet.Connected](t, events); e.Peer != b.PublicKey() {
		t.Errorf("%+v", e)
	}
	if seen := stranger.Discovered(); len(seen) != 0 {
		t.Errorf("the stranger finds %+v", seen)
	}
	for deadline := time.Now().Add(patience); heard.Stats().Unknown == 0; { // of what it does not understand no event tells
		if time.Now().After(deadline) {
			t.Fatal("the stranger hears nothing")
		}
	}
	if s := heard.Stats(); s.Heard != 0 {
		t.Errorf("the stranger hears %+v", s)
	}
}
