package peernet_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// forgedRate is how many announces of each key a forger sends in a second.
const forgedRate = 100

// What is at the ports that a forger announces.
const (
	portClosed  = 9001 // closed: a dial fails at once
	portDropped = 9002 // a firewall: a dial is not answered
	portSilent  = 9003 // takes connections and says nothing
)

// isForged reports whether an address is one that a forger announces.
func isForged(at netip.AddrPort) bool { return at.Port() >= portClosed && at.Port() <= portSilent }

// forge has a host announce keys, as if they were at that many addresses in turn, these ports at each, until the test ends.
func forge(t *testing.T, h *netns.Host, keys []identity.PublicKey, addresses int, ports ...uint16) {
	t.Helper()
	h.IP(fmt.Sprintf("rule add priority 10 ipproto tcp sport %d blackhole", portDropped))
	var at []netip.AddrPort
	var add []string
	for i := range addresses {
		a := netns.IPv4(100 + i)
		add = append(add, fmt.Sprintf("addr add %v/24 dev eth0", a))
		for _, port := range ports {
			at = append(at, netip.AddrPortFrom(a, port))
		}
	}
	h.IP(add...)
	rand.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
	sockets := make(map[netip.Addr]net.PacketConn)
	var silent net.Listener
	var err error
	h.Do(func() {
		if silent, err = net.Listen("tcp4", fmt.Sprintf(":%d", portSilent)); err != nil { // Accept is never called
			return
		}
		for _, a := range at {
			if sockets[a.Addr()] == nil {
				var conn net.PacketConn
				if conn, err = net.ListenPacket("udp4", netip.AddrPortFrom(a.Addr(), 0).String()); err != nil {
					return
				}
				sockets[a.Addr()] = conn
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	to := &net.UDPAddr{IP: net.IPv4(10, 77, 0, 255), Port: udp.DefaultPort}
	stop := make(chan struct{})
	var join sync.WaitGroup
	join.Go(func() {
		tick := time.NewTicker(time.Second / forgedRate)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				for _, key := range keys {
					a := at[i%len(at)]
					_, _ = sockets[a.Addr()].WriteTo(udp.Announce{Port: a.Port(), Key: key}.Append(nil), to) // or it is lost
				}
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		join.Wait()
		for _, conn := range sockets {
			_ = conn.Close()
		}
		_ = silent.Close()
	})
}
