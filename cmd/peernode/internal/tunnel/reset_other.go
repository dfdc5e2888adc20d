//go:build !unix

package tunnel

// resetOf returns nil: this system does not tell of a reset before the socket is read.
func resetOf(Local) error { return nil }
