package discovery_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A directory is a Provider that asks some service again and again who is there.
type directory struct {
	every time.Duration
	ask   func() (map[identity.PublicKey]netip.AddrPort, error)
}

func (d directory) Name() string { return "directory" }

func (d directory) Run(ctx context.Context, _ discovery.Self, sight func(discovery.Sighting)) error {
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	for {
		there, err := d.ask()
		if err != nil {
			return fmt.Errorf("ask the directory: %w", err) // it will be run again
		}
		for key, addr := range there {
			sight(discovery.Sighting{Key: key, Addr: addr, TTL: 3 * d.every}) // lost after three misses
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func ExampleProvider() {
	var provider discovery.Provider = directory{time.Minute, func() (map[identity.PublicKey]netip.AddrPort, error) {
		return map[identity.PublicKey]netip.AddrPort{{31: 9}: netip.MustParseAddrPort("192.0.2.7:7100")}, nil
	}}

	ctx, cancel := context.WithCancel(context.Background())
	err := provider.Run(ctx, discovery.Self{}, func(s discovery.Sighting) {
		fmt.Println(provider.Name(), "saw a key at", s.Addr, "for", s.TTL)
		cancel()
	})
	fmt.Println(err)
	// Output:
	// directory saw a key at 192.0.2.7:7100 for 3m0s
	// <nil>
}
