package lan

import (
	"errors"
	"net"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// Reasons why an interface is not used, or only in part.
var (
	ErrNoBroadcasts = errors.New("it carries no broadcasts")
	ErrNoMulticasts = errors.New("it carries no multicasts")

	errAbsent       = errors.New("there is no interface of this name")
	errDown         = errors.New("it is down, or has no cable in")
	errLoopback     = errors.New("it is the loopback, with this machine alone on it")
	errNoAddress    = errors.New("it has no address")
	errPointToPoint = errors.New("it is point-to-point, with one machine at its other end")
	errRemoved      = errors.New("it was taken away")
	errUnfit        = errors.New("others cannot reach this node there")
)

// Unused returns why a provider that is to use all interfaces that fit does not use some, by their names. If others are left
// out because interfaces were named, it returns nothing.
func Unused(all []discovery.Interface, selected Selection, using []discovery.Interface) map[string]string {
	unused := make(map[string]string)
	for _, i := range all {
		switch {
		case !selected.All || slices.ContainsFunc(using, func(u discovery.Interface) bool { return u.Index == i.Index }):
		case slices.Contains(selected.Removed, i.Name):
			unused[i.Name] = errRemoved.Error()
		default:
			unused[i.Name] = whyUnused(i).Error()
		}
	}
	return unused
}

// whyUnused returns the first reason that holds for an interface that is not used.
func whyUnused(i discovery.Interface) error {
	switch {
	case i.Flags&carries != carries:
		return errDown
	case i.Flags&net.FlagLoopback != 0:
		return errLoopback
	case i.Flags&net.FlagPointToPoint != 0:
		return errPointToPoint
	case len(i.Addrs) == 0:
		return errNoAddress
	case i.Flags&net.FlagMulticast == 0:
		return ErrNoMulticasts
	}
	return errUnfit
}
