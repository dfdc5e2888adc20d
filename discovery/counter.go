package discovery

// A Counter is a Provider that tells what it has counted, for the statistics of the node.
type Counter interface {
	Provider

	// Counts returns how often each thing has happened since the provider was made. Names are lower case, with underscores,
	// the same at every call, and few: nothing that is heard adds one. No number goes back. It is safe for concurrent use, and the map is the
	// caller's.
	Counts() map[string]uint64
}
