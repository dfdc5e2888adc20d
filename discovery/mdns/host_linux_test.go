package mdns

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// A node is a provider in a process of its own, on a host.
type node struct {
	*netns.Process[seen]
	t    *testing.T
	key  identity.PublicKey
	port uint16
}

// start starts node n on a host.
func start(t *testing.T, h *netns.Host, n int, change ...func(*nodeConfig)) *node {
	t.Helper()
	c := nodeConfig{Key: key(n), Port: uint16(7100 + n), Options: Options{Period: time.Second}}
	for _, f := range change {
		f(&c)
	}
	p := netns.Start[seen](t, h, fmt.Sprint("node ", n), netns.Copy(t, nodeVariable, c))
	return &node{Process: p, t: t, key: c.Key, port: c.Port}
}

// hears waits for a sighting of other at an address that comes after from, and returns how long after that was.
func (d *node) hears(what string, other *node, from time.Time, at netip.Addr, why discovery.Reason) time.Duration {
	d.t.Helper()
	l := d.Until(fmt.Sprintf("%s %s at %v", what, other.Name, at), from, func(s seen) bool {
		return s.Key == other.key.String() && s.Addr.Addr() == at && s.Gone == why
	})
	took := l.At.Sub(from)
	d.t.Logf("%s %s %s at %v after %v", d.Name, what, other.Name, l.Value.Addr, took.Round(time.Millisecond))
	return took
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
	at := time.Now() // before: it may have ended when Terminate returns
	d.Terminate()
	return at
}

// ended waits until the provider of a node has ended, and returns what it said and how long after from that was.
func (d *node) ended(from time.Time) (seen, time.Duration) {
	d.t.Helper()
	l := d.Until("ends", from, func(s seen) bool { return s.Ended })
	return l.Value, l.At.Sub(from)
}

// ends waits for the end of a node after terminate: in time, without an error, with no goroutine left. It returns how long
// after from that was.
func (d *node) ends(from time.Time) time.Duration {
	d.t.Helper()
	end, took := d.ended(from)
	if end.Err != "" {
		d.t.Errorf("%s ends with %q", d.Name, end.Err)
	}
	netns.Within(d.t, "to end", took, 5*time.Second)
	if err := d.Wait(); err != nil {
		d.t.Errorf("%s: %v", d.Name, err)
	}
	return took
}

// expires waits until the last sighting of other at an address has expired, and returns how long after from that is.
func (d *node) expires(other *node, from time.Time, at netip.Addr) time.Duration {
	d.t.Helper()
	for end := from.Add(netns.Forever); ; {
		var last netns.Line[seen]
		for _, l := range d.Lines(time.Time{}) {
			if l.Value.Addr == netip.AddrPortFrom(at, other.port) {
				last = l
			}
		}
		switch until := last.At.Add(last.Value.TTL); {
		case last.At.IsZero() || last.Value.Gone != "" || time.Now().After(end):
			d.t.Fatalf("%s does not wait for the end of %s at %v: %+v", d.Name, other.Name, at, last)
		case time.Now().After(until):
			took := until.Sub(from)
			d.t.Logf("%s loses %s at %v: expired after %v", d.Name, other.Name, at, took.Round(time.Millisecond))
			return took
		default:
			time.Sleep(time.Until(until) + time.Millisecond)
		}
	}
}

// never fails the test if the node has printed a line that fits, or does within d of time.
func (d *node) never(what string, within time.Duration, fits func(seen) bool) {
	d.t.Helper()
	d.watch(within, fits, func(s seen) { d.t.Errorf("%s: %s: %+v", d.Name, what, s) })
}

// inTime is never for what happens if somebody is late.
func (d *node) inTime(what string, within time.Duration, fits func(seen) bool) {
	d.t.Helper()
	d.watch(within, fits, func(s seen) { netns.Late(d.t, "%s: %s: %+v", d.Name, what, s) })
}

// watch takes the lines that fit, once d of time has gone by.
func (d *node) watch(within time.Duration, fits func(seen) bool, take func(seen)) {
	<-time.After(within)
	for _, l := range d.Lines(time.Time{}) {
		if fits(l.Value) {
			take(l.Value)
		}
	}
}

// pair returns two nodes that have found each other, and what they run on.
func pair(t *testing.T) (a, b *node, hosts []*netns.Host, links []*netns.Link) {
	t.Helper()
	hosts, links = netns.NewLAN(t, 2)
	a, b = start(t, hosts[0], 1), start(t, hosts[1], 2)
	a.sees(b, b.Began, netns.IPv4(2))
	b.sees(a, b.Began, netns.IPv4(1))
	return a, b, hosts, links
}
