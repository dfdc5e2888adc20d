package prometheus

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A Collector makes the metrics of one node. It is a prometheus.Collector and safe for concurrent use.
type Collector struct {
	stats     func() peernet.Stats
	names     func() []string // of handlers
	measuring atomic.Bool     // Measure is in use
	handlers  *prometheus.HistogramVec
}

// New returns a Collector of node's metrics. It may be registered before the node starts and scraped after its end.
func New(node *peernet.Node) *Collector {
	return newCollector(node.Stats, node.Handlers)
}

func newCollector(stats func() peernet.Stats, names func() []string) *Collector {
	return &Collector{stats: stats, names: names, handlers: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "peernet_handler_duration_seconds",
		Help:    "How long handlers took, for calls and sends alike.",
		Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10},
	}, []string{"handler"})}
}

// Measure is a [peernet.Middleware] that measures how long handlers take, also when they panic. Its metric has one series
// for each handler of the node, which is there before the first call: this node names its handlers, so their number is bounded.
func (c *Collector) Measure(next peernet.Handler) peernet.Handler {
	c.measuring.Store(true)
	return func(ctx context.Context, r *peernet.Request) (any, error) {
		began := time.Now()
		defer func() { c.handlers.WithLabelValues(r.Name()).Observe(time.Since(began).Seconds()) }()
		return next(ctx, r)
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range metrics {
		out <- m.Desc
	}
	c.handlers.Describe(out)
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	emitter{out: out}.node(&s)
	emitter{out, []string{guests, ""}}.traffic(&s.Guests)
	for i := range s.Discovery {
		emitter{out: out}.provider(&s.Discovery[i])
	}
	for i := range s.Peers {
		p := &s.Peers[i]
		emitter{out, []string{p.Peer.String(), p.Label}}.peer(p)
	}
	if c.measuring.Load() {
		for _, name := range c.names() {
			c.handlers.WithLabelValues(name) // makes it if it is not there
		}
	}
	c.handlers.Collect(out)
}
