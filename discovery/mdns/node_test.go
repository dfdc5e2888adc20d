package mdns

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// A nodeConfig says what a node in a process of its own does.
type nodeConfig struct {
	Key        identity.PublicKey
	Port       uint16 // 0: it does not listen
	ListenOnly bool
	Addr       netip.Addr // zero: all
	Options    Options
}

// listens is the Self.Listens of the node.
func (c nodeConfig) listens() []netip.AddrPort {
	switch {
	case c.Port == 0:
		return nil
	case !c.Addr.IsValid():
		return []netip.AddrPort{netip.AddrPortFrom(netip.IPv6Unspecified(), c.Port)}
	}
	return []netip.AddrPort{netip.AddrPortFrom(c.Addr, c.Port)}
}

// A seen is one line that such a node prints: a sighting, or the end of Run.
type seen struct {
	Key       string
	Addr      netip.AddrPort
	Interface string
	TTL       time.Duration
	Gone      discovery.Reason

	Ended bool
	Err   string
	After time.Duration // from SIGTERM to the end of Run
}

// beNode runs a provider until SIGTERM, and returns the exit code.
func beNode(config string) int {
	var c nodeConfig
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var mu sync.Mutex // guards out
	out := json.NewEncoder(os.Stdout)
	print := func(s seen) {
		mu.Lock()
		defer mu.Unlock()
		if err := out.Encode(s); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	var stopped time.Time
	go func() {
		<-stop
		stopped = time.Now()
		cancel()
	}()
	err := New(c.Options).Run(ctx, discovery.Self{Key: c.Key, ListenOnly: c.ListenOnly, Listens: c.listens, Interfaces: netns.Interfaces,
		ListenPacket: new(net.ListenConfig).ListenPacket},
		func(s discovery.Sighting) {
			print(seen{Key: s.Key.String(), Addr: s.Addr, Interface: s.Interface, TTL: s.TTL, Gone: s.Gone})
		})
	ended := seen{Ended: true}
	if err != nil {
		ended.Err = err.Error()
	} else {
		ended.After = time.Since(stopped)
	}
	print(ended)
	signal.Stop(stop)
	if err == nil {
		if err := goleak.Find(goleak.IgnoreTopFunction("os/signal.loop")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 3
		}
	}
	return 0
}
