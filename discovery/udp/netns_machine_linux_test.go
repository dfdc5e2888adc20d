package udp

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

const (
	// forever bounds what has no bound of its own: the computer may be busy.
	forever = 30 * time.Second

	// slack is what a busy computer may add to a bound.
	slack = 700 * time.Millisecond
)

// A machine is a node in a process of its own, on a host. Its methods are for the goroutine of its test.
type machine struct {
	t     *testing.T
	name  string
	key   identity.PublicKey
	port  uint16
	began time.Time
	cmd   *exec.Cmd
	ended chan struct{} // closed when it prints no more

	mu    sync.Mutex // guards the rest
	lines []stamped
	more  chan struct{} // closed and made anew with each line
}

// A stamped line has the time when it came.
type stamped struct {
	line
	at time.Time
}

// startOn starts node n on a host.
func startOn(t *testing.T, h *netns.Host, n int, change ...func(*machineConfig)) *machine {
	t.Helper()
	c := machineConfig{Key: key(n), Port: uint16(7100 + n)}
	for _, f := range change {
		f(&c)
	}
	config, err := json.Marshal(c)
	wantNil(t, err)
	self, err := os.Executable()
	wantNil(t, err)
	m := &machine{t: t, name: fmt.Sprint("node ", n), key: c.Key, port: c.Port, cmd: exec.Command(self),
		ended: make(chan struct{}), more: make(chan struct{})}
	m.cmd.Env = append(os.Environ(), machineVariable+"="+string(config))
	m.cmd.Stderr = os.Stderr
	out, err := m.cmd.StdoutPipe()
	wantNil(t, err)
	m.began = time.Now()
	wantNil(t, h.Start(m.cmd))
	go m.read(out)
	t.Cleanup(func() {
		_ = m.cmd.Process.Kill() // it may have ended
		<-m.ended
		_ = m.cmd.Wait() // killed, or waited for
	})
	return m
}

// read takes what the process prints until it ends.
func (m *machine) read(out io.Reader) {
	defer close(m.ended)
	for lines := json.NewDecoder(out); ; {
		var l stamped
		if lines.Decode(&l.line) != nil { // the end, or the line in which it was killed
			return
		}
		l.at = time.Now()
		m.mu.Lock()
		m.lines = append(m.lines, l)
		close(m.more)
		m.more = make(chan struct{})
		m.mu.Unlock()
	}
}

// since returns the lines from number n on, and what tells that there are more.
func (m *machine) since(n int) ([]stamped, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lines[n:], m.more
}

// until waits for a line that fits, and returns the first. Each is looked at once, from the beginning.
func (m *machine) until(what string, fits func(stamped) bool) stamped {
	m.t.Helper()
	timeout := time.After(forever)
	for n := 0; ; {
		lines, more := m.since(n)
		for _, l := range lines {
			if fits(l) {
				return l
			}
		}
		n += len(lines)
		select {
		case <-more:
		case <-m.ended:
			if lines, _ := m.since(n); len(lines) == 0 {
				m.t.Fatalf("%s has ended; waiting for: %s", m.name, what)
			}
		case <-timeout:
			m.t.Fatalf("%s: not within %v: %s", m.name, forever, what)
		}
	}
}

// sees waits until other is seen at an address, after from, and returns how long after that was.
func (m *machine) sees(other *machine, from time.Time, at netip.Addr) time.Duration {
	m.t.Helper()
	l := m.until(fmt.Sprintf("sees %s at %v", other.name, at), func(l stamped) bool {
		return l.Key == other.key.String() && l.Addr.Addr() == at && !l.at.Before(from)
	})
	if l.Addr.Port() != other.port || l.TTL != holds {
		m.t.Errorf("%s sees %s as %+v", m.name, other.name, l)
	}
	took := l.at.Sub(from)
	m.t.Logf("%s sees %s at %v after %v", m.name, other.name, l.Addr, took.Round(time.Millisecond))
	return took
}

// begins waits until the node has looked at its interfaces as often as it does in its first second, and found those that
// are up to be these.
func (m *machine) begins(names ...string) {
	m.t.Helper()
	looks := 0
	m.until("looks at its interfaces", func(l stamped) bool {
		if l.Looked != nil {
			looks++
			if !slices.Equal(l.Looked, names) {
				m.t.Errorf("%s looks at %v, want %v", m.name, l.Looked, names)
			}
		}
		return looks > len(burst)
	})
}

// expires waits until the last sighting of other at an address has expired, and returns how long after from that is.
func (m *machine) expires(other *machine, from time.Time, at netip.Addr) time.Duration {
	m.t.Helper()
	for end := from.Add(forever); ; {
		var until time.Time
		lines, _ := m.since(0)
		for _, l := range lines {
			if l.Key == other.key.String() && l.Addr.Addr() == at {
				until = l.at.Add(l.TTL)
			}
		}
		switch {
		case until.IsZero() || time.Now().After(end):
			m.t.Fatalf("%s does not wait for the end of %s at %v", m.name, other.name, at)
		case time.Now().After(until):
			took := until.Sub(from)
			m.t.Logf("%s loses %s at %v: expired after %v", m.name, other.name, at, took.Round(time.Millisecond))
			return took
		default:
			time.Sleep(time.Until(until) + time.Millisecond)
		}
	}
}

// seesOnly fails the test if the node has seen anybody but these.
func (m *machine) seesOnly(others ...*machine) {
	m.t.Helper()
	lines, _ := m.since(0)
	for _, l := range lines {
		if l.Key != "" && !slices.ContainsFunc(others, func(o *machine) bool { return o.key.String() == l.Key }) {
			m.t.Errorf("%s sees somebody: %+v", m.name, l)
		}
	}
}

// ends ends a node as a user does: without an error, with no goroutine left.
func (m *machine) ends() {
	m.t.Helper()
	from := time.Now()
	wantNil(m.t, m.cmd.Process.Signal(syscall.SIGTERM))
	end := m.until("ends", func(l stamped) bool { return l.Ended })
	within(m.t, "to end", end.at.Sub(from), time.Second)
	<-m.ended // read to the end before Wait
	if err := m.cmd.Wait(); err != nil || end.Err != "" {
		m.t.Errorf("%s ends with %q: %v", m.name, end.Err, err)
	}
}

func within(t *testing.T, what string, took, bound time.Duration) {
	t.Helper()
	if took > bound+slack {
		netns.Late(t, "%s took %v, want at most %v", what, took, bound)
	}
}

// v4 and linkLocal return addresses of host n, as a host with that interface sees them.
func v4(n int) netip.Addr                     { return netns.Prefixes(n)[0].Addr() }
func linkLocal(n int, zone string) netip.Addr { return netns.Prefixes(n)[2].Addr().WithZone(zone) }

// hostsOnABridge returns hosts 1 to n, and their links.
func hostsOnABridge(t *testing.T, n int) (hosts []*netns.Host, links []*netns.Link) {
	t.Helper()
	bridge := netns.NewBridge(t)
	for i := 1; i <= n; i++ {
		h := netns.NewHost(t)
		hosts, links = append(hosts, h), append(links, h.Attach(bridge, "eth0", netns.Prefixes(i)...))
	}
	return hosts, links
}
