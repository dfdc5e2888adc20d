package peernet_test

import (
	"net"
	"net/netip"
	"runtime"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// TestNodesOfOneMachineFindEachOtherByBroadcast has them share a UDP port of the loopback, and needs no address.
func TestNodesOfOneMachineFindEachOtherByBroadcast(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the loopback takes no broadcasts")
	}
	free, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := udp.Options{Port: free.LocalAddr().(*net.UDPAddr).AddrPort().Port(), Broadcast: []netip.Addr{netip.MustParseAddr("127.255.255.255")}}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	config := func() peernet.Config {
		return peernet.Config{Discovery: []discovery.Provider{udp.New(o)}}
	}
	a, b := startNode(t, config()), startNode(t, config())
	events := a.Events(patiently(t))
	pair(t, a, b)
	if e := await[peernet.Connected](t, events); e.Peer != b.PublicKey() {
		t.Errorf("connected to %v", e.Peer)
	}
}
