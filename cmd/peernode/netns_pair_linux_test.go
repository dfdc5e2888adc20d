package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

var lanPairings = flag.Int("lan-pairings", 1, "how often TestPairOnALAN pairs two machines")

// pairedInTime is the most that TestPairOnALAN lets pair CODE take on a busy machine. What it takes on an idle one is logged.
const pairedInTime = 30 * time.Second

// A pairLine is what pair prints with --json: a code, an attempt, or the peer.
type pairLine struct {
	offerLine
	attemptLine
	PublicKey string `json:"public_key"`
	Label     string `json:"label"`
	State     string `json:"state"`
}

// TestPairOnALAN pairs two machines by a code, by default discovery and without an address, among five others: four that trust each
// other, and one that offers a pairing of its own, which is left alone.
func TestPairOnALAN(t *testing.T) {
	t.Parallel()
	for range *lanPairings { // in namespaces that is one, as flags do not get there
		netns.Run(t, pairAmongOthers)
	}
}

func pairAmongOthers(t *testing.T) {
	l := newUnknownLAN(t, "ada", "bob", "eve", "cyd", "dan", "fay", "gus")
	ada, bob, eve, friends := l.machines[0], l.machines[1], l.machines[2], l.machines[3:]
	for _, m := range l.machines {
		if m == ada || m == bob || m == eve {
			m.trustOnly()
		} else {
			m.trustOnly(friends...)
		}
		m.startWith()
	}
	friends[0].await("connected", friends[1], time.Time{})

	others, own := eve.offer(), ada.offer()
	code := own.code()
	for code.Number == others.code().Number { // then bob would try both, and spoil one
		own.Terminate()
		_ = own.Wait()
		own = ada.offer()
		code = own.code()
	}
	began := time.Now()
	peer := bob.join(code.Code)
	took := time.Since(began)
	t.Logf("from pair CODE to connected: %.3f s", took.Seconds())
	if took > pairedInTime {
		netns.Late(t, "pairing took %v, want at most %v", took, pairedInTime)
	}
	if peer.PublicKey != ada.key || peer.Label != "ada" || peer.State != "connected" {
		t.Errorf("bob has paired with %+v", peer)
	}
	if joined := own.Until("a peer", time.Time{}, func(p pairLine) bool { return p.State != "" }).Value; joined.PublicKey != bob.key || joined.Label != "bob" {
		t.Errorf("ada has paired with %+v", joined)
	}
	if err := own.Wait(); err != nil {
		t.Errorf("ada's pair: %v", err)
	}
	for _, c := range [][2]*machine{{ada, bob}, {bob, ada}} {
		if err := c[0].call(c[1], waitTime); err != nil {
			t.Errorf("%s calls %s: %v", c[0].name, c[1].name, err)
		}
		if list := c[0].trusted(); len(list) != 1 || list[0].Key.String() != c[1].key {
			t.Errorf("%s trusts %v", c[0].name, list)
		}
	}
	if lines := others.Lines(time.Time{}); len(lines) != 1 || len(eve.trusted()) > 0 {
		t.Errorf("eve's own offer was not left alone: %+v", lines)
	}
}

// trustOnly makes these the only peers of a machine whose node does not run.
func (m *machine) trustOnly(peers ...*machine) {
	m.t.Helper()
	set, err := trust.Open(filepath.Join(m.dir, datadir.PeersFile))
	m.try(err)
	for _, p := range set.List() {
		if !slices.ContainsFunc(peers, func(keep *machine) bool { return keep.key == p.Key.String() }) {
			_, err := set.Remove(p.Key)
			m.try(err)
		}
	}
}

// trusted returns what the machine's peers file holds.
func (m *machine) trusted() []trust.Peer {
	m.t.Helper()
	set, err := trust.Open(filepath.Join(m.dir, datadir.PeersFile))
	m.try(err)
	return set.List()
}

// A pairOffer is peernode pair that runs on a machine.
type pairOffer struct{ *netns.Process[pairLine] }

// offer has the machine's node show a code.
func (m *machine) offer() pairOffer {
	m.t.Helper()
	cmd := exec.Command("peernode", "pair", "--json", "--data-dir", m.dir)
	cmd.Stderr = new(bytes.Buffer)
	return pairOffer{netns.Start[pairLine](m.t, m.Host, m.name+"'s pair", cmd)}
}

// code waits for the code that the offer shows.
func (o pairOffer) code() offerLine {
	return o.Until("a code", time.Time{}, func(p pairLine) bool { return p.Code != "" }).Value.offerLine
}

// join pairs the machine's node by a code, and returns what that prints.
func (m *machine) join(code string) (peer pairLine) {
	m.t.Helper()
	var out, log bytes.Buffer
	cmd := exec.Command("peernode", "pair", code, "--json", "--data-dir", m.dir)
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := m.Run(cmd); err != nil {
		m.t.Fatalf("pair: %v\n%s", err, log.String())
	}
	m.try(json.Unmarshal(out.Bytes(), &peer))
	return peer
}
