package udp

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// A machine is a node in a process of its own, on a host.
type machine struct {
	*netns.Process[line]
	t    *testing.T
	key  identity.PublicKey
	port uint16
}

// startOn starts node n on a host.
func startOn(t *testing.T, h *netns.Host, n int, change ...func(*machineConfig)) *machine {
	t.Helper()
	c := machineConfig{Key: key(n), Port: uint16(7100 + n)}
	for _, f := range change {
		f(&c)
	}
	p := netns.Start[line](t, h, fmt.Sprint("node ", n), netns.Copy(t, machineVariable, c))
	return &machine{Process: p, t: t, key: c.Key, port: c.Port}
}

// sees waits until other is seen at an address, after from, and returns how long after that was.
func (m *machine) sees(other *machine, from time.Time, at netip.Addr) time.Duration {
	m.t.Helper()
	l := m.Until(fmt.Sprintf("sees %s at %v", other.Name, at), from, func(l line) bool {
		return l.Key == other.key.String() && l.Addr.Addr() == at
	})
	if l.Value.Addr.Port() != other.port || l.Value.TTL != announceTTL {
		m.t.Errorf("%s sees %s as %+v", m.Name, other.Name, l)
	}
	took := l.At.Sub(from)
	m.t.Logf("%s sees %s at %v after %v", m.Name, other.Name, l.Value.Addr, took.Round(time.Millisecond))
	return took
}

// begins waits until the node has looked at its interfaces as often as it does in its first second, and found those that
// are up to be these.
func (m *machine) begins(names ...string) {
	m.t.Helper()
	looks := 0
	m.Until("looks at its interfaces", time.Time{}, func(l line) bool {
		if l.Looked != nil {
			looks++
			if !slices.Equal(l.Looked, names) {
				m.t.Errorf("%s looks at %v, want %v", m.Name, l.Looked, names)
			}
		}
		return looks > len(burst)
	})
}

// expires waits until the last sighting of other at an address has expired, and returns how long after from that is.
func (m *machine) expires(other *machine, from time.Time, at netip.Addr) time.Duration {
	m.t.Helper()
	for end := from.Add(netns.Forever); ; {
		var until time.Time
		for _, l := range m.Lines(time.Time{}) {
			if l.Value.Key == other.key.String() && l.Value.Addr.Addr() == at {
				until = l.At.Add(l.Value.TTL)
			}
		}
		switch {
		case until.IsZero() || time.Now().After(end):
			m.t.Fatalf("%s does not wait for the end of %s at %v", m.Name, other.Name, at)
		case time.Now().After(until):
			took := until.Sub(from)
			m.t.Logf("%s loses %s at %v: expired after %v", m.Name, other.Name, at, took.Round(time.Millisecond))
			return took
		default:
			time.Sleep(time.Until(until) + time.Millisecond)
		}
	}
}

// seesOnly fails the test if the node has seen anybody but these.
func (m *machine) seesOnly(others ...*machine) {
	m.t.Helper()
	for _, l := range m.Lines(time.Time{}) {
		who := l.Value.Key
		if who != "" && !slices.ContainsFunc(others, func(o *machine) bool { return o.key.String() == who }) {
			m.t.Errorf("%s sees somebody: %+v", m.Name, l)
		}
	}
}

// ends ends a node as a user does: without an error, with no goroutine left.
func (m *machine) ends() {
	m.t.Helper()
	from := time.Now()
	m.Terminate()
	end := m.Until("ends", time.Time{}, func(l line) bool { return l.Ended })
	netns.Within(m.t, "to end", end.At.Sub(from), time.Second)
	if err := m.Wait(); err != nil || end.Value.Err != "" {
		m.t.Errorf("%s ends with %q: %v", m.Name, end.Value.Err, err)
	}
}
