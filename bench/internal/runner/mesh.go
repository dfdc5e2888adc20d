package runner

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// meshIdle is for how long the CPU of an idle mesh is counted, for each d that calls are measured: 8 s for 0.8 s. Shown is
// what 20 s would take.
const meshIdle = 10

// meshPatience is how long a mesh may take to form: it is thousands of handshakes.
const meshPatience = 100 * time.Second

// meshNodes starts nodes that trust each other and know where the others are: how long it takes from the first start until all are
// connected to all, and the CPU of each when idle.
func meshNodes(count int, d time.Duration) (measure.Figures, error) {
	nodes := make([]*peernet.Node, count)
	providers := make([]*manual.Provider, count)
	for i := range nodes {
		providers[i] = manual.New()
		var err error
		if nodes[i], err = peernet.New(peernet.Config{Discovery: []discovery.Provider{providers[i]}}); err != nil {
			return nil, err
		}
		for _, other := range nodes[:i] {
			if err := (link{nodes[i], other}).pair(); err != nil {
				return nil, err
			}
		}
	}
	began := time.Now()
	stop, err := startAll(nodes)
	if err != nil {
		return nil, err
	}
	defer stop()
	for i, n := range nodes {
		for j, other := range nodes[:i] {
			providers[i].Found(other.PublicKey(), other.Addrs()[0])
			providers[j].Found(n.PublicKey(), n.Addrs()[0])
		}
	}
	if err := awaitMesh(nodes); err != nil {
		return nil, err
	}
	met := time.Since(began)
	time.Sleep(d) // what meeting left to do
	idle := meshIdle * d
	cpu := measure.CPUTime()
	time.Sleep(idle)
	cpu = measure.CPUTime() - cpu
	return measure.Figures{
		measure.MeetMS.Name:    met.Seconds() * 1e3,
		measure.IdleCPUMS.Name: cpu.Seconds() * 1e3 / float64(count) * float64(20*time.Second) / float64(idle),
	}, nil
}

// startAll starts nodes one after the other. stop shuts them down.
func startAll(nodes []*peernet.Node) (stop func(), err error) {
	for i, n := range nodes {
		if err := n.Start(context.Background()); err != nil {
			stopAll(nodes[:i])
			return nil, err
		}
	}
	return func() { stopAll(nodes) }, nil
}

// stopAll shuts nodes down at the same time.
func stopAll(nodes []*peernet.Node) {
	var running sync.WaitGroup
	for _, n := range nodes {
		running.Go(stopper(n))
	}
	running.Wait()
}

// awaitMesh waits until each node is connected to all others.
func awaitMesh(nodes []*peernet.Node) error {
	end := time.Now().Add(meshPatience)
	for _, n := range nodes {
		for len(n.Connected()) < len(nodes)-1 {
			if time.Now().After(end) {
				return fmt.Errorf("a node is connected to %d of %d", len(n.Connected()), len(nodes)-1)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}
