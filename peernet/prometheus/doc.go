// Package prometheus offers the numbers of a node to Prometheus. A [Collector] reads [peernet.Node.Stats] at each scrape
// and costs nothing between two scrapes. It can also measure how long handlers take:
//
//	c := prometheus.New(node)
//	registry.MustRegister(c)
//	node.Use(c.Measure)
//
// The application chooses the registry: this package registers nothing by itself, and never uses the default registry. The
// metrics of two nodes have the same names. So each node needs a registry of its own, or labels that tell the nodes apart
// (WrapRegistererWith of client_golang).
//
// All names begin with peernet_. Metrics of a peer have the labels peer, its key, and label, this node's own name for it.
// Every other label takes a bounded number of values: no peer can make new metrics by what it sends. All series exist from the
// start, at 0: those of a peer from the moment when it is trusted. Round trips are NaN until there was a ping.
package prometheus
