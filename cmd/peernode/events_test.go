package main

import (
	"context"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/backend"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

var update = flag.Bool("update", false, "write the golden files")

// testKey returns a valid key that is the same in every run.
func testKey(t *testing.T, text string) identity.PublicKey {
	t.Helper()
	key, err := identity.ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const (
	bobKey   = "pnet1s5s0qzvfxzn4gayt0hwtg0hhtgxm7wsdycup4a8t5j5ca25mfe4qwgsew4"
	carolKey = "pnet1m60dkltm0hqmf56mv8pweep4xulcxs7gtduxwnddl3lpgmug9d8s2sumpy"
)

// golden compares got with the file of that name in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", file, got, want)
	}
}

func TestEventsAsPrinted(t *testing.T) {
	bob, carol := testKey(t, bobKey), testKey(t, carolKey)
	addr := netip.MustParseAddrPort("192.168.1.7:41237")
	when := func(ms int) string {
		return time.Date(2026, 11, 21, 20, 15, 0, ms*1e6, time.UTC).Format("2006-01-02T15:04:05.000Z")
	}
	events := []peernet.Event{
		peernet.Paired{Peer: bob, Label: "bob"},
		peernet.Found{Peer: bob, Addr: addr, Source: "manual"},
		peernet.Connected{Peer: bob, Addr: addr, Role: "initiator", Name: "bob's\x1b laptop"},
		peernet.Disconnected{Peer: bob, Addr: addr, Reason: "shutdown", Text: "good night"},
		peernet.Lost{Peer: bob, Addr: addr, Source: "manual", Reason: "goodbye"},
		peernet.Unpaired{Peer: carol},
		peernet.Refused{Peer: carol, Addr: netip.MustParseAddrPort("[fe80::1%eth0]:7100"), Reason: "not trusted"},
		peernet.Refused{Peer: carol},
		peernet.IdentityConflict{Peer: bob, Older: addr, Newer: netip.MustParseAddrPort("192.168.1.8:41237")},
		peernet.IdentityConflict{Peer: carol, Newer: addr, By: bob},
		peernet.Lagged{N: 12},
		peernet.Found{Peer: carol, Addr: addr, Source: "manual"},
		peernet.Lost{Peer: carol, Addr: addr, Source: "manual", Reason: "expired"},
		peernet.Found{Peer: bob, Addr: addr, Source: "udp", Interface: "eth0"},
		peernet.Updated{Peer: bob, Addr: addr, Source: "mdns", Interface: "eth0"},
		peernet.Updated{Peer: carol, Addr: addr, Source: "udp", Interface: "wlan\x1b0"},
		peernet.Lost{Peer: bob, Addr: addr, Source: "udp", Reason: "expired", Left: 2},
		peernet.Lost{Peer: carol, Addr: addr, Source: "udp", Reason: "withdrawn", Left: 1},
		peernet.DiscoveryProblem{Source: "udp", State: "impaired", Interface: "eth0", Doing: "send over IPv4", Reason: "operation not permitted"},
		peernet.DiscoveryProblem{Source: "udp", State: "running", Interface: "wlan\x1b0", Doing: "send over IPv4"},
		peernet.DiscoveryProblem{Source: "mdns", State: "failed", Doing: "look for peers", Reason: "no\nnetwork"},
		peernet.Blocked{Peer: bob, Until: time.Date(2026, 11, 22, 20, 15, 0, 0, time.UTC)},
		peernet.Blocked{Peer: carol, Until: time.Date(2026, 11, 22, 20, 15, 0, 0, time.UTC)},
		peernet.Unblocked{Peer: bob},
		peernet.ListenerAdded{Addr: netip.MustParseAddrPort("[::]:7100")},
		peernet.ListenerRemoved{Addr: netip.MustParseAddrPort("[::]:7100")},
	}
	node, err := peernet.New(peernet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Shutdown(context.Background())
	if err := node.Pair(bob, "bob"); err != nil {
		t.Fatal(err)
	}
	b := backend.New(node, &backend.Run{})
	defer func(local *time.Location) { time.Local = local }(time.Local)
	time.Local = time.FixedZone("", 3600)
	for file, json := range map[string]bool{"events.json": true, "events.txt": false} {
		var out strings.Builder
		p := &output.Printer{Stream: output.NewStream(t.Context(), &out, nil), JSON: json}
		p.Event(control.Event{
			Kind: "listening", PublicKey: bobKey, Addresses: []string{"192.168.1.7:41237", "[::1]:41237"}, Control: "/run/control.sock",
		})
		for i, e := range events {
			l := b.Event(e)
			l.Time = when(i)
			p.Event(l)
		}
		p.Event(control.Event{
			Kind: "received", Time: when(998), Peer: bobKey, Label: "bob", Address: "192.168.1.7:41237", Name: "echo",
			Args: []byte(`{"text":"<b>\u001b"}`),
		})
		in, sent := uint64(0), uint64(1_234_567)
		for _, e := range []control.Event{
			{Kind: "exposed", Name: "web", Target: "127.0.0.1:3000", Allow: []string{bobKey}},
			{Kind: "exposed", Name: "a\x1bb"},
			{Kind: "forwarding", Address: "127.0.0.1:8080", Peer: bobKey, Label: "bob", Name: "web"},
			{Kind: "opened", Peer: bobKey, Label: "bob", Name: "web", Address: "127.0.0.1:3000"},
			{Kind: "closed", Peer: carolKey, Name: "backup", BytesIn: &in, BytesOut: &sent, Took: 1500, Error: &control.Error{Code: "broken_off", Text: "broken off", Exit: 1}},
		} {
			e.Time = when(997)
			p.Event(e)
		}
		p.Event(control.Event{Kind: "stopped", Time: when(999)})
		golden(t, file, out.String())
	}
}
