package peernet_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/netns"
)

const (
	// hostedForever bounds what has no bound of its own: the computer may be busy.
	hostedForever = 90 * time.Second

	// hostedSlack is what a busy computer may add to a bound.
	hostedSlack = 700 * time.Millisecond
)

// A hosted node is one in a process of its own, on a host. Its methods are for the goroutine of its test.
type hosted struct {
	t     *testing.T
	name  string
	key   identity.PublicKey
	began time.Time
	ended chan struct{} // closed when it prints no more

	mu   sync.Mutex // guards the rest
	said []heardSaying
	more chan struct{} // closed and made anew with each
}

// A heardSaying has the time when it came.
type heardSaying struct {
	saying
	at time.Time
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
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	n := &hosted{t: t, name: fmt.Sprint("node ", c.Number), key: publicKey(t, c.Number), ended: make(chan struct{}), more: make(chan struct{})}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), hostedVariable+"="+string(config))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	n.began = time.Now()
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	go func() {
		n.read(out)
		_ = cmd.Wait() // killed
		close(n.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have been before
		<-n.ended
	})
	return n
}

// read takes what the process prints until it ends.
func (n *hosted) read(out io.Reader) {
	for lines := json.NewDecoder(out); ; {
		var s heardSaying
		if lines.Decode(&s.saying) != nil { // the end, or the line in which it was killed
			return
		}
		s.at = time.Now()
		n.mu.Lock()
		n.said = append(n.said, s)
		close(n.more)
		n.more = make(chan struct{})
		n.mu.Unlock()
	}
}

// all returns what the node has said from a moment on, and what tells that there is more.
func (n *hosted) all(from time.Time) (list []heardSaying, more <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.said {
		if !s.at.Before(from) {
			list = append(list, s)
		}
	}
	return list, n.more
}

// tells waits until the node tells an event about other, from a moment on, and returns how long after that it was.
func (n *hosted) tells(kind string, other *hosted, from time.Time) (saying, time.Duration) {
	n.t.Helper()
	timeout := time.After(hostedForever)
	for {
		list, more := n.all(from)
		for _, s := range list {
			if s.Kind == kind && s.Peer == other.key.String() {
				return s.saying, s.at.Sub(from)
			}
		}
		select {
		case <-more:
		case <-timeout:
			n.t.Fatalf("%s does not tell within %v that %s is %s; it says %+v", n.name, hostedForever, other.name, kind, n.notable(from))
		}
	}
}

// says waits until the node says something of a kind, from a moment on.
func (n *hosted) says(kind string, from time.Time) {
	n.t.Helper()
	timeout := time.After(hostedForever)
	for {
		list, more := n.all(from)
		if slices.ContainsFunc(list, func(s heardSaying) bool { return s.Kind == kind }) {
			return
		}
		select {
		case <-more:
		case <-timeout:
			n.t.Fatalf("%s does not say within %v: %s", n.name, hostedForever, kind)
		}
	}
}

// mostDials returns how often the node has dialled such addresses within any such time, at most.
func (n *hosted) mostDials(within time.Duration, such func(netip.AddrPort) bool) (most int) {
	var last []time.Time
	list, _ := n.all(time.Time{})
	for _, s := range list {
		if s.Kind == "dial" && such(s.Addr) {
			last = append(slices.DeleteFunc(last, func(at time.Time) bool { return s.at.Sub(at) >= within }), s.at)
			most = max(most, len(last))
		}
	}
	return most
}

// notable is all but weights.
func (n *hosted) notable(from time.Time) (list []saying) {
	all, _ := n.all(from)
	for _, s := range all {
		if s.Kind != "weight" {
			list = append(list, s.saying)
		}
	}
	return list
}

// count returns how many events of a kind about other the node has told from a moment on.
func (n *hosted) count(kind string, other *hosted, from time.Time) (count int) {
	all, _ := n.all(from)
	for _, s := range all {
		if s.Kind == kind && s.Peer == other.key.String() {
			count++
		}
	}
	return count
}

// weight returns the least memory that the node has had reachable from a moment on.
func (n *hosted) weight(from time.Time) int64 {
	n.t.Helper()
	for timeout := time.After(hostedForever); ; {
		list, more := n.all(from)
		least := uint64(0)
		for _, s := range list {
			if s.Kind == "weight" && (least == 0 || s.Bytes < least) {
				least = s.Bytes
			}
		}
		if least > 0 {
			return int64(least)
		}
		select {
		case <-more:
		case <-timeout:
			n.t.Fatalf("%s does not say how much memory it has", n.name)
		}
	}
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

func soon(t *testing.T, what string, took, bound time.Duration) {
	t.Helper()
	t.Logf("%s: %v", what, took.Round(time.Millisecond))
	if took > bound+hostedSlack {
		netns.Late(t, "%s took %v, want at most %v", what, took, bound)
	}
}

// hostsOnABridge returns hosts 1 to n.
func hostsOnABridge(t *testing.T, n int) (hosts []*netns.Host) {
	t.Helper()
	bridge := netns.NewBridge(t)
	for i := 1; i <= n; i++ {
		h := netns.NewHost(t)
		h.Attach(bridge, "eth0", netns.Prefixes(i)...)
		hosts = append(hosts, h)
	}
	return hosts
}

// hostAddr returns the IPv4 address of host n.
func hostAddr(n int) netip.Addr { return netns.Prefixes(n)[0].Addr() }
