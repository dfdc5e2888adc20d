package mdns

import (
	"errors"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// Reasons why mDNS cannot be used, beside those that the system has.
var (
	// ErrNoInterface says that no interface, or none that Options names, is on, has its cable in, can multicast and has an
	// address.
	ErrNoInterface = errors.New("no network interface that can be used")
	// ErrNetwork says that the node has a network of its own: mDNS needs the system's.
	ErrNetwork = errors.New("the node does not use the system's network")
)

// A NetworkError says that mDNS cannot be used as the network is now.
type NetworkError struct {
	Doing string // what failed
	Err   error  // ErrNoInterface, ErrNetwork, or the system's
}

func listenError(err error) error { return &NetworkError{"listen on UDP port 5353", err} }

func (e *NetworkError) Error() string {
	return fmt.Sprintf("mdns: %s: %v (%s)", e.Doing, e.Err, e.Hint())
}

// Unwrap returns Err.
func (e *NetworkError) Unwrap() error { return e.Err }

// Hint returns advice: what to do about the error, in a sentence fragment.
func (e *NetworkError) Hint() string {
	switch {
	case errors.Is(e.Err, ErrNoInterface):
		return "connect the machine to a network, or name another interface"
	case errors.Is(e.Err, ErrNetwork):
		return "leave it out on a network in memory"
	}
	return lan.Advise(e.Err, "find peers in another way")
}
