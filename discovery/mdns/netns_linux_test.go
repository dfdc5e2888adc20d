package mdns

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/netns"
)

const (
	// forever bounds what has no bound of its own: the machine may be busy.
	forever = 30 * time.Second

	// slack is what a busy machine may add to a bound.
	slack = 700 * time.Millisecond
)

// A node is a provider in a process of its own, on a host.
type node struct {
	t     *testing.T
	name  string
	key   identity.PublicKey
	port  uint16
	began time.Time
	cmd   *exec.Cmd
	lines chan line // closed at the end

	mu   sync.Mutex              // guards last
	last map[netip.AddrPort]line // of each address
}

// A line is a seen and when it came.
type line struct {
	seen
	at time.Time
}

// start starts node n on a host.
func start(t *testing.T, h *netns.Host, n int, change ...func(*nodeConfig)) *node {
	t.Helper()
	c := nodeConfig{Key: key(n), Port: uint16(7100 + n), Options: Options{Period: time.Second}}
	for _, f := range change {
		f(&c)
	}
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := &node{t: t, name: fmt.Sprint("node ", n), key: c.Key, port: c.Port, cmd: exec.Command(self), lines: make(chan line, 100_000),
		last: make(map[netip.AddrPort]line)}
	d.cmd.Env = append(os.Environ(), nodeVariable+"="+string(config))
	d.cmd.Stderr = os.Stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.began = time.Now()
	if err := h.Start(d.cmd); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(d.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			l := line{at: time.Now()}
			if err := json.Unmarshal(s.Bytes(), &l.seen); err != nil {
				fmt.Println(s.Text(), err)
			}
			d.mu.Lock()
			d.last[l.Addr] = l
			d.mu.Unlock()
			d.lines <- l
		}
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill() // it may have ended
		for range d.lines {
		}
		<-read
		_ = d.cmd.Wait() // killed, or waited for
	})
	return d
}

// until waits for a line that fits, and returns how long after from it came.
func (d *node) until(what string, from time.Time, fits func(seen) bool) (seen, time.Duration) {
	d.t.Helper()
	timeout := time.After(forever)
	for {
		select {
		case l, ok := <-d.lines:
			if !ok {
				d.t.Fatalf("%s has ended; waiting for: %s", d.name, what)
			}
			if fits(l.seen) {
				return l.seen, l.at.Sub(from)
			}
		case <-timeout:
			d.t.Fatalf("%s: not within %v: %s", d.name, forever, what)
		}
	}
}

// hears is until for a sighting of other at an address that comes after from.
func (d *node) hears(what string, other *node, from time.Time, at netip.Addr, why discovery.Reason) time.Duration {
	d.t.Helper()
	for {
		s, took := d.until(fmt.Sprintf("%s %s at %v", what, other.name, at), from, func(s seen) bool {
			return s.Key == other.key.String() && s.Addr.Addr() == at && s.Gone == why
		})
		if took >= 0 {
			d.t.Logf("%s %s %s at %v after %v", d.name, what, other.name, s.Addr, took.Round(time.Millisecond))
			return took
		}
	}
}

// sees waits until other is seen at an address, after from, and returns how long after that was.
func (d *node) sees(other *node, from time.Time, at netip.Addr) time.Duration {
	d.t.Helper()
	return d.hears("sees", other, from, at, "")
}

// loses waits until other is not at an address any more, for this reason, and returns how long after from that was.
func (d *node) loses(other *node, from time.Time, at netip.Addr, why discovery.Reason) time.Duration {
	d.t.Helper()
	return d.hears("loses", other, from, at, why)
}

// terminate ends a node as a user does, and returns when.
func (d *node) terminate() time.Time {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	return time.Now()
}

// ends waits for the end of a node after terminate: in time, without an error, with no goroutine left.
func (d *node) ends(from time.Time) {
	d.t.Helper()
	end, took := d.until("ends", from, func(s seen) bool { return s.Ended })
	if end.Err != "" {
		d.t.Errorf("%s ends with %q", d.name, end.Err)
	}
	within(d.t, "to end", took, serverEnds+time.Second)
	for range d.lines { // read to the end before Wait
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("%s: %v", d.name, err)
	}
}

// seenAt returns what was seen at an address, of each port the last.
func (d *node) seenAt(at netip.Addr) (list []line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for a, l := range d.last {
		if a.Addr() == at {
			list = append(list, l)
		}
	}
	return list
}

// expires waits until the last sighting of other at an address has expired, and returns how long after from that is.
func (d *node) expires(other *node, from time.Time, at netip.Addr) time.Duration {
	d.t.Helper()
	for end := from.Add(forever); ; {
		d.mu.Lock()
		last, ok := d.last[netip.AddrPortFrom(at, other.port)]
		d.mu.Unlock()
		switch until := last.at.Add(last.TTL); {
		case !ok || last.Gone != "" || time.Now().After(end):
			d.t.Fatalf("%s does not wait for the end of %s at %v: %+v", d.name, other.name, at, last)
		case time.Now().After(until):
			took := until.Sub(from)
			d.t.Logf("%s loses %s at %v: expired after %v", d.name, other.name, at, took.Round(time.Millisecond))
			return took
		default:
			time.Sleep(time.Until(until) + time.Millisecond)
		}
	}
}

// never fails the test if a line that fits comes within d of time.
func (d *node) never(what string, within time.Duration, fits func(seen) bool) {
	d.t.Helper()
	for end := time.After(within); ; {
		select {
		case l := <-d.lines:
			if fits(l.seen) {
				d.t.Errorf("%s: %s: %+v", d.name, what, l.seen)
			}
		case <-end:
			return
		}
	}
}

func within(t *testing.T, what string, took, bound time.Duration) {
	t.Helper()
	if took > bound+slack {
		netns.Late(t, "%s took %v, want at most %v", what, took, bound)
	}
}

// v4, v6 and linkLocal return addresses of host n, as a host with that interface sees them.
func v4(n int) netip.Addr                     { return netns.Prefixes(n)[0].Addr() }
func v6(n int) netip.Addr                     { return netns.Prefixes(n)[1].Addr() }
func linkLocal(n int, zone string) netip.Addr { return netns.Prefixes(n)[2].Addr().WithZone(zone) }

// lan returns hosts 1 to n on a bridge, and their links.
func lan(t *testing.T, n int) (hosts []*netns.Host, links []*netns.Link) {
	t.Helper()
	bridge := netns.NewBridge(t)
	for i := 1; i <= n; i++ {
		h := netns.NewHost(t)
		hosts, links = append(hosts, h), append(links, h.Attach(bridge, "eth0", netns.Prefixes(i)...))
	}
	return hosts, links
}

// pair returns two nodes that have found each other, and what they run on.
func pair(t *testing.T) (a, b *node, hosts []*netns.Host, links []*netns.Link) {
	t.Helper()
	hosts, links = lan(t, 2)
	a, b = start(t, hosts[0], 1), start(t, hosts[1], 2)
	a.sees(b, b.began, v4(2))
	b.sees(a, b.began, v4(1))
	time.Sleep(serverBegins) // so that a goodbye need not wait
	return a, b, hosts, links
}

func TestNodesFindEachOtherAndSayGoodbye(t *testing.T) {
	for _, n := range []int{3, 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			netns.Run(t, func(t *testing.T) {
				hosts, _ := lan(t, n)
				var nodes []*node
				for i, h := range hosts {
					nodes = append(nodes, start(t, h, i+1, func(c *nodeConfig) { c.Options.Period = 0 }))
				}
				last := nodes[n-1].began
				var all time.Duration
				for _, d := range nodes {
					left := make(map[string]bool)
					for _, other := range nodes {
						left[other.key.String()] = d != other
					}
					_, took := d.until(fmt.Sprintf("sees all of %d", n), last, func(s seen) bool {
						delete(left, s.Key)
						return len(left) == 1 // itself
					})
					all = max(all, took)
				}
				t.Logf("%d nodes: all know all %v after the last has started", n, all.Round(time.Millisecond))
				if n > 3 {
					time.Sleep(serverEnds) // as many processes begin on few processors
				} else {
					within(t, "to know all", all, time.Second)
					time.Sleep(serverBegins)
				}
				from := nodes[n-1].terminate()
				for _, d := range nodes[:n-1] {
					within(t, "goodbye", d.loses(nodes[n-1], from, v4(n), discovery.Goodbye), 500*time.Millisecond)
				}
				nodes[n-1].ends(from)
			})
		})
	}
}

func TestBothFamiliesAreFound(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		a, b, _, _ := pair(t)
		from := time.Now()
		a.sees(b, from, v6(2))
		b.sees(a, from, v6(1))
	})
}

// TestNodesOnALinkWithoutIPv4 have link-local addresses alone, which say on which link.
func TestNodesOnALinkWithoutIPv4(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		bridge := netns.NewBridge(t)
		var nodes []*node
		for i := 1; i <= 2; i++ {
			h := netns.NewHost(t)
			h.Attach(bridge, fmt.Sprint("lan", i), netns.Prefixes(i)[2])
			nodes = append(nodes, start(t, h, i))
		}
		within(t, "to find a node", nodes[0].sees(nodes[1], nodes[1].began, linkLocal(2, "lan1")), time.Second)
		within(t, "to find a node", nodes[1].sees(nodes[0], nodes[1].began, linkLocal(1, "lan2")), time.Second)
	})
}

func TestACrashIsNoticed(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		a, b, hosts, _ := pair(t)
		from := time.Now()
		hosts[1].Kill()
		took := a.expires(b, from, v4(2))
		within(t, "a crash", took, periodsUntilLost*time.Second)
		if took < time.Second {
			t.Errorf("lost %v after the crash: before it was missed", took)
		}
		b = start(t, hosts[1], 2, func(c *nodeConfig) { c.Port = 9000 }) // and starts again
		within(t, "to find it again", a.sees(b, b.began, v4(2)), time.Second)
	})
}

func TestAnotherAddressIsFollowed(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		a, b, _, links := pair(t)
		time.Sleep(flushAfter) // the address was heard a moment ago, and may be one of several
		from := time.Now()
		links[1].SetAddresses(netns.Prefixes(9)...)
		within(t, "to see the new address", a.sees(b, from, v4(9)), lookEvery)
		within(t, "to see that the old one is gone", a.loses(b, from, v4(2), discovery.Withdrawn), lookEvery+2*time.Second)
		b.until("sees node 1 again", from, func(s seen) bool { return s.Key == a.key.String() && s.Gone == "" })
	})
}

func TestAnInterfaceMadeAgainWorks(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		a, b, _, links := pair(t)
		for range 2 {
			from := time.Now()
			links[1].Delete()
			within(t, "to see that all is gone", b.loses(a, from, v4(1), discovery.Withdrawn), lookEvery)
			a.expires(b, from, v4(2))
			from = time.Now()
			links[1].Create()
			within(t, "to find again", b.sees(a, from, v4(1)), lookEvery+time.Second)
			within(t, "to be found again", a.sees(b, from, v4(2)), lookEvery+time.Second)
		}
		from := time.Now()
		links[1].Delete() // and made again before anybody has looked
		links[1].Create()
		within(t, "to be found again", a.sees(b, from, v4(2)), lookEvery+time.Second)
		b.sees(a, from, v4(1))
	})
}

func TestAnUnusableNetworkIsAnError(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		a, b, _, links := pair(t)
		from := time.Now()
		links[1].Pull()
		end, took := b.until("ends", from, func(s seen) bool { return s.Ended })
		if !strings.Contains(end.Err, ErrNoInterface.Error()) || took < patience {
			t.Errorf("ended after %v with %q", took, end.Err)
		}
		links[1].Plug()
		_ = a
		c := start(t, netns.NewHost(t), 3) // it has a loopback
		if end, _ := c.until("ends", c.began, func(s seen) bool { return s.Ended }); !strings.Contains(end.Err, ErrNoInterface.Error()) {
			t.Errorf("ended with %q", end.Err)
		}
	})
}

func TestOfTwoLinksOneIsCut(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := lan(t, 2)
		second := netns.NewBridge(t)
		var cable *netns.Link
		for i, h := range hosts {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 78, 0, byte(i + 1)}), 24)
			cable = h.Attach(second, "eth1", p, netns.Prefixes(i + 1)[2])
		}
		a, b := start(t, hosts[0], 1), start(t, hosts[1], 2)
		other := netip.MustParseAddr("10.78.0.2")
		a.sees(b, b.began, v4(2))
		a.sees(b, b.began, other)
		from := time.Now()
		cable.Mute()
		within(t, "a cut", a.expires(b, from, other), periodsUntilLost*time.Second)
		a.sees(b, time.Now(), v4(2))
		from = time.Now()
		cable.Plug()
		within(t, "to find the address again", a.sees(b, from, other), 2*time.Second)
	})
}

func TestOnlyTheInterfacesThatAreNamedAreUsed(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := lan(t, 2)
		second := netns.NewBridge(t)
		hosts[0].Attach(second, "eth1", netip.MustParsePrefix("10.78.0.1/24"))
		third := netns.NewHost(t)
		third.Attach(second, "eth0", netip.MustParsePrefix("10.78.0.3/24"))
		a := start(t, hosts[0], 1, func(c *nodeConfig) { c.Options.Interfaces = []string{"eth0"} })
		b, c := start(t, hosts[1], 2), start(t, third, 3)
		b.sees(a, b.began, v4(1))
		a.sees(b, b.began, v4(2))
		anybody := func(s seen) bool { return !s.Ended }
		c.never("sees somebody", 2*time.Second, anybody)
		a.never("sees node 3", 0, func(s seen) bool { return s.Key == c.key.String() })
	})
}

func TestANodeOfOneAddressIsSeenThere(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := lan(t, 2)
		second := netns.NewBridge(t)
		hosts[0].Attach(second, "eth1", netip.MustParsePrefix("10.78.0.1/24"))
		third := netns.NewHost(t)
		third.Attach(second, "eth0", netip.MustParsePrefix("10.78.0.3/24"))
		a := start(t, hosts[0], 1, func(c *nodeConfig) { c.Addr = v4(1) })
		local := start(t, hosts[0], 4, func(c *nodeConfig) { c.Addr = netip.MustParseAddr("127.0.0.1") })
		b, c := start(t, hosts[1], 2), start(t, third, 3)
		b.sees(a, b.began, v4(1))
		local.sees(c, c.began, netip.MustParseAddr("10.78.0.3"))
		b.never("sees more than that address", 2*time.Second, func(s seen) bool { return s.Key != a.key.String() || s.Addr.Addr() != v4(1) })
		c.never("sees somebody", 0, func(seen) bool { return true })
	})
}

func TestWhoOnlyListensIsNotSeen(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := lan(t, 3)
		a := start(t, hosts[0], 1)
		b := start(t, hosts[1], 2, func(c *nodeConfig) { c.ListenOnly = true })
		c := start(t, hosts[2], 3, func(c *nodeConfig) { c.Port = 0 })
		b.sees(a, b.began, v4(1))
		c.sees(a, c.began, v4(1))
		a.never("sees who only listens", 2*time.Second, func(seen) bool { return true })
		b.ends(b.terminate())
	})
}

func TestNodesOfOneHostFindEachOther(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := lan(t, 1)
		a, b := start(t, hosts[0], 1), start(t, hosts[0], 2)
		within(t, "to find a node", a.sees(b, b.began, v4(1)), time.Second)
		within(t, "to find a node", b.sees(a, b.began, v4(1)), time.Second)
		from := b.terminate()
		a.loses(b, from, v4(1), discovery.Goodbye)
		b.ends(from)
	})
}

func TestANodeThatHasJustBegunEndsInTime(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := lan(t, 2)
		a, b := start(t, hosts[0], 1), start(t, hosts[1], 2)
		a.sees(b, b.began, v4(2))
		from := b.terminate()
		within(t, "goodbye", a.loses(b, from, v4(2), discovery.Goodbye), serverBegins+500*time.Millisecond)
		b.ends(from)
	})
}

// A voice is a socket on a host with which a test says what it likes on its link.
type voice struct {
	t *testing.T
	*ipv4.PacketConn
}

func newVoice(t *testing.T, h *netns.Host) voice {
	t.Helper()
	v := voice{t: t}
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
func (v voice) send(b []byte) {
	_, _ = v.WriteTo(b, nil, &net.UDPAddr{IP: group4.AsSlice(), Port: port})
}

func (v voice) say(m *dns.Msg) {
	v.t.Helper()
	v.send(pack(v.t, m))
}

// repeat says all packets again and again, one each millisecond, until stop is called.
func (v voice) repeat(packets [][]byte) (stop func()) {
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
		defer newVoice(t, hosts[2]).repeat(packets)()
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
		defer newVoice(t, hosts[2]).repeat(packets)()
		a := start(t, hosts[0], 1)
		a.until("sees 2,000 forged nodes", a.began, func(seen) bool { return len(a.seenAt(v4(3))) >= 2000 })
		b := start(t, hosts[1], 2)
		within(t, "to find a node", a.sees(b, b.began, v4(2)), time.Second)
		from := b.terminate()
		within(t, "goodbye", a.loses(b, from, v4(2), discovery.Goodbye), serverBegins+500*time.Millisecond)
	})
}

// TestForgedGoodbyesAreContradicted says goodbye in the name of a node that is there.
func TestForgedGoodbyesAreContradicted(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := lan(t, 3)
		forger := newVoice(t, hosts[2])
		a := start(t, hosts[0], 1, func(c *nodeConfig) { c.Options.Period = DefaultPeriod })
		b := start(t, hosts[1], 2, func(c *nodeConfig) { c.Options.Period = DefaultPeriod })
		a.sees(b, b.began, v4(2))
		a.never("loses node 2", 4*time.Second, func(s seen) bool { return s.Gone != "" }) // until it announces itself no more
		for range 3 {
			forger.say(factOf(2).goodbye())
			a.never("", insistEvery+100*time.Millisecond, func(s seen) bool {
				if s.Gone != "" {
					netns.Late(t, "node 2 has not contradicted: %+v", s) // within goodbyeGrace
				}
				return false
			})
		}
	})
}
