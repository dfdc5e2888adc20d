package prometheus_test

import (
	"context"
	"fmt"
	"time"

	client "github.com/prometheus/client_golang/prometheus"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/prometheus"
)

// The metrics of a node are on a registry of the program's choice, which promhttp.HandlerFor would serve.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	node, err := peernet.New(peernet.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	metrics := prometheus.New(node)
	node.Use(metrics.Measure)
	registry := client.NewRegistry()
	registry.MustRegister(metrics)

	if err := node.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer node.Shutdown(ctx)
	families, err := registry.Gather()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range families {
		if f.GetName() == "peernet_peers" {
			fmt.Println(f.GetHelp(), len(f.GetMetric()), "states")
		}
	}
	// Output: Trusted peers by what their link is doing. 5 states
}
