package finder

import (
	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Commands from the node.
type (
	// Trusted asks for what is known of a key that is trusted from now on: it is told as Found again.
	Trusted struct{ Key identity.PublicKey }

	// Moved says that the machine's addresses have changed, or that it was asleep.
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
func (sighted) IgnoreDeadLetterLogging()   {}
func (failed) IgnoreDeadLetterLogging()    {}
func (expireDue) IgnoreDeadLetterLogging() {}
