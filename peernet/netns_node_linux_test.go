package peernet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/mdns"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// hostedVariable is set where the test binary runs as a node on a host, and holds its hostedConfig.
const hostedVariable = "PEERNET_TEST_HOSTED_NODE"

// weighEvery is how often a node on a host says how much memory it has reachable.
const weighEvery = 500 * time.Millisecond

// init makes this process a node, if that is what it was started for.
func init() {
	config, hosted := os.LookupEnv(hostedVariable)
	if !hosted {
		return
	}
	if err := beHosted([]byte(config), json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A hostedConfig says what a node in a process of its own is. Nodes and keys have numbers.
type hostedConfig struct {
	Number  int
	Trusts  []int
	Way     string // the one provider
	Private bool
}

// A saying is what such a node prints: its events, its dials, how much memory it has reachable.
type saying struct {
	Kind   string // of the event, or "started", "dial", "weight"
	Peer   string `json:",omitempty"`
	Addr   netip.AddrPort
	Reason string `json:",omitempty"`
	Bytes  uint64 `json:",omitempty"`
}

// hostedKeys returns the keys of node n.
func hostedKeys(n int) (identity.KeyPair, error) {
	return identity.NewKeyPair(bytes.Repeat([]byte{byte(n)}, 32))
}

// beHosted runs a node until SIGTERM.
func beHosted(config []byte, out *json.Encoder) error {
	var c hostedConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return err
	}
	var mu sync.Mutex // guards out
	say := func(s saying) {
		mu.Lock()
		defer mu.Unlock()
		if err := out.Encode(s); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	keys, err := hostedKeys(c.Number)
	if err != nil {
		return err
	}
	ways := map[string]discovery.Provider{"udp": udp.New(udp.Options{}), "mdns": mdns.New(mdns.Options{})}
	n, err := peernet.New(peernet.Config{
		Identity: keys, Listen: ":0", Private: c.Private, Discovery: []discovery.Provider{ways[c.Way]},
		Network: peernet.Network{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if at, err := netip.ParseAddrPort(address); err == nil {
				say(saying{Kind: "dial", Addr: at})
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}},
	})
	if err != nil {
		return err
	}
	for _, number := range c.Trusts {
		trusted, err := hostedKeys(number)
		if err != nil {
			return err
		}
		if err := n.Pair(trusted.PublicKey(), fmt.Sprint("node ", number)); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	events := n.Events(ctx)
	if err := n.Start(ctx); err != nil {
		return err
	}
	say(saying{Kind: "started", Addr: n.Addrs()[0]})
	go weigh(ctx, say)
	for e := range events {
		s := saying{Kind: e.Kind()}
		switch e := e.(type) {
		case peernet.Connected:
			s.Peer, s.Addr = e.Peer.String(), e.Addr
		case peernet.Disconnected:
			s.Peer, s.Addr, s.Reason = e.Peer.String(), e.Addr, e.Reason
		case peernet.Found:
			s.Peer, s.Addr = e.Peer.String(), e.Addr
		case peernet.Updated:
			s.Peer, s.Addr = e.Peer.String(), e.Addr
		case peernet.Lost:
			s.Peer, s.Addr, s.Reason = e.Peer.String(), e.Addr, e.Reason
		}
		say(s)
	}
	ending, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return n.Shutdown(ending)
}

// weigh says now and then how much memory is reachable, until ctx ends.
func weigh(ctx context.Context, say func(saying)) {
	tick := time.NewTicker(weighEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			say(saying{Kind: "weight", Bytes: m.HeapAlloc + m.StackInuse})
		}
	}
}
