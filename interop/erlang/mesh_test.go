package erlang_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

var histories = flag.Int("histories", 4, "how many random histories TestMixedMesh runs")

// meshesAtOnce is how many histories run at the same time: they wait for announces and pauses more than they compute.
const meshesAtOnce = 10

// A mesh is two Go nodes and a peer on a BEAM, which all trust each other and find each other by announces.
type mesh struct {
	t        *testing.T
	random   *rand.Rand
	configs  [2]peernet.Config // with keys
	nodes    [2]*node
	b        *beam  // without a node when a history begins
	announce string // the address and the port that the peer announces to, in Erlang
}

// TestMixedMesh has the nodes of a mesh find each other, and restarts each of them, in any order. After each start all are
// connected again, calls go each way, and the peer's supervisor has not given up.
//
// Restarts are so far apart that what ends in one does not count in the next. And where a start takes seconds, on a busy machine,
// the peer's own dials alone would be too many: they are not counted here.
func TestMixedMesh(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var next atomic.Int64
	for i := range min(meshesAtOnce, *histories) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			b := startProcess(t)
			b.do("{expose,echo,echo}")
			for h := next.Add(1); h <= int64(*histories) && !t.Failed(); h = next.Add(1) {
				port := freePort(t)
				m := mesh{t: t, random: rand.New(rand.NewPCG(seed, uint64(h))), b: b, announce: fmt.Sprintf("%s,%d", announceAddress, port)}
				for i := range m.configs {
					m.configs[i] = peernet.Config{DataDir: t.TempDir(), Identity: randomKeys(t), Discovery: []discovery.Provider{loopbackUDP(port)}}
				}
				m.run()
			}
		})
	}
}

// run is one history.
func (m *mesh) run() {
	m.b.makeKeys()
	starts := []func(){func() { m.startNode(0) }, func() { m.startNode(1) }, m.startPeer}
	for _, i := range m.random.Perm(len(starts)) {
		starts[i]()
	}
	m.meet()
	for _, i := range m.random.Perm(len(starts)) {
		switch i {
		case 2: // its supervisor starts anew
			m.b.do("stop")
			m.b.await("stopped")
		default:
			m.rest()
			m.nodes[i].stop()
		}
		starts[i]()
		m.meet()
	}
	m.b.do("stop") // first: of nodes that stop together it cannot take many
	m.b.await("stopped")
	for _, n := range m.nodes {
		n.stop()
	}
	m.b.never("{gave_up,")
}

// others returns the keys of all but Go node i.
func (m *mesh) others(i int) []identity.PublicKey {
	return []identity.PublicKey{m.configs[1-i].Identity.PublicKey(), m.b.keys.PublicKey()}
}

// rest waits until no end of a connection counts with the peer's supervisor any more.
func (m *mesh) rest() {
	for {
		m.b.do("ends")
		if m.b.await("{ends,") == "{ends,0}" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// startNode starts Go node i, which trusts the others from the beginning.
func (m *mesh) startNode(i int) {
	m.nodes[i] = startNode(m.t, m.configs[i], func(n *node) {
		handle(m.t, n, "echo", echo)
		for _, key := range m.others(i) {
			if err := n.Pair(key, ""); err != nil {
				m.t.Fatal(err)
			}
		}
	})
}

// startPeer starts the peer on the BEAM.
func (m *mesh) startPeer() {
	m.b.start(0)
	m.b.do("{blame,others}")
	for _, c := range m.configs {
		m.b.do("{trust,%s}", digits(c.Identity.PublicKey()))
	}
	m.b.do("{announce,%s,200}", m.announce)
	m.b.sync()
}

// meet waits until all are connected, and has each call each other one.
func (m *mesh) meet() {
	m.t.Helper()
	var all sync.WaitGroup
	for i, n := range m.nodes {
		for _, key := range m.others(i) {
			all.Go(func() {
				want := envelope.Atom("ok") // which every BEAM has
				got, err := callPeer(m.t, n, key, want)
				if err != nil || got != want {
					why, _ := n.Explain(key)
					m.t.Errorf("node %d calls %v: %q, %v\n%v", i, key, got, err, why)
				}
			})
		}
	}
	all.Wait()
	for i, n := range m.nodes {
		if got := m.b.call(n, "echo", "[1]"); got != "{ok,[1]}" {
			m.t.Errorf("the peer calls node %d: %s", i, got)
		}
	}
}
