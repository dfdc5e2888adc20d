package prometheus

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// An emitter sends the values of metrics to one scrape.
type emitter struct {
	out    chan<- prometheus.Metric
	labels []string // come first in each value: those of the peer, if there is one
}

// emit sends one value.
func emit[N int | uint64 | float64](e emitter, m metric, value N, labels ...string) {
	e.out <- prometheus.MustNewConstMetric(m.Desc, m.kind, float64(value), slices.Concat(e.labels, labels)...)
}

// each sends values by name; the name is the last label. Those of names have a value from the start, 0.
func each[N ~string](e emitter, m metric, names []N, values map[string]uint64, labels ...string) {
	all := make(map[string]uint64, len(names))
	for _, name := range names {
		all[string(name)] = 0
	}
	maps.Copy(all, values)
	for name, n := range all {
		emit(e, m, n, slices.Concat(labels, []string{name})...)
	}
}

// states are those a peer can be in. Each has a value, also while no peer is in it.
var states = []peernet.PeerState{
	peernet.StateConnected, peernet.StateDialling, peernet.StateBackingOff, peernet.StateFound, peernet.StateUnknown,
}

// node sends the metrics of the node.
func (e emitter) node(s *peernet.Stats) {
	emit(e, uptime, s.Uptime.Seconds())
	in := make(map[string]uint64)
	for _, p := range s.Peers {
		in[string(p.State)]++
	}
	each(e, peers, states, in)
	emit(e, accepted, s.Accepted)
	emit(e, strangers, s.Strangers)
	each(e, handshakes, counters.HandshakeResults[:], s.HandshakesOut, "initiator")
	each(e, handshakes, counters.HandshakeResults[:], s.HandshakesIn, "responder")
	emit(e, eventsLost, s.EventsLost)
}

// provider sends the metrics of a discovery provider.
func (e emitter) provider(p *peernet.ProviderStatus) {
	runs := 0
	if p.State == peernet.ProviderRunning {
		runs = 1
	}
	emit(e, running, runs, p.Name)
	emit(e, sightings, p.Sightings, p.Name)
	emit(e, sightingsDropped, p.Dropped, p.Name)
	each[string](e, providerEvents, nil, p.Counts, p.Name)
}

// peer sends the metrics of a peer.
func (e emitter) peer(p *peernet.PeerStats) {
	e.traffic(&p.Traffic)
	emit(e, rtt, secondsOrNone(p.RTT))
	emit(e, smoothedRTT, secondsOrNone(p.SmoothedRTT))
}

// traffic sends the metrics of what passed between the node and a peer, or all guests.
func (e emitter) traffic(p *peernet.Traffic) {
	e.callStats(&p.CallsIn, "in")
	e.callStats(&p.CallsOut, "out")
	emit(e, callsRefused, p.Refused)
	emit(e, sends, p.SendsIn, "in")
	emit(e, sends, p.SendsOut, "out")
	emit(e, sendsDropped, p.Dropped)
	emit(e, sendsUnhandled, p.Unhandled)
	emit(e, bytes, p.BytesIn, "in")
	emit(e, bytes, p.BytesOut, "out")
	emit(e, frames, p.FramesIn, "in")
	emit(e, frames, p.FramesOut, "out")
	emit(e, queued, p.QueuedIn, "in")
	emit(e, queued, p.QueuedOut, "out")
	emit(e, streamBytes, p.StreamBytes)
	emit(e, streamsIgnored, p.StreamsIgnored)
	emit(e, sessions, p.Sessions)
	emit(e, sessionsMade, p.SessionsMade)
	each(e, sessionsEnded, counters.EndReasons[:], p.SessionsEnded)
	emit(e, dials, p.Dials, "connected")
	emit(e, dials, p.DialsFailed, "failed")
}

// secondsOrNone returns a round trip; NaN if there was no ping, as 0 would be a time.
func secondsOrNone(d time.Duration) float64 {
	if d == 0 {
		return math.NaN()
	}
	return d.Seconds()
}

// callStats sends the metrics of calls in one direction.
func (e emitter) callStats(c *peernet.CallStats, direction string) {
	emit(e, callsInFlight, c.InFlight, direction)
	emit(e, calls, c.OK, direction, "ok")
	each(e, calls, counters.CallErrors[:], c.Errors, direction)
	emit(e, calls, c.Lost, direction, "lost")
	emit(e, calls, c.Abandoned, direction, "abandoned")
}
