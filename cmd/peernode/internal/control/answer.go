package control

import (
	"encoding/json"
	"time"
)

// Answers. Peernode also prints the fields of Node, Peer, Sighting, Why and Event with --json, so their names never change.
type (
	// Node is the node's identity and state.
	Node struct {
		PublicKey string         `json:"public_key"`
		Addresses []string       `json:"addresses"` // that others can dial
		Listen    string         `json:"listen"`    // where it was told to listen at its start
		Listeners []Listener     `json:"listeners"` // where it listens now
		Discovery []string       `json:"discovery"` // the names of the providers that look for peers
		Advertise bool           `json:"advertise"` // whether the providers announce the node
		Private   bool           `json:"private"`   // whether they tell only its peers
		Providers []Provider     `json:"providers"` // the same providers, and how they are doing
		Started   time.Time      `json:"started,omitzero"`
		Uptime    float64        `json:"uptime_ms"`
		Peers     map[string]int `json:"peers"`                // how many are in each state
		Control   string         `json:"control"`              // the path of the control socket
		Metrics   string         `json:"metrics,omitempty"`    // the URL where its metrics are read
		Traffic   Traffic        `json:"traffic"`              // with all peers, including those that are not trusted any more
		Guests    Traffic        `json:"guests"`               // with guests, and with the nodes whose guest this node was
		PeersFile string         `json:"peers_file,omitempty"` // why the peers file cannot be used

		Tunnels []Tunnel `json:"tunnels,omitempty"` // what is exposed and forwarded

		Accepted      uint64            `json:"connections_accepted"` // that others made
		Strangers     int               `json:"strangers"`            // connections that have not authenticated yet
		HandshakesIn  map[string]uint64 `json:"handshakes_in"`        // that others began, by how they ended
		HandshakesOut map[string]uint64 `json:"handshakes_out"`       // that the node began, by how they ended
		EventsLost    uint64            `json:"events_lost"`          // to slow readers
	}

	// Listeners are the addresses that a node listens on.
	Listeners struct {
		Listeners []Listener `json:"listeners"`
	}

	// Listener is one of them.
	Listener struct {
		Address string `json:"address"` // of the socket
		Listen  string `json:"listen"`  // as it was given
	}

	// ListenerChange is what has become of one.
	ListenerChange struct {
		Listener
		Change    string   `json:"change"`    // added or removed
		Addresses []string `json:"addresses"` // that others can dial now
	}

	// InterfaceChange is what has become of a network interface.
	InterfaceChange struct {
		Interface string `json:"interface"`
		Change    string `json:"change"` // added, removed or unchanged
	}

	// Tunnel is a TCP address of this side that peers reach by a name, or one that leads to a name of a peer.
	Tunnel struct {
		Name    string   `json:"name"`
		Target  string   `json:"target,omitempty"`  // exposed: the TCP address
		Allow   []string `json:"allow,omitempty"`   // exposed: the keys that may use it; left out: all that are trusted
		Address string   `json:"address,omitempty"` // forwarded: where the node listens
		Peer    string   `json:"peer,omitempty"`    // forwarded: whose name it is
		Label   string   `json:"label,omitempty"`
	}

	// Knocks are the keys that were refused.
	Knocks struct {
		Knocks []Knock `json:"knocks"`
	}

	// Knock is one of them.
	Knock struct {
		Number    int       `json:"number"` // never that of another one
		PublicKey string    `json:"public_key"`
		Address   string    `json:"address"` // that it came from the last time
		First     time.Time `json:"first_time"`
		Last      time.Time `json:"last_time"`
		Count     uint64    `json:"count"`
	}

	// Blocked are the keys that are blocked.
	Blocked struct {
		Blocked []Block `json:"blocked"`
	}

	// Block is one of them.
	Block struct {
		PublicKey string    `json:"public_key"`
		Label     string    `json:"label,omitempty"` // if it is trusted
		Until     time.Time `json:"until"`
	}

	// KeyChange is what has become of a key.
	KeyChange struct {
		PublicKey string    `json:"public_key"`
		Label     string    `json:"label,omitempty"`
		Change    string    `json:"change"` // added, ignored, blocked, unblocked or unchanged
		Until     time.Time `json:"until,omitzero"`
	}

	// Provider is one way to look for peers.
	Provider struct {
		Name      string            `json:"name"`
		State     string            `json:"state"` // running, impaired, failed or ended
		Since     time.Time         `json:"since,omitzero"`
		Error     string            `json:"error,omitempty"`      // why it failed; kept for a minute after it runs again
		Advice    string            `json:"hint,omitempty"`       // what to do about that
		Next      time.Time         `json:"next,omitzero"`        // the latest time at which it runs again
		Sightings uint64            `json:"sightings"`            // that the node has read
		Dropped   uint64            `json:"dropped,omitempty"`    // that the node had no room for
		Uses      []string          `json:"interfaces,omitempty"` // the network interfaces that it uses, if it tells
		Unused    map[string]string `json:"unused,omitempty"`     // why it does not use the others, if it tells
		Silence   time.Time         `json:"silence,omitzero"`     // since when it has seen no node; set after a minute
		Problems  []Problem         `json:"problems,omitempty"`   // what it cannot do while it runs, or could not when it failed

		Counts map[string]uint64 `json:"counts,omitempty"` // what the provider itself counts
	}

	// Problem is something that a provider cannot do while it runs.
	Problem struct {
		Interface string    `json:"interface,omitempty"`
		Doing     string    `json:"doing"`
		Error     string    `json:"error"`
		Since     time.Time `json:"since"`
	}

	// Discovered is the nodes that are seen on the network, and the providers that look.
	Discovered struct {
		Seen      []Sighting `json:"seen"`
		Providers []Provider `json:"providers"`
	}

	// Sighting is one address at which one provider sees a key. None of its fields is proved.
	Sighting struct {
		PublicKey string    `json:"public_key"`
		Label     string    `json:"label,omitempty"`
		Trusted   bool      `json:"trusted"`
		Self      bool      `json:"self,omitempty"` // the key is that of this data directory's node
		Address   string    `json:"address"`
		Source    string    `json:"source"`              // the provider
		Interface string    `json:"interface,omitempty"` // where it was heard
		FirstSeen time.Time `json:"first_seen,omitzero"`
		LastSeen  time.Time `json:"last_seen,omitzero"`
	}

	// Peers are the trusted peers.
	Peers struct {
		Peers     []Peer `json:"peers"`
		PeersFile string `json:"peers_file,omitempty"` // why the peers file cannot be used
	}

	// Peer is one trusted peer as its node sees it now.
	Peer struct {
		PublicKey string    `json:"public_key"`
		Label     string    `json:"label,omitempty"`
		Name      string    `json:"name,omitempty"` // what the peer calls itself
		State     string    `json:"state"`
		Since     time.Time `json:"since,omitzero"`
		Reason    string    `json:"reason,omitempty"`
		Blocked   time.Time `json:"blocked_until,omitzero"` // set if this node blocks it
		Address   string    `json:"address,omitempty"`      // of the current connection
		Role      string    `json:"role,omitempty"`         // initiator or responder
		RTT       float64   `json:"rtt_ms,omitempty"`
		LastHeard time.Time `json:"last_heard,omitzero"`
		Dialect   string    `json:"dialect,omitempty"` // native or beam; left out: not known yet
		Addresses []Address `json:"addresses,omitempty"`

		// Only in lists of peers.
		SmoothedRTT float64  `json:"rtt_smoothed_ms,omitempty"`
		Traffic     *Traffic `json:"traffic,omitempty"`
	}

	// Address is one address of a peer, with the result of the last dial.
	Address struct {
		Address    string    `json:"address"`        // an IP address and port, or HOST:PORT to be looked up at each dial
		Name       string    `json:"name,omitempty"` // the HOST:PORT that the address comes from, if it is a name
		Source     string    `json:"source,omitempty"`
		LastSeen   time.Time `json:"last_seen,omitzero"`
		LastResult string    `json:"last_result,omitempty"`
	}

	// CallAllAnswer has the outcomes of a call to every trusted peer.
	CallAllAnswer struct {
		Outcomes []Outcome `json:"outcomes"`
	}

	// Outcome is the end of the call to one peer: a result, which may be null, or an error.
	Outcome struct {
		PublicKey string          `json:"public_key"`
		Label     string          `json:"label,omitempty"`
		Result    json.RawMessage `json:"result,omitempty"`
		Error     *Error          `json:"error,omitempty"`
		Took      float64         `json:"took_ms"`
	}

	// Why is what the node knows of its connection to a peer.
	Why struct {
		Peer
		History   []Step    `json:"history"`       // oldest first
		Next      time.Time `json:"next,omitzero"` // when the node dials it again by itself
		Advice    string    `json:"advice,omitempty"`
		Sentences []string  `json:"sentences"` // the same in words, as peernode prints it without --json
	}

	// Step is something that happened to a peer, once or several times.
	Step struct {
		Time    time.Time `json:"time,omitzero"`   // the first time
		Last    time.Time `json:"last,omitzero"`   // the last time; set if there were several
		Times   int       `json:"times,omitempty"` // how often; set if more than once
		State   string    `json:"state"`           // of the peer afterwards
		Address string    `json:"address,omitempty"`
		Source  string    `json:"source,omitempty"` // the provider or setting that gave the address
		Reason  string    `json:"reason,omitempty"`
	}

	// WatchLine is one thing that Watch tells: one of its fields is set.
	WatchLine struct {
		Peers []Peer `json:"peers,omitzero"` // all trusted peers, as they are now
		Event *Event `json:"event,omitempty"`
		Error *Error `json:"error,omitempty"` // why the stream ends, in the last line
	}

	// Event is one thing that happened to the node.
	Event struct {
		Kind string `json:"event"`
		Time string `json:"time,omitempty"` // RFC 3339, UTC, to the millisecond; listening has none

		// Of listening, the first event that run prints.
		PublicKey string   `json:"public_key,omitempty"`
		Addresses []string `json:"addresses,omitempty"`
		Control   string   `json:"control,omitempty"` // the path of the control socket

		// Of all events that concern a peer, or a guest.
		Peer    string `json:"peer,omitempty"`
		Label   string `json:"label,omitempty"`
		Address string `json:"address,omitempty"`

		Source    string          `json:"source,omitempty"`    // the provider, of found, updated, lost and discovery
		Interface string          `json:"interface,omitempty"` // found, updated: where the key was heard; discovery: where the problem is
		State     string          `json:"state,omitempty"`     // discovery: of the provider afterwards
		Doing     string          `json:"doing,omitempty"`     // discovery: what the provider cannot do, or can do again
		Left      *int            `json:"left,omitempty"`      // lost: how many sightings of the key are left
		Role      string          `json:"role,omitempty"`      // connected: this node's, initiator or responder
		Name      string          `json:"name,omitempty"`      // connected: what the peer calls itself; received: the handler
		Reason    string          `json:"reason,omitempty"`    // lost, disconnected, refused; discovery: why not, or empty if the provider can do it again
		Text      string          `json:"text,omitempty"`      // disconnected: the peer's own words
		Args      json.RawMessage `json:"args,omitempty"`      // received: what was sent
		Older     string          `json:"older,omitempty"`     // conflict: the addresses of the two nodes that use one key
		Newer     string          `json:"newer,omitempty"`
		By        string          `json:"by,omitempty"` // conflict of this node's key: the peer that says so
		ByLabel   string          `json:"by_label,omitempty"`
		Until     time.Time       `json:"until,omitzero"`   // blocked
		Missed    int             `json:"missed,omitempty"` // lagged: how many events were dropped

		// Of what carries bytes.
		Target   string   `json:"target,omitempty"`    // exposed: the TCP address that peers reach by Name
		Allow    []string `json:"allow,omitempty"`     // exposed: the keys of the peers that may use it; left out: all that are trusted
		BytesIn  *uint64  `json:"bytes_in,omitempty"`  // closed: from the peer
		BytesOut *uint64  `json:"bytes_out,omitempty"` // closed: to the peer
		Took     float64  `json:"took_ms,omitempty"`   // closed: how long it was open
		Error    *Error   `json:"error,omitempty"`     // closed: why it broke; left out if both ends have ended it
	}

	// CallAnswer is what the handler returned, as one JSON value.
	CallAnswer struct {
		Result json.RawMessage `json:"result"`
	}

	// GuestAnswer is what a handler for guests returned, and whose it is.
	GuestAnswer struct {
		PublicKey string          `json:"public_key"`
		Result    json.RawMessage `json:"result"`
	}

	// SendAnswer says to whom a message went.
	SendAnswer struct {
		PublicKey string `json:"public_key"`
		Label     string `json:"label,omitempty"`
	}

	// PingAnswer is one round trip.
	PingAnswer struct {
		PublicKey string  `json:"public_key"`
		Label     string  `json:"label,omitempty"`
		RTT       float64 `json:"rtt_ms"`
	}
)

// Traffic is what passed between the node and one peer, or all. Counters never go back. The numbers of calls in flight, of
// queued and reserved bytes and of sessions are those of the moment.
type Traffic struct {
	CallsIn  Calls  `json:"calls_in"`      // of the peer
	CallsOut Calls  `json:"calls_out"`     // of the node
	Refused  uint64 `json:"calls_refused"` // the peer was at its limits

	SendsIn   uint64 `json:"sends_in"`
	SendsOut  uint64 `json:"sends_out"`
	Dropped   uint64 `json:"sends_dropped"`   // the peer was at its limits
	Unhandled uint64 `json:"sends_unhandled"` // there is no such handler

	BytesIn   uint64 `json:"bytes_in"` // on the wire
	BytesOut  uint64 `json:"bytes_out"`
	FramesIn  uint64 `json:"frames_in"`
	FramesOut uint64 `json:"frames_out"`
	QueuedIn  int    `json:"queued_bytes_in"`  // arguments of calls and sends that run or wait here
	QueuedOut int    `json:"queued_bytes_out"` // envelopes that wait to be written

	StreamBytes    int    `json:"stream_reserved_bytes"`   // for streams: see docs/peernode.md
	StreamsIgnored uint64 `json:"stream_messages_ignored"` // about streams that were over

	Sessions      int               `json:"sessions"`
	SessionsMade  uint64            `json:"sessions_made"`
	SessionsEnded map[string]uint64 `json:"sessions_ended"` // by reason

	Dials       uint64 `json:"dials"` // TCP connections that were made
	DialsFailed uint64 `json:"dials_failed"`
}

// Calls are calls in one direction.
type Calls struct {
	InFlight  int               `json:"in_flight"`
	OK        uint64            `json:"ok"`
	Failed    uint64            `json:"failed"`           // in any way
	Errors    map[string]uint64 `json:"errors,omitempty"` // of the failed ones: answered with an error, by code
	Lost      uint64            `json:"lost"`             // of the failed ones: the connection broke
	Abandoned uint64            `json:"abandoned"`        // of the failed ones: the caller gave up
}

// Milliseconds returns d in ms, to the microsecond, as the fields that end in _ms hold it.
func Milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)/time.Microsecond) / 1000
}
