package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// machinePort is where every machine's node listens.
const machinePort = 7100

// A machine is a host on the lan with the data directory of a node. It may be replaced by another host that has the
// same directory. Its methods are for the goroutine of its test.
type machine struct {
	*netns.Host
	*control.Client
	t    *testing.T
	name string // label of its key at the others
	dir  string
	key  string
	link *netns.Link
	node *netns.Process[control.Event] // of peernode run: the one that runs, or ran last
}

// A lan is a bridge with machines. The first has the addresses number 1.
type lan struct {
	t        *testing.T
	bridge   *netns.Bridge
	machines []*machine
}

// newLAN returns a lan of machines with these names. All trust each other and know where the others are. No node runs yet.
func newLAN(t *testing.T, names ...string) *lan {
	t.Helper()
	l := &lan{t: t, bridge: netns.NewBridge(t)}
	for _, name := range names {
		m := &machine{t: t, name: name, dir: filepath.Join(t.TempDir(), name)}
		m.Client = control.NewClient(m.dir)
		var out, log strings.Builder
		if code := run([]string{"id", "--data-dir", m.dir}, nil, &out, &log); code != failure.ExitDone {
			t.Fatalf("peernode id ended with %d: %s", code, log.String())
		}
		m.key = strings.TrimSpace(out.String())
		l.boot(m, len(l.machines)+1)
		l.machines = append(l.machines, m)
	}
	for _, m := range l.machines {
		var peers strings.Builder
		for i, p := range l.machines {
			if p != m {
				fmt.Fprintf(&peers, "%s addr=%v %s\n", p.key, machineAddr(i+1), p.name)
			}
		}
		if err := os.WriteFile(filepath.Join(m.dir, datadir.PeersFile), []byte(peers.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// machineAddr returns where the node of the machine with the addresses number n listens.
func machineAddr(n int) netip.AddrPort {
	return netip.AddrPortFrom(netns.Prefixes(n)[0].Addr(), machinePort)
}

// boot gives the machine a new host, with the addresses number n.
func (l *lan) boot(m *machine, n int) {
	l.t.Helper()
	m.Host = netns.NewHost(l.t)
	m.link = m.Attach(l.bridge, "eth0", netns.Prefixes(n)...)
}

// mesh starts all nodes and waits until each is connected to each other one, by one connection even if both dialled.
func (l *lan) mesh() {
	l.t.Helper()
	for _, m := range l.machines {
		m.start()
	}
	started := time.Now()
	last := started
	for _, m := range l.machines {
		for _, p := range l.machines {
			if p == m {
				continue
			}
			if at := eventTime(m.await("connected", p, time.Time{})); at.After(last) {
				last = at
			}
		}
	}
	meshMade.check(l.t, "all", started, last)
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for _, m := range l.machines {
		for late := time.Now().Add(netns.Forever); m.connections() != len(l.machines)-1; <-tick.C {
			if time.Now().After(late) {
				l.t.Fatalf("%s keeps %d connections to %d machines", m.name, m.connections(), len(l.machines)-1)
			}
		}
	}
	meshSettled.check(l.t, "all", started, time.Now())
}

// connections returns how many open connections with a node at either end the machine's system has.
func (m *machine) connections() int {
	m.t.Helper()
	var tables []byte
	var err error
	m.Do(func() {
		for _, name := range []string{"tcp", "tcp6"} {
			table, e := os.ReadFile("/proc/thread-self/net/" + name)
			tables, err = append(tables, table...), errors.Join(err, e)
		}
	})
	if err != nil {
		m.t.Fatal(err)
	}
	count := 0
	port := fmt.Sprintf(":%04X", machinePort)
	for line := range strings.Lines(string(tables)) {
		// Number, local address, remote address, state; 01 is established.
		f := strings.Fields(line)
		if len(f) > 3 && f[3] == "01" && (strings.HasSuffix(f[1], port) || strings.HasSuffix(f[2], port)) {
			count++
		}
	}
	return count
}

// start runs the machine's node, and returns once it can be commanded.
func (m *machine) start() {
	m.t.Helper()
	m.startWith("--discovery", "none", "--listen", fmt.Sprintf(":%d", machinePort))
}

// startWith is start with those flags of peernode run.
func (m *machine) startWith(flags ...string) {
	m.t.Helper()
	cmd := exec.Command("peernode", append([]string{"run", "--json", "--echo", "--log-level", "debug",
		"--name", m.name, "--data-dir", m.dir}, flags...)...)
	log := new(bytes.Buffer)
	cmd.Stderr = log
	m.t.Cleanup(func() { // after the process has ended
		if m.t.Failed() {
			m.t.Logf("%s said:\n%s", m.name, log.String())
		}
	})
	m.node = netns.Start[control.Event](m.t, m.Host, m.name, cmd)
	m.await("listening", nil, time.Time{})
}

// isAbout says whether an event is about peer, nil: about any, and was at or after a moment.
func isAbout(e control.Event, peer *machine, at time.Time) bool {
	return (peer == nil || e.Peer == peer.key) && !eventTime(e).Before(at.Truncate(time.Millisecond))
}

// since returns the events about peer, nil: about any, that the machine's node told at or after a moment.
func (m *machine) since(peer *machine, at time.Time) (found []control.Event) {
	for _, l := range m.node.Lines(time.Time{}) {
		if isAbout(l.Value, peer, at) {
			found = append(found, l.Value)
		}
	}
	return found
}

// eventTime returns the time of an event, or now if it has none.
func eventTime(e control.Event) time.Time {
	at, err := time.Parse(time.RFC3339, e.Time)
	if err != nil {
		return time.Now()
	}
	return at
}

// await waits for the first event of a kind about peer that the running node tells at or after a moment.
func (m *machine) await(kind string, peer *machine, at time.Time) control.Event {
	m.t.Helper()
	return m.awaits(kind+" about "+nameOf(peer), peer, at, func(e control.Event) bool { return e.Kind == kind })
}

// awaits is await for an event that fits. The test fails if no such event comes for longer than any bound.
func (m *machine) awaits(what string, peer *machine, at time.Time, fits func(control.Event) bool) control.Event {
	m.t.Helper()
	return m.node.Until("tells "+what, time.Time{}, func(e control.Event) bool { return isAbout(e, peer, at) && fits(e) }).Value
}

func nameOf(m *machine) string {
	if m == nil {
		return "itself"
	}
	return m.name
}

// call calls peer's echo over the machine's node, and returns what went wrong: nil, or a *control.Error.
func (m *machine) call(peer *machine, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within+controlTime)
	defer cancel()
	answer, err := control.Call.Ask(ctx, m.Client, control.Request{
		Timeout: control.Within(within), Peer: peer.key, Name: "echo", Args: json.RawMessage(`"hello"`),
	})
	if err == nil && string(answer.Result) != `"hello"` {
		return fmt.Errorf("echo returned %s", answer.Result)
	}
	return err
}

// calling begins a call and returns what will have its result.
func (m *machine) calling(peer *machine) <-chan error {
	result := make(chan error, 1)
	go func() { result <- m.call(peer, 2*longest) }()
	return result
}

// wantCode checks that err is a failure that the command reports under that code, and returns what it says.
func wantCode(t *testing.T, err error, code string) string {
	t.Helper()
	e := (*control.Error)(nil)
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("failed with %v, want %s", err, code)
		return ""
	}
	return e.Text
}

// wantUndisturbed checks that nothing has happened to the link between two machines since then.
func wantUndisturbed(t *testing.T, a, b *machine, at time.Time) {
	t.Helper()
	for _, m := range [][2]*machine{{a, b}, {b, a}} {
		if events := m[0].since(m[1], at); len(events) > 0 {
			t.Errorf("%s told of %s: %+v", m[0].name, m[1].name, events)
		}
	}
}

// reach calls peer's echo until it answers, and returns when it did. Calls may hang in a session that is dead
// without telling its caller. Safe for concurrent use.
func (m *machine) reach(peer *machine) time.Time {
	m.t.Helper()
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for late := time.Now().Add(netns.Forever); ; <-tick.C {
		err := m.call(peer, time.Second)
		now := time.Now()
		if err == nil {
			return now
		}
		if now.After(late) {
			m.t.Errorf("%s does not reach %s: %v", m.name, peer.name, err)
			return now
		}
	}
}

// wantMesh checks that every machine reaches every other, and that each running node has told connected and
// disconnected by turns about each other machine.
func (l *lan) wantMesh() {
	l.t.Helper()
	for _, m := range l.machines {
		for _, p := range l.machines {
			if p == m {
				continue
			}
			if err := m.call(p, waitTime); err != nil {
				l.t.Errorf("%s calls %s: %v", m.name, p.name, err)
			}
			var kinds []string
			for _, e := range m.since(p, time.Time{}) {
				kinds = append(kinds, e.Kind)
			}
			for i, kind := range kinds {
				if kind != [...]string{"connected", "disconnected"}[i%2] {
					l.t.Errorf("%s told of %s: %v", m.name, p.name, kinds)
					break
				}
			}
		}
	}
}
