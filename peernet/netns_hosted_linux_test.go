package peernet_test

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// A hosted node is one in a process of its own, on a host. Its methods are for the goroutine of its test.
type hosted struct {
	*netns.Process[saying]
	t   *testing.T
	key identity.PublicKey
}

// publicKey returns the public key of node n.
func publicKey(t *testing.T, n int) identity.PublicKey {
	t.Helper()
	keys, err := hostedKeys(n)
	if err != nil {
		t.Fatal(err)
	}
	return keys.PublicKey()
}

// startHosted starts a node on a host.
func startHosted(t *testing.T, h *netns.Host, c hostedConfig) *hosted {
	t.Helper()
	return &hosted{t: t, key: publicKey(t, c.Number),
		Process: netns.Start[saying](t, h, fmt.Sprint("node ", c.Number), netns.Copy(t, hostedVariable, c))}
}

// tells waits until the node tells an event about other, from a moment on, and returns how long after that it was.
func (n *hosted) tells(kind string, other *hosted, from time.Time) (saying, time.Duration) {
	n.t.Helper()
	l := n.Until(fmt.Sprintf("tells that %s is %s", other.Name, kind), from, func(s saying) bool {
		return s.Kind == kind && s.Peer == other.key.String()
	})
	return l.Value, l.At.Sub(from)
}

// says waits until the node says something of a kind, from a moment on.
func (n *hosted) says(kind string, from time.Time) {
	n.t.Helper()
	n.Until("says "+kind, from, func(s saying) bool { return s.Kind == kind })
}

// mostDials returns how often the node has dialled such addresses within any such time, at most.
func (n *hosted) mostDials(within time.Duration, such func(netip.AddrPort) bool) (most int) {
	var last []time.Time
	for _, l := range n.Lines(n.Began) {
		if l.Value.Kind == "dial" && such(l.Value.Addr) {
			last = append(slices.DeleteFunc(last, func(at time.Time) bool { return l.At.Sub(at) >= within }), l.At)
			most = max(most, len(last))
		}
	}
	return most
}

// count returns how many events of a kind about other the node has told from a moment on.
func (n *hosted) count(kind string, other *hosted, from time.Time) (count int) {
	for _, l := range n.Lines(from) {
		if l.Value.Kind == kind && l.Value.Peer == other.key.String() {
			count++
		}
	}
	return count
}

// weight returns the least memory that the node has had reachable from a moment on.
func (n *hosted) weight(from time.Time) int64 {
	n.t.Helper()
	n.says("weight", from)
	least := uint64(math.MaxUint64)
	for _, l := range n.Lines(from) {
		if l.Value.Kind == "weight" {
			least = min(least, l.Value.Bytes)
		}
	}
	return int64(least)
}

// meet waits until all nodes are connected to each other, from a moment on, and returns how long after that they were.
func meet(t *testing.T, from time.Time, nodes ...*hosted) (took time.Duration) {
	t.Helper()
	for _, n := range nodes {
		for _, other := range nodes {
			if n != other {
				_, d := n.tells("connected", other, from)
				took = max(took, d)
			}
		}
	}
	return took
}
