package prometheus

import "github.com/prometheus/client_golang/prometheus"

// A metric is what all values of one name have in common.
type metric struct {
	*prometheus.Desc
	kind prometheus.ValueType
}

// metrics are all there are, those of handlers excepted.
var metrics []metric

// newMetric returns a metric and adds it to metrics.
func newMetric(kind prometheus.ValueType, name, help string, labels ...string) metric {
	m := metric{prometheus.NewDesc("peernet_"+name, help, labels, nil), kind}
	metrics = append(metrics, m)
	return m
}

func counter(name, help string, labels ...string) metric {
	return newMetric(prometheus.CounterValue, name, help, labels...)
}

func gauge(name, help string, labels ...string) metric {
	return newMetric(prometheus.GaugeValue, name, help, labels...)
}

func peerCounter(name, help string, labels ...string) metric {
	return counter(name, help, append([]string{"peer", "label"}, labels...)...)
}

func peerGauge(name, help string, labels ...string) metric {
	return gauge(name, help, append([]string{"peer", "label"}, labels...)...)
}

// Metrics of the node.
var (
	uptime     = gauge("uptime_seconds", "How long the node has run.")
	peers      = gauge("peers", "Trusted peers by what their link is doing.", "state")
	accepted   = counter("connections_accepted_total", "Connections that others made to this node.")
	strangers  = gauge("strangers", "Connections of others that have not authenticated yet.")
	handshakes = counter("handshakes_total", "Handshakes by this node's role and by what became of them.", "role", "result")
	eventsLost = counter("events_lost_total", "Events that were dropped because a subscriber was slow.")
)

// Metrics of each discovery provider.
var (
	running          = gauge("discovery_running", "Whether a discovery provider runs: 1, or 0 if it has failed and will be tried again.", "provider")
	sightings        = counter("discovery_sightings_total", "Sightings of a discovery provider that the node has looked at.", "provider")
	sightingsDropped = counter("discovery_sightings_dropped_total", "Sightings of a discovery provider for which there was no room.", "provider")
	providerEvents   = counter("discovery_events_total", "What a discovery provider counts itself, such as announces sent and heard.", "provider", "event")
)

// Metrics of each trusted peer.
var (
	calls          = peerCounter("calls_total", "Calls that have ended, of the peer (in) and of this node (out), by how: ok; the code of the error, or other; lost; abandoned.", "direction", "code")
	callsInFlight  = peerGauge("calls_in_flight", "Calls that have begun and not ended.", "direction")
	callsRefused   = peerCounter("calls_refused_total", "Calls of the peer that were answered overloaded because it was at its limits.")
	sends          = peerCounter("sends_total", "Sends that arrived (in) or were queued (out).", "direction")
	sendsDropped   = peerCounter("sends_dropped_total", "Sends of the peer for which there was no room.")
	sendsUnhandled = peerCounter("sends_unhandled_total", "Sends of the peer to a handler that is not there.")
	bytes          = peerCounter("wire_bytes_total", "Bytes read from the peer (in) and written to it (out), without handshakes.", "direction")
	frames         = peerCounter("wire_frames_total", "Frames read from the peer (in) and written to it (out), without handshakes.", "direction")
	queued         = peerGauge("queue_bytes", "Arguments of the peer's calls and sends that run or wait (in), and envelopes that wait to be written to it (out).", "direction")
	sessions       = peerGauge("sessions", "Sessions that are up.")
	sessionsMade   = peerCounter("sessions_made_total", "Sessions that came up.")
	sessionsEnded  = peerCounter("sessions_ended_total", "Sessions that have ended, by the reason.", "reason")
	dials          = peerCounter("dials_total", "TCP connects to the peer.", "result")
	rtt            = peerGauge("rtt_seconds", "Round trip of the last ping.")
	smoothedRTT    = peerGauge("smoothed_rtt_seconds", "Smoothed mean of the round trips of pings.")
)
