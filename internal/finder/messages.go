package finder

import (
	"net/netip"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Commands from the node.
type (
	// Trusted says that a key is trusted from now on. What is known of it is told again, as Updated.
	Trusted struct{ Key identity.PublicKey }

	// Connected says that the first session with a key is up. While a session is up, the key's presences do not expire:
	// authenticated traffic counts as presence. A presence that its provider takes back is lost all the same.
	Connected struct {
		Key  identity.PublicKey
		Home netip.Addr     // where the session leads
		Addr netip.AddrPort // where this node dialled it; zero if the peer dialled
	}

	// Disconnected says that the last session with a key is not up any more. The presences have their whole time again.
	Disconnected struct {
		Key   identity.PublicKey
		Home  netip.AddrPort // where it led; it may be invalid
		Broke bool           // neither side meant it to end: that address loses its privileges
	}

	// Moved says that the machine's addresses have changed, or that it was asleep. Providers hear of it by Self.Changed;
	// those that have failed run again at once. All presences have their whole time again, because no provider could hear
	// anything.
	Moved struct{}

	// Listens says that the addresses that the node listens on have changed. Providers hear of it by Self.Changed.
	Listens struct{}

	// Stop ends the providers, which say goodbye. Stopped follows.
	Stop struct{}
)

// Events to the node, besides Change.
type (
	// Problem says that a provider cannot do something any more, or, with a nil Err, that it can again. State is that of the
	// provider afterwards.
	Problem struct {
		Source string
		State  discovery.State
		discovery.Problem
	}

	// Stopped says that no provider runs any more. It comes once after Stop.
	Stopped struct{}
)

// Events from the providers' actors.
type (
	// sighted is what a provider reports.
	sighted struct {
		from *provider
		discovery.Sighting
	}

	// failed says that a provider has ended by itself: it will not report what has gone.
	failed struct{ from *provider }
)

// expireDue says that the table has to be searched for what has expired.
type expireDue struct{}

// These may come after the finder's end. The log of dead letters need not show them.
func (sighted) IgnoreDeadLetterLogging()      {}
func (failed) IgnoreDeadLetterLogging()       {}
func (expireDue) IgnoreDeadLetterLogging()    {}
func (Connected) IgnoreDeadLetterLogging()    {}
func (Disconnected) IgnoreDeadLetterLogging() {}
func (Moved) IgnoreDeadLetterLogging()        {}
func (Listens) IgnoreDeadLetterLogging()      {}
