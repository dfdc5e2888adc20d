package trust

import "slices"

// A ChangeKind says what happened to a peer.
type ChangeKind uint8

const (
	Added   ChangeKind = iota + 1 // it may connect from now on
	Removed                       // it may not connect any more
	Updated                       // its label or its options are others
)

var kindNames = [...]string{Added: "added", Removed: "removed", Updated: "updated"}

// String returns "added", "removed" or "updated".
func (k ChangeKind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// A Change is something that happened to one peer of a set.
type Change struct {
	Peer Peer // as it is now, or as it was before it was removed
	Kind ChangeKind
}

// Watch has f called for every change from now on, whoever makes it: first for the peers that one edit removes, then for
// those that it adds or updates, in the order of the file. f sees the new state in Contains, Get, List and Find. There is
// no change between what these say after Watch returns and the first call of f.
//
// f runs in the goroutine that makes the change (of Add, Remove, Reload or Poll), one call at a time, and in the order of
// the changes. It must not block, and must not call any other method of the set, nor stop. It must not change the
// options of the peer that it is given.
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

// changes returns what happened between two documents.
func changes(old, now *document) []Change {
	var all []Change
	for _, peer := range old.peers {
		if _, found := now.get(peer.Key); !found {
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
