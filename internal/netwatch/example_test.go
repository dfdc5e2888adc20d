package netwatch_test

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/netwatch"
)

// A laptop is carried from one network to another.
func ExampleWatcher() {
	at := func(prefix string) []discovery.Interface {
		return []discovery.Interface{{Index: 3, Name: "wlan0", Flags: net.FlagUp | net.FlagRunning, Addrs: []netip.Prefix{netip.MustParsePrefix(prefix)}}}
	}
	var w netwatch.Watcher
	now := time.Now()
	for _, found := range [][]discovery.Interface{at("192.168.1.7/24"), at("10.3.0.20/16"), at("10.3.0.20/16")} {
		c := w.Look(now, found, nil)
		fmt.Println("gone", c.Gone, "new", c.New, "look again in", c.Next)
		now = now.Add(c.Next)
	}
	// Output:
	// gone [] new [] look again in 2s
	// gone [] new [] look again in 500ms
	// gone [192.168.1.7] new [10.3.0.20] look again in 2s
}
