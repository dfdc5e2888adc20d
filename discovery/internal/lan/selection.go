package lan

import (
	"slices"
	"sync"
)

// A Selection says which interfaces a provider uses, by their names. They need not exist.
type Selection struct {
	Named   []string // these, wherever that is possible
	All     bool     // and all others that fit
	Removed []string // but not these; none is in Named
}

// takes reports whether an interface that was not named is used if it fits.
func (s Selection) takes(name string) bool { return s.All && !slices.Contains(s.Removed, name) }

// A Chooser holds the Selection of a provider, which may change while the provider runs. It is safe for concurrent use.
type Chooser struct {
	mu        sync.Mutex // guards the rest
	selection Selection  // its slices are replaced, never changed
	changed   chan struct{}
}

// NewChooser returns a Chooser of the interfaces with these names; without names, of all that fit.
func NewChooser(names []string) *Chooser {
	return &Chooser{selection: Selection{Named: slices.Clone(names), All: len(names) == 0}, changed: make(chan struct{})}
}

// Get returns the Selection, which the caller must not change, and a channel that is closed when it is not that any more.
func (c *Chooser) Get() (s Selection, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.selection, c.changed
}

// Add names an interface. It returns false if the interface was named already.
func (c *Chooser) Add(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.selection
	if slices.Contains(s.Named, name) {
		return false
	}
	s.Named, s.Removed = append(slices.Clone(s.Named), name), without(s.Removed, name)
	c.tell()
	return true
}

// Remove has an interface used no longer. It returns false if it would not have been used anyway.
func (c *Chooser) Remove(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.selection
	if !s.takes(name) && !slices.Contains(s.Named, name) {
		return false
	}
	s.Named = without(s.Named, name)
	if s.All {
		s.Removed = append(slices.Clone(s.Removed), name)
	}
	c.tell()
	return true
}

// tell tells those that have called Get.
func (c *Chooser) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}
