package runner

import (
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/discovery/mdns"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// meetNodes starts two nodes that find each other in a way: how long it takes from the start of the first until both are connected.
// It must run where multicasts reach no real network.
func meetNodes(way string) (measure.Figures, error) {
	var nodes [2]*peernet.Node
	var providers [2]*manual.Provider
	for i := range nodes {
		providers[i] = manual.New()
		provider := discovery.Provider(providers[i])
		switch way {
		case "manual":
		case "udp":
			provider = udp.New(udp.Options{})
		case "mdns":
			provider = mdns.New(mdns.Options{})
		default:
			return nil, fmt.Errorf("there is no way to meet %q", way)
		}
		var err error
		if nodes[i], err = peernet.New(peernet.Config{Listen: ":0", Discovery: []discovery.Provider{provider}}); err != nil {
			return nil, err
		}
	}
	if err := (link{nodes[0], nodes[1]}).pair(); err != nil {
		return nil, err
	}
	began := time.Now()
	stop, err := startAll(nodes[:])
	if err != nil {
		return nil, err
	}
	defer stop()
	providers[0].Found(nodes[1].PublicKey(), nodes[1].Addrs()[0])
	if err := awaitMesh(nodes[:]); err != nil {
		return nil, err
	}
	return measure.Figures{measure.MeetMS.Name: time.Since(began).Seconds() * 1e3}, nil
}
