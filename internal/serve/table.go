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

	// Audience says in whose sessions the name is known; zero: in those of trusted peers.
	Audience Audience

	// Allow says whether a caller may know and use the handler; nil: every trusted peer may. It is asked on
	// every call and send, in the handler's goroutine.
	Allow func(ctx context.Context, r *Request) bool

	// IsStream says that the handler makes streams: a call of it that comes in parts counts as one of them.
	IsStream bool

	// Inner is what Handler was made of. It is for the code that calls Replace.
	Inner any
}

// An Audience is those who may know a handler. To others it is as if the name had none.
type Audience uint8

// Audiences. Names that begin with "$/" are for GuestsAlone.
const (
	PeersAlone Audience = iota
	PeersAndGuests
	GuestsAlone
)

// ErrTaken says that a name has a handler already.
var ErrTaken = errors.New("the name has a handler already")

// A Table is the handlers of a node by name. It is safe for concurrent use.
type Table struct {
	mu     sync.Mutex // held to replace byName
	byName atomic.Pointer[map[string]*Registration]
	guests atomic.Bool // some handler is for guests
}

// Add registers a handler. The error is ErrTaken or what envelope.CheckName says. Only a handler for GuestsAlone may have a name of
// the protocol.
func (t *Table) Add(r *Registration) error {
	if err := envelope.CheckName(r.Name); err != nil && !(r.Audience == GuestsAlone && err == envelope.ErrNameReserved) {
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

// Replace replaces each registration by the one that f makes of it, but those for GuestsAlone. Requests that have arrived keep
// theirs.
func (t *Table) Replace(f func(Registration) Registration) {
	t.change(func(byName map[string]*Registration) {
		for name, r := range byName {
			if r.Audience != GuestsAlone {
				made := f(*r)
				byName[name] = &made
			}
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
	guests := false
	for _, r := range next {
		guests = guests || r.Audience != PeersAlone
	}
	t.guests.Store(guests)
}

// ServesGuests says whether some handler is for guests.
func (t *Table) ServesGuests() bool { return t.guests.Load() }

// Names returns the names that have a handler of the application, sorted.
func (t *Table) Names() []string {
	var names []string
	for name := range t.all() {
		if !envelope.Reserved([]byte(name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (t *Table) find(name []byte) *Registration { return t.all()[string(name)] }

// all returns the registrations by name. Every call reads the map: it is replaced, never changed.
func (t *Table) all() map[string]*Registration {
	if m := t.byName.Load(); m != nil {
		return *m
	}
	return nil // none yet
}
