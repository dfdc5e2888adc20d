package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A family is one metric, with all the values of its labels, of the node or of one peer.
type family[T any] struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	tell func(of *T, emit func(value float64, labels ...string))
}

// peerLabels come first in what is told of each peer: its key, and this node's label for it.
var peerLabels = []string{"peer", "label"}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("peernet_"+name, help, labels, nil)
}

func ofPeer(name, help string, labels ...string) *prometheus.Desc {
	return desc(name, help, append(peerLabels[:len(peerLabels):len(peerLabels)], labels...)...)
}

// Shorthands for the kinds.
const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// nodeFamilies are told of the node.
var nodeFamilies = []family[peernet.Stats]{
	{desc("uptime_seconds", "How long the node has run."), gauge, func(s *peernet.Stats, emit func(float64, ...string)) {
		emit(s.Uptime.Seconds())
	}},
	{desc("peers", "Trusted peers by what their link is doing.", "state"), gauge, func(s *peernet.Stats, emit func(float64, ...string)) {
		in := make(map[peernet.PeerState]int)
		for _, p := range s.Peers {
			in[p.State]++
		}
		for _, state := range states {
			emit(float64(in[state]), string(state))
		}
	}},
	{desc("connections_accepted_total", "Connections that others made to this node."), counter, func(s *peernet.Stats, emit func(float64, ...string)) {
		emit(float64(s.Accepted))
	}},
	{desc("strangers", "Connections of others that have not authenticated yet."), gauge, func(s *peernet.Stats, emit func(float64, ...string)) {
		emit(float64(s.Strangers))
	}},
	{desc("handshakes_total", "Handshakes by this node's role and by what became of them.", "role", "result"), counter, func(s *peernet.Stats, emit func(float64, ...string)) {
		each(s.HandshakesOut, emit, "initiator")
		each(s.HandshakesIn, emit, "responder")
	}},
	{desc("events_lost_total", "Events that were dropped because a subscriber was slow."), counter, func(s *peernet.Stats, emit func(float64, ...string)) {
		emit(float64(s.EventsLost))
	}},
	{desc("discovery_running", "Whether a discovery provider runs: 1, or 0 if it has failed and will be tried again.", "provider"), gauge, func(s *peernet.Stats, emit func(float64, ...string)) {
		for _, p := range s.Discovery {
			running := 0.0
			if p.State == peernet.ProviderRunning {
				running = 1
			}
			emit(running, p.Name)
		}
	}},
	{desc("discovery_sightings_total", "Sightings of a discovery provider that the node has looked at.", "provider"), counter, func(s *peernet.Stats, emit func(float64, ...string)) {
		for _, p := range s.Discovery {
			emit(float64(p.Sightings), p.Name)
		}
	}},
	{desc("discovery_sightings_dropped_total", "Sightings of a discovery provider for which there was no room.", "provider"), counter, func(s *peernet.Stats, emit func(float64, ...string)) {
		for _, p := range s.Discovery {
			emit(float64(p.Dropped), p.Name)
		}
	}},
	{desc("discovery_events_total", "What a discovery provider counts itself, such as announces sent and heard.", "provider", "event"), counter, func(s *peernet.Stats, emit func(float64, ...string)) {
		for _, p := range s.Discovery {
			each(p.Counts, emit, p.Name)
		}
	}},
}

// peerFamilies are told of each peer.
var peerFamilies = []family[peernet.PeerStats]{
	{ofPeer("calls_total", "Calls that have ended, of the peer (in) and of this node (out), by how: ok; the code of the error, or other; lost; abandoned.", "direction", "code"), counter, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		ended(s.CallsIn, emit, "in")
		ended(s.CallsOut, emit, "out")
	}},
	{ofPeer("calls_in_flight", "Calls that have begun and not ended.", "direction"), gauge, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		emit(float64(s.CallsIn.InFlight), "in")
		emit(float64(s.CallsOut.InFlight), "out")
	}},
	{ofPeer("calls_refused_total", "Calls of the peer that were answered overloaded because it was at its limits."), counter, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		emit(float64(s.Refused))
	}},
	{ofPeer("sends_total", "Sends that arrived (in) or were queued (out).", "direction"), counter, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		emit(float64(s.SendsIn), "in")
		emit(float64(s.SendsOut), "out")
	}},
	{ofPeer("sends_dropped_total", "Sends of the peer for which there was no room."), counter, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		emit(float64(s.Dropped))
	}},
	{ofPeer("sends_unhandled_total", "Sends of the peer to a handler that is not there."), counter, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		emit(float64(s.Unhandled))
	}},
	{ofPeer("wire_bytes_total", "Bytes read from the peer (in) and written to it (out), without handshakes.", "direction"), counter, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		emit(float64(s.BytesIn), "in")
		emit(float64(s.BytesOut), "out")
	}},
	{ofPeer("wire_frames_total", "Frames read from the peer (in) and written to it (out), without handshakes.", "direction"), counter, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		emit(float64(s.FramesIn), "in")
		emit(float64(s.FramesOut), "out")
	}},
	{ofPeer("queue_bytes", "Arguments of the peer's calls and sends that run or wait (in), and envelopes that wait to be written to it (out).", "direction"), gauge, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		emit(float64(s.QueuedIn), "in")
		emit(float64(s.QueuedOut), "out")
	}},
	{ofPeer("sessions", "Sessions that are up."), gauge, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		emit(float64(s.Sessions))
	}},
	{ofPeer("sessions_made_total", "Sessions that came up."), counter, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		emit(float64(s.SessionsMade))
	}},
	{ofPeer("sessions_ended_total", "Sessions that have ended, by the reason.", "reason"), counter, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		each(s.SessionsEnded, emit)
	}},
	{ofPeer("dials_total", "TCP connects to the peer.", "result"), counter, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		emit(float64(s.Dials), "connected")
		emit(float64(s.DialsFailed), "failed")
	}},
	{ofPeer("rtt_seconds", "Round trip of the last ping."), gauge, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		if s.RTT > 0 {
			emit(s.RTT.Seconds())
		}
	}},
	{ofPeer("smoothed_rtt_seconds", "Smoothed mean of the round trips of pings."), gauge, func(s *peernet.PeerStats, emit func(float64, ...string)) {
		if s.SmoothedRTT > 0 {
			emit(s.SmoothedRTT.Seconds())
		}
	}},
}

// each emits numbers by name, which is the last label.
func each(numbers map[string]uint64, emit func(float64, ...string), labels ...string) {
	for name, n := range numbers {
		emit(float64(n), append(labels[:len(labels):len(labels)], name)...)
	}
}

// ended emits how calls in one direction have ended. Ends that did not occur are left out, but for ok.
func ended(c peernet.CallStats, emit func(float64, ...string), direction string) {
	emit(float64(c.OK), direction, "ok")
	each(c.Errors, emit, direction)
	for _, end := range []struct {
		code string
		n    uint64
	}{{"lost", c.Lost}, {"abandoned", c.Abandoned}} {
		if end.n > 0 {
			emit(float64(end.n), direction, end.code)
		}
	}
}

// A statsCollector makes metrics of a node's Stats. It is a prometheus.Collector.
type statsCollector struct{ stats func() peernet.Stats }

// Describe implements prometheus.Collector.
func (c statsCollector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range nodeFamilies {
		out <- f.desc
	}
	for _, f := range peerFamilies {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c statsCollector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	for _, f := range nodeFamilies {
		f.collect(&s, out)
	}
	for _, f := range peerFamilies {
		for i := range s.Peers {
			p := &s.Peers[i]
			f.collect(p, out, p.Peer.String(), p.Label)
		}
	}
}

func (f family[T]) collect(of *T, out chan<- prometheus.Metric, labels ...string) {
	f.tell(of, func(value float64, more ...string) {
		out <- prometheus.MustNewConstMetric(f.desc, f.kind, value, append(labels[:len(labels):len(labels)], more...)...)
	})
}

// handlerTimes measures how long handlers take. Its labels are their names, which are this node's own.
type handlerTimes struct{ *prometheus.HistogramVec }

func newHandlerTimes() handlerTimes {
	return handlerTimes{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "peernet_handler_duration_seconds",
		Help:    "How long handlers took, for calls and sends alike.",
		Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10},
	}, []string{"handler"})}
}

// around returns a handler that is measured.
func (t handlerTimes) around(next peernet.Handler) peernet.Handler {
	return func(ctx context.Context, r *peernet.Request) (any, error) {
		began := time.Now()
		defer func() { t.WithLabelValues(r.Name()).Observe(time.Since(began).Seconds()) }() // also if it panics
		return next(ctx, r)
	}
}

// newRegistry returns what the node of this command tells: its own metrics, those of its handlers, of Go and of the process.
func newRegistry(stats func() peernet.Stats, times handlerTimes) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(statsCollector{stats}, times, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
