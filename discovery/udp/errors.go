package udp

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrBroadcast says that Options.Broadcast holds what is no IPv4 address.
var ErrBroadcast = errors.New("udp discovery: broadcast to what is no IPv4 address")

// A ListenError says that announces cannot be heard, and so none are sent: the socket cannot be opened.
type ListenError struct {
	Port uint16 // the UDP port
	Err  error  // the system's
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("listen for announces on UDP port %d: %v (%s)", e.Port, e.Err, e.Hint())
}

// Unwrap returns the system's error.
func (e *ListenError) Unwrap() error { return e.Err }

// Hint says what to do about it, in a sentence fragment.
func (e *ListenError) Hint() string {
	switch {
	case errors.Is(e.Err, errInUse):
		return "another program has the port for itself: stop it, or give all nodes another port"
	case errors.Is(e.Err, errForbidden):
		return "the system forbids it: let this program use the network, or give all nodes a port from 1024 up"
	case errors.Is(e.Err, syscall.EAFNOSUPPORT):
		return "this machine has no IPv4: find peers by mDNS, or give their addresses"
	}
	return "until this works, peers are found in other ways alone"
}
