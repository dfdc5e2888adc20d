package python_test

import (
	"encoding/json"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// attacks returns what the peer can do to another, see hostile.py: what must end the session, and what must not.
func attacks(t *testing.T, p *python) (fatal, ignored []string) {
	t.Helper()
	var lists [2][]string
	must(t, json.Unmarshal([]byte(p.do("attacks", nil)), &lists))
	if len(lists[0]) < 30 || len(lists[1]) < 5 {
		t.Fatalf("there are only %d and %d", len(lists[0]), len(lists[1]))
	}
	return lists[0], lists[1]
}

// Each of the attacks ends its session with the bye "protocol", and nothing else; what is to be ignored is.
func TestNodeWithstandsThePeer(t *testing.T) {
	t.Parallel()
	n, p := pairOf(t, "python dials", peernet.Config{})
	serveStreams(t, n)
	serveHeld(t, n)
	fatal, ignored := attacks(t, p)
	for _, name := range ignored {
		p.do("attack", fields{"name": name})
		p.do("ping", nil)
	}
	for i, name := range fatal {
		p.start("attack", fields{"name": name})
		if e := p.event("disconnected"); e.Reason != "protocol" || !e.ByPeer {
			t.Errorf("after %s the peer is told %+v", name, e)
		}
		if e := nth[peernet.Disconnected](n, i); e.Reason != "protocol" {
			t.Errorf("after %s the node says %+v", name, e)
		}
		connect(t, n, p, "python dials")
	}
	p.do("call", fields{"name": "echo"})
}

// The peer is no more lenient than a node.
func TestPeerWithstandsAPeer(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/identity.pem"
	good := startPython(t, []identity.PublicKey{keyOf(t, file)})
	bad := startPython(t, []identity.PublicKey{good.key}, "--identity", file)
	dialing := fields{"host": "127.0.0.1", "port": good.port, "key": good.key.String()}
	bad.do("dial", dialing)
	fatal, ignored := attacks(t, bad)
	for _, name := range ignored {
		bad.do("attack", fields{"name": name})
		bad.do("ping", nil)
	}
	eventually(t, "no handler runs", func() bool { return good.do("running", nil) == "0" })
	for _, name := range fatal {
		bad.start("attack", fields{"name": name})
		for _, p := range []*python{good, bad} {
			if e := p.event("disconnected"); e.Reason != "protocol" || e.ByPeer != (p == bad) {
				t.Errorf("after %s: %+v", name, e)
			}
		}
		bad.do("dial", dialing)
	}
	bad.do("call", fields{"name": "echo"})
}
