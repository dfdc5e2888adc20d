package lan

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// Latest is what a provider uses and what failed last, for its statistics. It is safe for concurrent use.
type Latest struct {
	mu         sync.Mutex // guards the rest
	interfaces []string
	err        error
}

// Fail counts an error.
func (l *Latest) Fail(count *atomic.Uint64, err error) {
	count.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// Use notes the interfaces in use.
func (l *Latest) Use(list []discovery.Interface) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.interfaces = nil
	for _, i := range list {
		l.interfaces = append(l.interfaces, i.Name)
	}
}

// Get returns the names of the interfaces in use, and the latest error.
func (l *Latest) Get() (interfaces []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.interfaces), l.err
}
