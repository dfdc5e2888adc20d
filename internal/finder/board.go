package finder

import (
	"sync"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// A Board shows the rest of the node what discovery knows, without a question to an actor. One finder writes it. It
// is safe for concurrent use.
type Board struct {
	mu        sync.RWMutex // guards the rest. The finder alone writes the table, and reads it without the lock
	table     *table
	providers []*provider
}

// NewBoard returns a Board without providers and presences.
func NewBoard() *Board { return &Board{table: newTable()} }

// Providers returns the providers, in the order of Config.Providers, once they have begun.
func (b *Board) Providers() []discovery.Status {
	list := []discovery.Status{}
	var begun []*provider
	b.update(func() {
		for _, p := range b.providers {
			if p.status.Name != "" { // its actor has started
				begun, list = append(begun, p), append(list, p.status)
			}
		}
	})
	for i, p := range begun {
		if c, ok := p.Provider.(discovery.Counter); ok {
			list[i].Counts = c.Counts()
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

// update has the Board for itself. The finder and its providers' actors alone may change what it shows.
func (b *Board) update(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}
