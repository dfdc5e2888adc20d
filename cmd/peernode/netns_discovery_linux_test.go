package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// The bounds that the tests of discovery measure.
var (
	// §8: three announces within a second, answers to new nodes, and questions at the start.
	newcomersMet = bound{"nodes without an address are connected", time.Second}

	// As newcomersMet: a node that starts again is at another port.
	newcomerBack = bound{"a node that starts again is connected", time.Second}

	// §8.2: a goodbye is said within half a second, and counts half a second later.
	goodbyeHeard = bound{"a node that stops is lost", time.Second}
)

// TestNodesFindEachOther runs nodes that trust each other and know no addresses, each on a machine of its own.
func TestNodesFindEachOther(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		for name, flags := range map[string][]string{
			"ByDefault": nil,
			"ByUDP":     {"--discovery", "udp"},
			"ByMDNS":    {"--discovery", "mdns"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				findAndRestart(t, flags)
			})
		}
		for name, f := range map[string]func(*testing.T){
			"OnOneMachine":      oneMachine,
			"WithoutNetwork":    noNetwork,
			"WhoLooksIsNotSeen": lookAround,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t)
			})
		}
	})
}

// newUnknownLAN is newLAN, but no node knows where the others are.
func newUnknownLAN(t *testing.T, names ...string) *lan {
	t.Helper()
	l := newLAN(t, names...)
	for _, m := range l.machines {
		var peers strings.Builder
		for _, p := range l.machines {
			if p != m {
				fmt.Fprintf(&peers, "%s %s\n", p.key, p.name)
			}
		}
		if err := os.WriteFile(filepath.Join(m.dir, datadir.PeersFile), []byte(peers.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func findAndRestart(t *testing.T, flags []string) {
	l := newUnknownLAN(t, "ada", "bob")
	ada, bob := l.machines[0], l.machines[1]
	byMDNS := !slices.Contains(flags, "udp")
	ada.startWith(flags...)
	started := time.Now()
	bob.startWith(flags...)
	met(t, newcomersMet, ada, bob, started)

	for _, c := range []struct {
		goes, stays *machine
		signal      os.Signal
	}{
		{bob, ada, syscall.SIGINT},
		{ada, bob, syscall.SIGINT},
		{bob, ada, syscall.SIGKILL},
		{ada, bob, syscall.SIGKILL},
	} {
		if byMDNS { // a node that mDNS has not seen is not lost there
			c.stays.awaits("that it sees "+c.goes.name+" by mDNS", c.goes, time.Time{}, func(e control.Event) bool {
				return e.Source == "mdns" && (e.Kind == "found" || e.Kind == "updated")
			})
		}
		told := time.Now()
		c.goes.node.Signal(c.signal)
		_ = c.goes.node.Wait()
		if c.signal == syscall.SIGINT && byMDNS {
			lost := c.stays.awaits("that it has lost "+c.goes.name+" by mDNS", c.goes, told, func(e control.Event) bool {
				return e.Source == "mdns" && e.Kind == "lost"
			})
			if lost.Reason != "goodbye" || lost.Left == nil {
				t.Errorf("%s tells %+v", c.stays.name, lost)
			}
			goodbyeHeard.check(t, c.stays.name+" of "+c.goes.name, told, eventTime(lost))
		}
		c.stays.await("disconnected", c.goes, told)
		started := time.Now()
		c.goes.startWith(flags...)
		met(t, newcomerBack, c.goes, c.stays, started)
	}
	for _, m := range [][2]*machine{{ada, bob}, {bob, ada}} {
		m[0].await("found", m[1], time.Time{}) // the dialled node may not have heard the other yet
		for _, s := range discovered(t, m[0].Host, "--data-dir", m[0].dir) {
			if s.PublicKey != m[1].key || s.Label != m[1].name || !s.Trusted || s.Interface != "eth0" || s.LastSeen.IsZero() {
				t.Errorf("%s sees %+v", m[0].name, s)
			}
		}
	}
}

// met waits until two nodes tell of each other as connected, checks how long that took, and that calls go both ways.
func met(t *testing.T, b bound, one, two *machine, started time.Time) {
	t.Helper()
	for _, m := range [][2]*machine{{one, two}, {two, one}} {
		b.check(t, m[0].name+" and "+m[1].name, started, eventTime(m[0].await("connected", m[1], started)))
	}
	for _, m := range [][2]*machine{{one, two}, {two, one}} {
		if err := m[0].call(m[1], waitTime); err != nil {
			t.Errorf("%s calls %s: %v", m[0].name, m[1].name, err)
		}
	}
}

func oneMachine(t *testing.T) {
	l := newUnknownLAN(t, "ada", "bob")
	ada, bob := l.machines[0], l.machines[1]
	bob.Host = ada.Host
	ada.startWith()
	started := time.Now()
	bob.startWith()
	met(t, newcomersMet, ada, bob, started)
}

// noNetwork runs two nodes on a machine without a network: only mDNS does not work there.
func noNetwork(t *testing.T) {
	l := newUnknownLAN(t, "ada", "bob")
	ada, bob := l.machines[0], l.machines[1]
	ada.Host = netns.NewHost(t)
	bob.Host = ada.Host
	ada.startWith()
	started := time.Now()
	bob.startWith()
	met(t, newcomersMet, ada, bob, started)
	for _, m := range l.machines {
		providers := m.providers(func(list []control.Provider) bool { return len(list) == 2 && list[1].State == "failed" })
		if p := providers[0]; p.Name != "udp" || p.State != "running" || p.Error != "" || !slices.Equal(p.Uses, []string{"lo"}) {
			t.Errorf("%s: %+v", m.name, p)
		}
		if p := providers[1]; p.Name != "mdns" || p.Error == "" || p.Advice == "" || p.Next.IsZero() {
			t.Errorf("%s: %+v", m.name, p)
		}
	}
}

// providers waits until the node's providers are as they are to be. There is no event for that.
func (m *machine) providers(fits func([]control.Provider) bool) []control.Provider {
	m.t.Helper()
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for late := time.Now().Add(netns.Forever); ; <-tick.C {
		node, err := control.GetNode.Ask(m.t.Context(), m.Client, control.Request{})
		if err != nil || time.Now().After(late) {
			m.t.Fatalf("%s: %+v, %v", m.name, node, err)
		}
		if fits(node.Providers) {
			return node.Providers
		}
	}
}

// lookAround runs discover on a machine without a node, and on one with a silent node.
func lookAround(t *testing.T) {
	l := newUnknownLAN(t, "ada", "bob")
	ada, bob := l.machines[0], l.machines[1]
	ada.startWith()
	bob.startWith("--advertise=false")
	ada.await("connected", bob, time.Time{}) // he heard her
	bob.await("found", ada, time.Time{})

	visitor := netns.NewHost(t)
	visitor.Attach(l.bridge, "eth0", netns.Prefixes(3)...)
	dir := filepath.Join(t.TempDir(), "visitor")
	ways := make(map[string]bool)
	for _, s := range discovered(t, visitor, "--data-dir", dir, "--for", "7s") {
		if s.PublicKey != ada.key || s.Trusted || s.Label != "" || s.Interface != "eth0" {
			t.Errorf("the visitor sees %+v", s)
		}
		ways[s.Source] = true
	}
	if !ways["udp"] || !ways["mdns"] {
		t.Errorf("the visitor sees ada by %v", ways)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the visitor has left %s behind (%v)", dir, err)
	}
	for _, e := range ada.since(nil, time.Time{}) {
		if e.Kind == "found" || e.Peer != "" && e.Peer != bob.key {
			t.Errorf("ada was to see no node, but tells %+v", e)
		}
	}
}

// discovered runs peernode discover on a host and returns what it prints. It fails if that is nothing.
func discovered(t *testing.T, h *netns.Host, flags ...string) []control.Sighting {
	t.Helper()
	var out, log bytes.Buffer
	cmd := exec.Command("peernode", append([]string{"discover", "--json"}, flags...)...)
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := h.Run(cmd); err != nil || log.Len() > 0 {
		t.Errorf("peernode discover: %v\n%s", err, log.String())
	}
	var list []control.Sighting
	for d := json.NewDecoder(&out); d.More(); {
		var s control.Sighting
		if err := d.Decode(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		t.Error("peernode discover prints nothing")
	}
	return list
}
