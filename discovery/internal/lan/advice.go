package lan

import "errors"

// Advise says what to do about a socket that cannot be opened, in a sentence fragment. orElse is what helps if the port
// cannot be had.
func Advise(err error, orElse string) string {
	switch {
	case errors.Is(err, ErrInUse):
		return "another program has the port for itself: stop it, or " + orElse
	case errors.Is(err, ErrForbidden):
		return "the system forbids it: let this program use the network, or " + orElse
	}
	return "until this works, peers are found in other ways alone"
}
