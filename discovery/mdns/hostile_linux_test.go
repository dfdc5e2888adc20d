package mdns

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// TestNoiseIsNoHindrance has 200 services of other kinds, and 200 that only look like ours.
func TestNoiseIsNoHindrance(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := netns.NewLAN(t, 3)
		var packets [][]byte
		for i := range 200 {
			printer := fact{name: fmt.Sprintf(`Printer\ %d._ipp._tcp.local.`, i), host: fmt.Sprintf("printer-%d.local.", i), port: 631,
				txt: []string{"rp=ipp/print", "v=1"}, addrs: []string{netns.IPv4(3).String()}, ttl: 4500}
			like := factOf(5000+i, netns.IPv4(3).String())
			like.txt = [][]string{{"v=1"}, {"pk=x", "v=1"}, {like.txt[0], "v=2"}, nil}[i%4]
			packets = append(packets, pack(t, printer.announcement()), pack(t, like.announcement()))
		}
		defer newForger(t, hosts[2]).repeat(packets)()
		a, b := start(t, hosts[0], 1), start(t, hosts[1], 2)
		netns.Within(t, "to find a node", a.sees(b, b.Began, netns.IPv4(2)), time.Second)
		netns.Within(t, "to find a node", b.sees(a, b.Began, netns.IPv4(1)), time.Second)
		a.never("sees what is no node", 4*time.Second, func(s seen) bool { return s.Key != b.key.String() || s.Gone != "" })
		from := time.Now()
		hosts[1].Kill()
		netns.Within(t, "a crash", a.expires(b, from, netns.IPv4(2)), periodsUntilLost*time.Second)
	})
}

// TestAFloodOfForgedNodesIsNoHindrance has 4,000 keys that come and go, and others that only come.
func TestAFloodOfForgedNodesIsNoHindrance(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := netns.NewLAN(t, 3)
		var packets [][]byte
		for i := range 4000 {
			forged := factOf(5000+i, netns.IPv4(3).String())
			packets = append(packets, pack(t, forged.announcement()))
			if i%3 == 0 {
				packets = append(packets, pack(t, forged.goodbye()))
			}
		}
		defer newForger(t, hosts[2]).repeat(packets)()
		a := start(t, hosts[0], 1)
		forged := make(map[netip.AddrPort]bool)
		a.Until("sees 2,000 forged nodes", a.Began, func(s seen) bool {
			if s.Addr.Addr() == netns.IPv4(3) {
				forged[s.Addr] = true
			}
			return len(forged) >= 2000
		})
		b := start(t, hosts[1], 2)
		netns.Within(t, "to find a node", a.sees(b, b.Began, netns.IPv4(2)), time.Second)
		from := b.terminate()
		netns.Within(t, "goodbye", a.loses(b, from, netns.IPv4(2), discovery.Goodbye), 500*time.Millisecond)
	})
}

// TestForgedGoodbyesAreContradicted says goodbye in the name of a node that is there, and then all that may be forged.
func TestForgedGoodbyesAreContradicted(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := netns.NewLAN(t, 3)
		f := newForger(t, hosts[2])
		a := start(t, hosts[0], 1, func(c *nodeConfig) { c.Options.Period = DefaultPeriod })
		b := start(t, hosts[1], 2, func(c *nodeConfig) { c.Options.Period = DefaultPeriod })
		a.sees(b, b.Began, netns.IPv4(2))
		a.never("loses node 2", 4*time.Second, func(s seen) bool { return s.Gone != "" }) // until it announces itself no more
		for range 3 {
			f.say(factOf(2).goodbye())
			a.inTime("loses node 2", speakLeast+100*time.Millisecond, func(s seen) bool { return s.Gone != "" })
		}
		var packets [][]byte
		for n := range 100 { // of everything that may be forged, and of each something else each time
			forged := factOf(2, fmt.Sprintf("10.77.0.%d", 100+n))
			forged.port = uint16(9000 + n)
			elsewhere, otherwise, nothing := factOf(2, netns.IPv4(3).String()), factOf(2), factOf(2)
			elsewhere.host = fmt.Sprintf("h%d.local.", n)
			otherwise.txt = attributes(key(500+n), 0)
			nothing.txt = []string{"v=1"}
			for _, m := range []*dns.Msg{factOf(2).goodbye(), forged.announcement(), response(address(factOf(2).host, netns.IPv4(2).String(), 0)),
				elsewhere.announcement(), otherwise.announcement(), nothing.announcement()} {
				packets = append(packets, pack(t, m))
			}
		}
		stop := f.repeat(packets)
		a.inTime("loses node 2", 4*time.Second, func(s seen) bool {
			return s.Gone != "" && s.Key == b.key.String() && s.Addr.Addr() == netns.IPv4(2) && s.Addr.Port() == b.port
		})
		stop()
		a.sees(b, time.Now(), netns.IPv4(2))
	})
}

// TestANodeCannotBeUsedAsAReflector asks 230 questions in a packet, again and again, in all ways that must not be answered, and
// in the one that must, which draws one multicast a second.
func TestANodeCannotBeUsedAsAReflector(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, links := netns.NewLAN(t, 2)
		far := netip.MustParsePrefix("192.0.2.1/24")
		links[1].SetAddresses(append(netns.Prefixes(2), far)...)
		f := newForger(t, hosts[1])
		a := start(t, hosts[0], 1, func(c *nodeConfig) { c.Options.Period = time.Hour }) // it hears, and answers, its own questions too
		b := pack(t, attack(230))
		if len(b) > 1472 {
			t.Fatalf("%d bytes do not fit a packet", len(b))
		}
		for n := 0; len(f.listen(4*time.Second)) > 0; n++ { // until it announces itself no more
			if n == 5 {
				t.Fatal("it does not stop to announce itself")
			}
		}

		alone := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netns.IPv4(1), port))
		everybody := net.UDPAddrFromAddrPort(netip.AddrPortFrom(group4, port))
		var other net.PacketConn
		var err error
		hosts[1].Do(func() { other, err = net.ListenPacket("udp4", netip.AddrPortFrom(netns.IPv4(2), 0).String()) })
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Close() }()
		for name, ask := range map[string]func() error{
			"to it alone": func() error {
				_, err := f.WriteTo(b, nil, alone)
				return err
			},
			"to it alone, from another port": func() error {
				_, err := other.WriteTo(b, alone)
				return err
			},
			"to all, from another port": func() error {
				_, err := other.WriteTo(b, everybody)
				return err
			},
			"to all, from another network": func() error {
				_, err := f.WriteTo(b, &ipv4.ControlMessage{Src: far.Addr().AsSlice()}, everybody)
				return err
			},
		} {
			for range 10 {
				if err := ask(); err != nil {
					t.Fatal(name, err)
				}
			}
			if got := f.listen(1500 * time.Millisecond); len(got) != 0 {
				t.Errorf("%s: drew %d responses", name, len(got))
			}
		}
		if err := other.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, _, err := other.ReadFrom(make([]byte, maxPacket)); err == nil {
			t.Errorf("an answer of %d bytes by unicast", n)
		}

		stop := f.repeat([][]byte{b})
		got := f.listen(4 * time.Second)
		stop()
		for n, r := range got {
			if r.src != netns.IPv4(1) || r.dst != group4 || r.ttl != hops || len(r.Answer) != 1 {
				t.Errorf("from %v to %v, TTL %d: %v", r.src, r.dst, r.ttl, r.Msg)
			}
			if n > 0 && r.at.Sub(got[n-1].at) < speakLeast-50*time.Millisecond { // it has its way to go
				netns.Late(t, "answers %v apart", r.at.Sub(got[n-1].at))
			}
		}
		if len(got) > 5 {
			t.Errorf("%d answers in 4 s", len(got))
		}
		if len(got) < 2 {
			netns.Late(t, "%d answers in 4 s", len(got))
		}
		a.ends(a.terminate())
		for _, r := range f.listen(time.Second) {
			for _, rr := range r.Answer {
				if rr.Header().Name == typesName {
					t.Errorf("takes back %v", rr)
				}
			}
		}
	})
}
