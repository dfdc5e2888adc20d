// Package serve runs the handlers that peers call, by name. It authorises, limits, contains panics, and keeps
// the order of sends (wire.md §6.3 to §6.5, §9).
//
// Limits are per peer: two sessions of one peer share them.
package serve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// A Handler answers a call. Its result for a send goes nowhere.
type Handler func(ctx context.Context, r *Request) (any, error)

// A Registration is a handler as it is registered.
type Registration struct {
	Name    string
	Handler Handler

	// Allow says whether a caller may know and use the handler; nil: every trusted peer may. It is asked on
	// every call and send, in the handler's goroutine.
	Allow func(ctx context.Context, r *Request) bool

	// IsStream says that the handler makes streams: a call of it that comes in parts counts as one of them.
	IsStream bool

	// Inner is what Handler was made of. It is for the code that calls Replace.
	Inner any
}

// ErrTaken says that a name has a handler already.
var ErrTaken = errors.New("the name has a handler already")

// A Table is the handlers of a node by name. It is safe for concurrent use.
type Table struct {
	mu     sync.Mutex // held to replace byName
	byName atomic.Pointer[map[string]*Registration]
}

// Add registers a handler. The error is ErrTaken or what envelope.CheckName says.
func (t *Table) Add(r *Registration) error {
	if err := envelope.CheckName(r.Name); err != nil {
		return fmt.Errorf("handler %q: %w", r.Name, err)
	}
	taken := false
	t.change(func(byName map[string]*Registration) {
		if taken = byName[r.Name] != nil; !taken {
			byName[r.Name] = r
		}
	})
	if taken {
		return fmt.Errorf("handler %q: %w: call Unhandle first", r.Name, ErrTaken)
	}
	return nil
}

// Remove takes a handler away. Calls that run go on.
func (t *Table) Remove(name string) {
	t.change(func(byName map[string]*Registration) { delete(byName, name) })
}

// Replace replaces each registration by the one that f makes of it. Requests that have arrived keep theirs.
func (t *Table) Replace(f func(Registration) Registration) {
	t.change(func(byName map[string]*Registration) {
		for name, r := range byName {
			made := f(*r)
			byName[name] = &made
		}
	})
}

// change lets f change a copy of the map, which takes its place.
func (t *Table) change(f func(byName map[string]*Registration)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := make(map[string]*Registration, len(t.all())+1)
	maps.Copy(next, t.all())
	f(next)
	t.byName.Store(&next)
}

// Names returns the names that have a handler, sorted.
func (t *Table) Names() []string { return slices.Sorted(maps.Keys(t.all())) }

func (t *Table) find(name []byte) *Registration { return t.all()[string(name)] }

// all returns the registrations by name. Every call reads the map: it is replaced, never changed.
func (t *Table) all() map[string]*Registration {
	if m := t.byName.Load(); m != nil {
		return *m
	}
	return nil // none yet
}
