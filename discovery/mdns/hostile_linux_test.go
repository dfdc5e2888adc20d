package mdns

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/netns"
)

// A forger is a socket on a host with which a test says what it likes on its link.
type forger struct {
	t *testing.T
	*ipv4.PacketConn
}

func newForger(t *testing.T, h *netns.Host) forger {
	t.Helper()
	v := forger{t: t}
	var err error
	h.Do(func() {
		var conn net.PacketConn
		if conn, err = net.ListenPacket("udp4", "224.0.0.251:5353"); err != nil {
			return
		}
		v.PacketConn = ipv4.NewPacketConn(conn)
		var card *net.Interface
		if card, err = net.InterfaceByName("eth0"); err == nil {
			err = v.SetMulticastInterface(card)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// send says something, or loses it, as the network does.
func (v forger) send(b []byte) {
	_, _ = v.WriteTo(b, nil, &net.UDPAddr{IP: group4.AsSlice(), Port: port})
}

func (v forger) say(m *dns.Msg) {
	v.t.Helper()
	v.send(pack(v.t, m))
}

// repeat says all packets again and again, one each millisecond, until stop is called.
func (v forger) repeat(packets [][]byte) (stop func()) {
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ended:
				return
			case <-tick.C:
				v.send(packets[i%len(packets)])
			}
		}
	}()
	return func() {
		close(ended)
		<-stopped
	}
}

// TestNoiseIsNoHindrance has 200 services of other kinds, and 200 that only look like ours.
func TestNoiseIsNoHindrance(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := lan(t, 3)
		var packets [][]byte
		for i := range 200 {
			printer := fact{name: fmt.Sprintf(`Printer\ %d._ipp._tcp.local.`, i), host: fmt.Sprintf("printer-%d.local.", i), port: 631,
				txt: []string{"rp=ipp/print", "v=1"}, addrs: []string{v4(3).String()}, ttl: 4500}
			like := factOf(5000+i, v4(3).String())
			like.txt = [][]string{{"v=1"}, {"pk=x", "v=1"}, {like.txt[0], "v=2"}, nil}[i%4]
			packets = append(packets, pack(t, printer.announcement()), pack(t, like.announcement()))
		}
		defer newForger(t, hosts[2]).repeat(packets)()
		a, b := start(t, hosts[0], 1), start(t, hosts[1], 2)
		within(t, "to find a node", a.sees(b, b.began, v4(2)), time.Second)
		within(t, "to find a node", b.sees(a, b.began, v4(1)), time.Second)
		a.never("sees what is no node", 4*time.Second, func(s seen) bool { return s.Key != b.key.String() || s.Gone != "" })
		from := time.Now()
		hosts[1].Kill()
		within(t, "a crash", a.expires(b, from, v4(2)), periodsUntilLost*time.Second)
	})
}

// TestAFloodOfForgedNodesIsNoHindrance has 4,000 keys that come and go, and others that only come.
func TestAFloodOfForgedNodesIsNoHindrance(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := lan(t, 3)
		var packets [][]byte
		for i := range 4000 {
			forged := factOf(5000+i, v4(3).String())
			packets = append(packets, pack(t, forged.announcement()))
			if i%3 == 0 {
				packets = append(packets, pack(t, forged.goodbye()))
			}
		}
		defer newForger(t, hosts[2]).repeat(packets)()
		a := start(t, hosts[0], 1)
		a.until("sees 2,000 forged nodes", a.began, func(seen) bool { return len(a.seenAt(v4(3))) >= 2000 })
		b := start(t, hosts[1], 2)
		within(t, "to find a node", a.sees(b, b.began, v4(2)), time.Second)
		from := b.terminate()
		within(t, "goodbye", a.loses(b, from, v4(2), discovery.Goodbye), 500*time.Millisecond)
	})
}

// TestForgedGoodbyesAreContradicted says goodbye in the name of a node that is there.
func TestForgedGoodbyesAreContradicted(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := lan(t, 3)
		f := newForger(t, hosts[2])
		a := start(t, hosts[0], 1, func(c *nodeConfig) { c.Options.Period = DefaultPeriod })
		b := start(t, hosts[1], 2, func(c *nodeConfig) { c.Options.Period = DefaultPeriod })
		a.sees(b, b.began, v4(2))
		a.never("loses node 2", 4*time.Second, func(s seen) bool { return s.Gone != "" }) // until it announces itself no more
		for range 3 {
			f.say(factOf(2).goodbye())
			a.never("loses node 2", speakLeast+100*time.Millisecond, func(s seen) bool { return s.Gone != "" })
		}
	})
}
