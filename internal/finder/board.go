package finder

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A State is what a provider is doing.
type State string

// States of a provider.
const (
	Running State = "running" // it looks and announces, as far as it says
	Failed  State = "failed"  // it has ended by itself, and runs again later
	Ended   State = "ended"   // the node stops, or has stopped
)

// A ProviderStatus is what a provider looks like at one moment.
type ProviderStatus struct {
	Provider  discovery.Provider
	Name      string
	State     State
	Since     time.Time
	Err       error     // of Failed: why; of Running: why it failed before, until it has run for a minute; else nil
	Next      time.Time // of Failed: when it runs again, at the latest; else zero
	Sightings uint64    // that the finder has looked at
	Dropped   uint64    // that it has not, or for which the presence table had no room
}

// A Board shows the rest of the node what discovery knows, so that nobody needs to ask an actor. One finder writes it. It
// is safe for concurrent use.
type Board struct {
	mu        sync.RWMutex // guards the rest. The finder alone writes the table, and reads it without the lock
	table     *table
	providers []*ProviderStatus
}

// NewBoard returns a Board without providers and presences.
func NewBoard() *Board { return &Board{table: emptyTable()} }

func emptyTable() *table { return newTable(MaxAddressesPerKey, maxPerStranger, rand.IntN) }

// Providers returns the providers, in the order of Config.Providers, once they have begun.
func (b *Board) Providers() []ProviderStatus {
	b.mu.RLock()
	defer b.mu.RUnlock()
	list := make([]ProviderStatus, 0, len(b.providers))
	for _, s := range b.providers {
		if s.Name != "" { // its actor has started
			list = append(list, *s)
		}
	}
	return list
}

// Presences returns which keys are seen where, trusted or not, in the order of keys, addresses and sources. It is empty
// once the finder stops.
func (b *Board) Presences() []Presence {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.table.presences()
}

// PresencesOf returns where one key is seen, in the order of addresses and sources.
func (b *Board) PresencesOf(key identity.PublicKey) []Presence {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.table.presencesOf(key)
}

// update changes what the Board shows. The finder and its providers' actors alone may.
func (b *Board) update(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}
