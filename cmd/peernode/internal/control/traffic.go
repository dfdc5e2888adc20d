package control

// Traffic is what passed between the node and one peer, or all. Numbers never go back, but those in flight, queued and of
// sessions, which are as they are at the moment.
type Traffic struct {
	CallsIn  Calls  `json:"calls_in"`      // of the peer
	CallsOut Calls  `json:"calls_out"`     // of the node
	Refused  uint64 `json:"calls_refused"` // of the peer, because it was at its limits

	SendsIn   uint64 `json:"sends_in"`
	SendsOut  uint64 `json:"sends_out"`
	Dropped   uint64 `json:"sends_dropped"`   // of the peer, because it was at its limits
	Unhandled uint64 `json:"sends_unhandled"` // of the peer, to a handler that is not there

	BytesIn   uint64 `json:"bytes_in"` // on the wire
	BytesOut  uint64 `json:"bytes_out"`
	FramesIn  uint64 `json:"frames_in"`
	FramesOut uint64 `json:"frames_out"`
	QueuedIn  int    `json:"queued_bytes_in"`  // arguments of what runs and waits here
	QueuedOut int    `json:"queued_bytes_out"` // what waits to be written

	Sessions      int               `json:"sessions"`
	SessionsMade  uint64            `json:"sessions_made"`
	SessionsEnded map[string]uint64 `json:"sessions_ended"` // by reason

	Dials       uint64 `json:"dials"` // TCP connects that were made
	DialsFailed uint64 `json:"dials_failed"`
}

// Calls are calls in one direction.
type Calls struct {
	InFlight  int               `json:"in_flight"`
	OK        uint64            `json:"ok"`
	Failed    uint64            `json:"failed"`           // in whatever way
	Errors    map[string]uint64 `json:"errors,omitempty"` // of those that failed: answered with an error, by code
	Lost      uint64            `json:"lost"`             // of those that failed: the link broke
	Abandoned uint64            `json:"abandoned"`        // of those that failed: the caller gave up
}
