package mdns

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
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

// ends waits for the end of a node after terminate: in time, without an error, with no goroutine left. It returns how long
// after from that was.
func (d *node) ends(from time.Time) time.Duration {
	d.t.Helper()
	end, took := d.until("ends", from, func(s seen) bool { return s.Ended })
	if end.Err != "" {
		d.t.Errorf("%s ends with %q", d.name, end.Err)
	}
	within(d.t, "to end", took, 5*time.Second)
	for range d.lines { // read to the end before Wait
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("%s: %v", d.name, err)
	}
	return took
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
	d.watch(within, fits, func(s seen) { d.t.Errorf("%s: %s: %+v", d.name, what, s) })
}

// inTime is never for what happens if somebody is late.
func (d *node) inTime(what string, within time.Duration, fits func(seen) bool) {
	d.t.Helper()
	d.watch(within, fits, func(s seen) { netns.Late(d.t, "%s: %s: %+v", d.name, what, s) })
}

// watch takes the lines that fit of those that come within d of time.
func (d *node) watch(within time.Duration, fits func(seen) bool, take func(seen)) {
	for end := time.After(within); ; {
		select {
		case l := <-d.lines:
			if fits(l.seen) {
				take(l.seen)
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

// hostsOnALAN returns hosts 1 to n on a bridge, and their links.
func hostsOnALAN(t *testing.T, n int) (hosts []*netns.Host, links []*netns.Link) {
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
	hosts, links = hostsOnALAN(t, 2)
	a, b = start(t, hosts[0], 1), start(t, hosts[1], 2)
	a.sees(b, b.began, v4(2))
	b.sees(a, b.began, v4(1))
	return a, b, hosts, links
}
