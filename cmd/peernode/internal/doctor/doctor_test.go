package doctor

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
)

// now is the time of the tests.
var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// near is an interface of this machine.
var near = []Interface{{Name: "eth0", IsUp: true, HasMulticast: true, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}}}

// TestPeer has what a node knows of a peer, and what doctor says of it.
func TestPeer(t *testing.T) {
	at := func(address, result, source string, seen time.Duration) control.Address {
		return control.Address{Address: address, LastResult: result, Source: source, LastSeen: now.Add(-seen)}
	}
	for _, c := range []struct {
		name      string
		state     string
		advice    string
		addresses []control.Address
		want      string
	}{
		{"connected", "connected", "", nil, "is connected"},
		{"another namespace", "backing off", "check that both nodes use the same namespace", nil, "--namespace NAME"},
		{"another mode", "backing off", "check whether the peer is in private mode, which must be on at both ends", nil, "peernode run --private"},
		{"a firewall", "backing off", "", []control.Address{at("10.0.0.2:7100", "dial tcp: i/o timeout", "udp", time.Second)}, "announces itself at 10.0.0.2:7100"},
		{"heard long ago", "backing off", "", []control.Address{at("10.0.0.2:7100", "dial tcp: i/o timeout", "udp", time.Hour)}, "nothing answers at 10.0.0.2:7100"},
		{"another subnet", "backing off", "", []control.Address{at("10.9.0.2:7100", "", "config", 0)}, "none of this machine's networks"},
		{"a name", "backing off", "check the name", []control.Address{at("bob.example:7100", "", "config", 0)}, "check the name"},
		{"refused", "backing off", "check that the peer runs", []control.Address{at("10.0.0.2:7100", "connection refused", "udp", 0)}, "check that the peer runs"},
		{"nothing is known", "unknown", "", nil, "peernode why bob"},
	} {
		w := control.Why{Advice: c.advice}
		w.State, w.PublicKey, w.Label, w.Addresses = c.state, "pnet1x", "bob", c.addresses
		if f := Peer(w, near, now); !strings.Contains(f.String(), c.want) || (f.Status == OK) != (c.name == "connected") || f.Peer != "pnet1x" {
			t.Errorf("%s: %v", c.name, f)
		}
	}
}

// TestNode has what a running node says of itself.
func TestNode(t *testing.T) {
	healthy := control.Node{PublicKey: "pnet1x", Listeners: []control.Listener{{Address: "[::]:7100"}}, Addresses: []string{"10.0.0.1:7100"}}
	problems := func(n control.Node, hasNetwork bool) (found []string) {
		for _, f := range Node(n, hasNetwork) {
			if f.Status == Problem {
				found = append(found, f.Check)
			}
		}
		return found
	}
	if got := problems(healthy, true); got != nil {
		t.Errorf("healthy: %v", got)
	}
	n := healthy
	n.Listeners = []control.Listener{{Address: "127.0.0.1:7100"}}
	n.PeersFile = "it cannot be read"
	n.Providers = []control.Provider{{Name: "mdns", State: "failed", Error: "x"}, {Name: "udp", State: "impaired", Problems: []control.Problem{{Doing: "send"}}}}
	if got := strings.Join(problems(n, true), ","); got != "listening,peers file,discovery,discovery" {
		t.Errorf("faults: %s", got)
	}
	if got := strings.Join(problems(n, false), ","); got != "listening,peers file" {
		t.Errorf("without a network: %s", got)
	}
	n = healthy
	n.Listeners = nil
	n.Private, n.Providers = true, []control.Provider{{Name: "udp", State: "running", Counts: map[string]uint64{"unknown": 3}}}
	if got := strings.Join(problems(n, true), ","); got != "listening,clock" {
		t.Errorf("private: %s", got)
	}
	n.Providers[0].Counts["heard"] = 1
	if got := strings.Join(problems(n, true), ","); got != "listening" {
		t.Errorf("private, and one is heard: %s", got)
	}
}

// TestDirectoryMakesNothing: a directory that is not there is no problem, and still not there.
func TestDirectoryMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	list := Directory(dir, "identity.pem", "peers", now, func(error) string { return "" })
	if _, err := os.Stat(dir); err == nil || len(list) != 1 || list[0].Status != Skipped {
		t.Errorf("%v, %v", list, err)
	}
}
