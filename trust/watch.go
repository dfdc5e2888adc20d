package trust

import "slices"

// A ChangeKind says how a peer changed.
type ChangeKind uint8

const (
	Added   ChangeKind = iota + 1 // it may connect from now on
	Removed                       // it may no longer connect
	Updated                       // its label or its options have changed
)

var kindNames = [...]string{Added: "added", Removed: "removed", Updated: "updated"}

// String returns "added", "removed" or "updated".
func (k ChangeKind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// A Change is a change of one peer of a set.
type Change struct {
	Peer Peer // as it is now, or as it was before it was removed
	Kind ChangeKind
}

// Watch makes the set call f for every change from now on, of this process or another: first for the peers that an edit
// removes, then for those that it adds or updates, in the order of the file. f sees the new state in Contains, Get,
// List and Find. No change is lost between Watch and the first call of f.
//
// f runs in the goroutine that makes the change (of Add, Remove, Reload or Poll), one call at a time, and in the order
// of the changes. It must not block. It must call neither another method of the set nor stop. It must not change the
// options of the peer.
//
// After stop returns, f is not running and is not called again. stop may be called several times.
func (s *Set) Watch(f func(Change)) (stop func()) {
	watcher := &f
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, watcher)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.watchers = slices.DeleteFunc(s.watchers, func(w *func(Change)) bool { return w == watcher })
	}
}

// changes returns the changes from one document to another.
func changes(old, now *document) []Change {
	var all []Change
	for _, peer := range old.peers {
		if !now.has(peer.Key) {
			all = append(all, Change{peer.clone(), Removed})
		}
	}
	for _, peer := range now.peers {
		before, found := old.get(peer.Key)
		switch {
		case !found:
			all = append(all, Change{peer.clone(), Added})
		case !peer.equal(before):
			all = append(all, Change{peer.clone(), Updated})
		}
	}
	return all
}
