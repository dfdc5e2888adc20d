package finder

import (
	"net/netip"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Commands from the node.
type (
	// Trusted asks for what is known of a key that is trusted from now on: it is told again, as Updated.
	Trusted struct{ Key identity.PublicKey }

	// Connected says that the first session with a key is up. While one is, its presences do not expire: authenticated
	// traffic counts as presence. What its provider takes back is lost all the same.
	Connected struct {
		Key  identity.PublicKey
		Home netip.Addr     // where the session leads
		Addr netip.AddrPort // where this node has dialled it; zero if it was the peer who dialled
	}

	// Disconnected says that the last one is not up any more: the presences have their whole time again.
	Disconnected struct {
		Key  identity.PublicKey
		Home netip.Addr // where it led
	}

	// Moved says that the machine's addresses have changed, or that it has been asleep. The providers are told by
	// Self.Changed, those that have failed are run again at once, and all presences have their whole time again,
	// because nobody could be heard.
	Moved struct{}

	// Stop ends the providers, which say goodbye. Stopped follows.
	Stop struct{}
)

// Events to the node, besides Change.
type (
	// Stopped says that after Stop no provider runs. It comes once.
	Stopped struct{}
)

// Events from the providers' actors.
type (
	// sighted is what a provider reports.
	sighted struct {
		from *provider
		discovery.Sighting
	}

	// failed is a provider that has ended although nobody told it to: it will not say what has gone.
	failed struct{ from *provider }
)

// expireDue is the table's own timer: something is not heard of in time.
type expireDue struct{}

// Nobody needs to read in a log that these came after the finder's end.
func (sighted) IgnoreDeadLetterLogging()      {}
func (failed) IgnoreDeadLetterLogging()       {}
func (expireDue) IgnoreDeadLetterLogging()    {}
func (Connected) IgnoreDeadLetterLogging()    {}
func (Disconnected) IgnoreDeadLetterLogging() {}
func (Moved) IgnoreDeadLetterLogging()        {}
