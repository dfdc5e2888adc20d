package udp

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

// machineVariable is set where the test binary is to be a node on a host, and holds its machineConfig.
const machineVariable = "PEERNET_TEST_UDP_NODE"

// init makes this process a node, if that is what it was started for.
func init() {
	if config := os.Getenv(machineVariable); config != "" {
		os.Exit(beNode(config))
	}
}

// A machineConfig says what a node in a process of its own does. It does not hear of changes, but looks by itself.
type machineConfig struct {
	Key        identity.PublicKey
	Port       uint16
	ListenOnly bool
}

// A line is what such a node prints: a sighting, the interfaces that it has looked at, or the end of Run.
type line struct {
	Key       string
	Addr      netip.AddrPort
	Interface string
	TTL       time.Duration

	Looked []string // the names of those that are up
	Ended  bool
	Err    string
}

// beNode runs a provider until SIGTERM, and returns the exit code.
func beNode(config string) int {
	var c machineConfig
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var mu sync.Mutex // guards out
	out := json.NewEncoder(os.Stdout)
	say := func(l line) {
		mu.Lock()
		defer mu.Unlock()
		if err := out.Encode(l); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	interfaces := func() ([]discovery.Interface, error) {
		list, err := netns.Interfaces()
		looked := line{Looked: []string{}}
		for _, i := range list {
			if i.Flags&net.FlagUp != 0 {
				looked.Looked = append(looked.Looked, i.Name)
			}
		}
		say(looked)
		return list, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	self := discovery.Self{Key: c.Key, ListenOnly: c.ListenOnly, Interfaces: interfaces, ListenPacket: listenShared}
	if c.Port != 0 {
		self.Listens = listens(netip.IPv6Unspecified(), c.Port)
	}
	err := New(Options{}).Run(ctx, self, func(s discovery.Sighting) {
		say(line{Key: s.Key.String(), Addr: s.Addr, Interface: s.Interface, TTL: s.TTL})
	})
	end := line{Ended: true}
	if err != nil {
		end.Err = err.Error()
	}
	say(end)
	stop()
	if err := goleak.Find(goleak.IgnoreTopFunction("os/signal.loop")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return 0
}
