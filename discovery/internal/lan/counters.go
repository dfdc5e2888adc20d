package lan

import (
	"sync"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// Counters are what a provider has counted, in statistics of its own type. The zero value has counted nothing. It is safe for
// concurrent use.
type Counters[S any] struct {
	mu    sync.Mutex
	stats S // guarded by mu
}

// Count calls change, which counts something and does not wait.
func (c *Counters[S]) Count(change func(*S)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.stats)
}

// Get returns what has been counted until now.
func (c *Counters[S]) Get() S {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Names returns the names of interfaces.
func Names(list []discovery.Interface) (names []string) {
	for _, i := range list {
		names = append(names, i.Name)
	}
	return names
}
