//go:build !unix

package tunnel

// resetOf returns nil: this system does not tell of a reset before the socket is read.
func resetOf(Local) error { return nil }

// goneOf returns nil for the same reason.
func goneOf(Local) error { return nil }
