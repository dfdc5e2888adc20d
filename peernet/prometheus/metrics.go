package prometheus

import "github.com/prometheus/client_golang/prometheus"

// A metric is what all values of one name have in common.
type metric struct {
	*prometheus.Desc
	kind prometheus.ValueType
}

// metrics are all there are, those of handlers excepted.
var metrics []metric

// Kinds of metrics.
const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// ofNode returns a metric and adds it to metrics.
func ofNode(kind prometheus.ValueType, name, help string, labels ...string) metric {
	m := metric{prometheus.NewDesc("peernet_"+name, help, labels, nil), kind}
	metrics = append(metrics, m)
	return m
}

// ofPeer is ofNode for a metric that each peer has.
func ofPeer(kind prometheus.ValueType, name, help string, labels ...string) metric {
	return ofNode(kind, name, help, append([]string{"peer", "label"}, labels...)...)
}

// Metrics of the node.
var (
	uptime     = ofNode(gauge, "uptime_seconds", "How long the node has run.")
	peers      = ofNode(gauge, "peers", "Trusted peers by what their link is doing.", "state")
	accepted   = ofNode(counter, "connections_accepted_total", "Connections that others made to this node.")
	strangers  = ofNode(gauge, "strangers", "Connections of others that have not authenticated yet.")
	handshakes = ofNode(counter, "handshakes_total", "Handshakes by this node's role and by their results.", "role", "result")
	eventsLost = ofNode(counter, "events_lost_total", "Events that were dropped because a subscriber was slow.")
)

// Metrics of each discovery provider.
var (
	running          = ofNode(gauge, "discovery_running", "Whether a discovery provider does all that it should: 1, or 0 if it is impaired or has failed.", "provider")
	sightings        = ofNode(counter, "discovery_sightings_total", "Sightings of a discovery provider that the node has looked at.", "provider")
	sightingsDropped = ofNode(counter, "discovery_sightings_dropped_total", "Sightings of a discovery provider for which there was no room.", "provider")
	providerEvents   = ofNode(counter, "discovery_events_total", "What a discovery provider counts itself, such as announces sent and heard.", "provider", "event")
)

// guests is the peer label of all guests together, and of the nodes whose guest this node was.
const guests = "guests"

// Metrics of each trusted peer, and but for round trips of guests.
var (
	calls          = ofPeer(counter, "calls_total", "Calls that have ended, of the peer (in) and of this node (out), by how: ok; the code of the error, or other; lost; abandoned.", "direction", "code")
	callsInFlight  = ofPeer(gauge, "calls_in_flight", "Calls that have begun and not ended.", "direction")
	callsRefused   = ofPeer(counter, "calls_refused_total", "Calls of the peer that were answered overloaded because it was at its limits.")
	sends          = ofPeer(counter, "sends_total", "Sends that arrived (in) or were queued (out).", "direction")
	sendsDropped   = ofPeer(counter, "sends_dropped_total", "Sends of the peer for which there was no room.")
	sendsUnhandled = ofPeer(counter, "sends_unhandled_total", "Sends of the peer to a handler that is not there.")
	bytes          = ofPeer(counter, "wire_bytes_total", "Bytes read from the peer (in) and written to it (out), without handshakes.", "direction")
	frames         = ofPeer(counter, "wire_frames_total", "Frames read from the peer (in) and written to it (out), without handshakes.", "direction")
	queued         = ofPeer(gauge, "queue_bytes", "Arguments of the peer's calls and sends that run or wait (in), and envelopes that wait to be written to it (out).", "direction")
	streamBytes    = ofPeer(gauge, "stream_reserved_bytes", "Bytes reserved for streams with the peer.")
	streamsIgnored = ofPeer(counter, "stream_messages_ignored_total", "Values, credit and ends of streams that were over when they came.")
	sessions       = ofPeer(gauge, "sessions", "Sessions that are up.")
	sessionsMade   = ofPeer(counter, "sessions_made_total", "Sessions that came up.")
	sessionsEnded  = ofPeer(counter, "sessions_ended_total", "Sessions that have ended, by the reason.", "reason")
	dials          = ofPeer(counter, "dials_total", "TCP connects to the peer.", "result")
	rtt            = ofPeer(gauge, "rtt_seconds", "Round trip of the last ping.")
	smoothedRTT    = ofPeer(gauge, "smoothed_rtt_seconds", "Smoothed mean of the round trips of pings.")
)
