package udp

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// ErrBroadcast says that an address in Options.Broadcast is not an IPv4 address.
var ErrBroadcast = errors.New("udp discovery: an address to broadcast to is not an IPv4 address")

// errNoInterface says that no interface, or none that Options names, is on, has its cable in and an address to announce to.
var errNoInterface = errors.New("no network interface that can be used")

// A ListenError says that the socket cannot be opened, so that announces are neither heard nor sent.
type ListenError struct {
	Port uint16 // the UDP port
	Err  error  // the system's
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("listen for announces on UDP port %d: %v (%s)", e.Port, e.Err, e.Hint())
}

// Unwrap returns the system's error.
func (e *ListenError) Unwrap() error { return e.Err }

// Hint returns advice: what to do about the error, in a sentence fragment.
func (e *ListenError) Hint() string {
	if errors.Is(e.Err, syscall.EAFNOSUPPORT) {
		return "this machine has no IPv4: find peers by mDNS, or give their addresses"
	}
	return lan.Advise(e.Err, "give all nodes another port, from 1024 up")
}
