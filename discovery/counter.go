package discovery

// A Counter is a Provider that counts events, for the statistics of the node.
type Counter interface {
	Provider

	// Counts returns how often each event has happened since the provider was made. Names are lower case, with
	// underscores. They are few and the same at every call: what is heard never adds one. No number goes back. Counts is
	// safe for concurrent use, and the map is the caller's.
	Counts() map[string]uint64
}
