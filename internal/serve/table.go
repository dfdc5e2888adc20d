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

// An Entry is a handler as it is registered.
type Entry struct {
	Name    string
	Handler Handler

	// Allow says whether a caller may know and use the handler; nil: every trusted peer may. It is asked on
	// every call and send, in the handler's goroutine.
	Allow func(ctx context.Context, r *Request) bool

	// Note is for the code that registers handlers.
	Note any
}

// ErrTaken says that a name has a handler already.
var ErrTaken = errors.New("the name has a handler already")

// A Table is the handlers of a node by name. It is safe for concurrent use.
type Table struct {
	mu      sync.Mutex                        // held to change the entries
	entries atomic.Pointer[map[string]*Entry] // replaced, never changed: every call reads it. Nil: none yet
}

// Add registers a handler. The error is ErrTaken or what envelope.CheckName says.
func (t *Table) Add(e *Entry) error {
	if err := envelope.CheckName(e.Name); err != nil {
		return fmt.Errorf("handler %q: %w", e.Name, err)
	}
	taken := false
	t.change(func(entries map[string]*Entry) {
		if taken = entries[e.Name] != nil; !taken {
			entries[e.Name] = e
		}
	})
	if taken {
		return fmt.Errorf("handler %q: %w: call Unhandle first", e.Name, ErrTaken)
	}
	return nil
}

// Remove takes a handler away. Calls that run go on.
func (t *Table) Remove(name string) {
	t.change(func(entries map[string]*Entry) { delete(entries, name) })
}

// Replace replaces each entry by the one that f makes of it. Requests that have arrived keep the entry that they found.
func (t *Table) Replace(f func(Entry) Entry) {
	t.change(func(entries map[string]*Entry) {
		for name, e := range entries {
			made := f(*e)
			entries[name] = &made
		}
	})
}

// change lets f change a copy of the entries, which takes their place.
func (t *Table) change(f func(entries map[string]*Entry)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := make(map[string]*Entry, len(t.all())+1)
	maps.Copy(next, t.all())
	f(next)
	t.entries.Store(&next)
}

// Names returns the names that have a handler, sorted.
func (t *Table) Names() []string { return slices.Sorted(maps.Keys(t.all())) }

func (t *Table) find(name []byte) *Entry { return t.all()[string(name)] }

// all returns the entries as they are. The map is not to be changed.
func (t *Table) all() map[string]*Entry {
	if m := t.entries.Load(); m != nil {
		return *m
	}
	return nil
}
