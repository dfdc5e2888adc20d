package peertest

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// Delay makes what is sent from now on between every two of these nodes, or on the whole network if there are none, take so
// long one way. A call then takes twice that, and a connection is up at both ends after six times. What is said last counts.
func (n *Network) Delay(d time.Duration, nodes ...*Node) {
	if len(nodes) == 0 {
		n.mem.SetDelay(d, 0)
		return
	}
	for _, p := range pairs(nodes) {
		a, b := p[0], p[1]
		n.mem.SetDelayBetween(a.host, b.host, d, 0)
	}
}

// Bandwidth limits every connection between every two of these nodes, or on the whole network if there are none, to that many bytes
// a second each way, from now on; 0 is no limit. What is said last counts. What a slow peer does to a stream is felt so: its sender
// waits, and nobody else does. badline_test.go in this package is an example.
func (n *Network) Bandwidth(bytesPerSecond int, nodes ...*Node) {
	if len(nodes) == 0 {
		n.mem.SetRate(bytesPerSecond)
		return
	}
	for _, p := range pairs(nodes) {
		n.mem.SetRateBetween(p[0].host, p[1].host, bytesPerSecond)
	}
}

// Lose makes the network lose that fraction of the datagrams that are sent from now on, 0.3 for instance, as wireless ones do: the
// announces of discovery/udp are datagrams. 0 ends it. Which ones are lost depends on the seed. Connections lose nothing.
// badline_test.go in this package is an example.
func (n *Network) Lose(fraction float64) { n.mem.SetLoss(fraction) }

// Cut stops everything between every two of these nodes, without notice, as a pulled cable does: what is sent waits,
// and arrives after Heal if the nodes have not given up. Each of them finds out that the other is silent: after 25 s, by the
// default of peernet.Config.Timing.
func (n *Network) Cut(nodes ...*Node) {
	for _, p := range pairs(nodes) {
		a, b := p[0], p[1]
		n.mem.Cut(a.host, b.host)
	}
}

// Partition lets nodes reach only those of their own group, as Cut between all others would. Nodes that no group names are one
// more group, so that one group is cut off from the rest. It replaces the partition before it.
func (n *Network) Partition(groups ...[]*Node) {
	hosts := make([][]*memnet.Host, len(groups))
	for i, g := range groups {
		for _, node := range g {
			hosts[i] = append(hosts[i], node.host)
		}
	}
	n.mem.Partition(hosts...)
}

// Heal ends every Cut and the Partition. Nodes dial the peers again that they have lost, within half a minute.
func (n *Network) Heal() { n.mem.HealAll() }

// Reset breaks the connections between every two of these nodes, at both ends and at once, as a router that forgets them does.
// The nodes may dial each other again.
func (n *Network) Reset(nodes ...*Node) {
	for _, p := range pairs(nodes) {
		a, b := p[0], p[1]
		n.mem.Reset(a.host, b.host)
	}
}
