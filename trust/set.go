package trust

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A Set is the set of peers that may connect. It is safe for concurrent use.
type Set struct {
	path string             // of the file; empty: in memory
	self identity.PublicKey // our own key, or zero

	current atomic.Pointer[document] // stored under mu

	// mu guards the rest, and orders the changes: it is held from reading the file until the last watcher has returned.
	mu       sync.Mutex
	problems []error // *LineError, of the file as last read, which may not be the current document
	err      error   // why the file could not be used when it was last read
	watchers []*func(Change)
}

// A Setting changes how a set works.
type Setting func(*Set)

// WithSelf makes the set refuse our own key: Add and a line of the file that hold it fail with [ErrSelf].
func WithSelf(key identity.PublicKey) Setting {
	return func(s *Set) { s.self = key }
}

// NewSet returns an empty set that lives in memory.
func NewSet(settings ...Setting) *Set {
	s := new(Set)
	for _, setting := range settings {
		setting(s)
	}
	s.current.Store(parse("", s.self, empty))
	return s
}

// Open returns the set in the peers file at path, which may be a symbolic link. A file that does not exist yet is an
// empty set; the first Add makes it, and its folder.
//
// It fails if the file exists but cannot be used: with the system's error, [ErrPermissions], [ErrFileKind] or
// [ErrFileTooLarge]. Bad lines do not make it fail: see [Set.Problems].
func Open(path string, settings ...Setting) (*Set, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("peers file: %w", err)
	}
	s := NewSet(settings...)
	s.path = path
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// IsSelf reports whether key is our own: see [WithSelf].
func (s *Set) IsSelf(key identity.PublicKey) bool { return !key.IsZero() && key == s.self }

// Contains reports whether the peer with key may connect. It takes no lock.
func (s *Set) Contains(key identity.PublicKey) bool {
	return s.current.Load().has(key)
}

// Get returns the peer with key. The caller owns its options.
func (s *Set) Get(key identity.PublicKey) (Peer, bool) {
	peer, found := s.current.Load().get(key)
	return peer.clone(), found
}

// Label returns the label of the peer with key, "" if there is none. It allocates nothing: every call to a handler asks.
func (s *Set) Label(key identity.PublicKey) string {
	peer, _ := s.current.Load().get(key)
	return peer.Label
}

// List returns all peers in the order of the file. The caller owns them.
func (s *Set) List() []Peer {
	peers := slices.Clone(s.current.Load().peers)
	for i, peer := range peers {
		peers[i] = peer.clone()
	}
	return peers
}

// Find returns the peer that text names: by its key in any form that [identity.ParsePublicKey] reads, or by its exact
// label. The caller owns its options.
//
// It fails with [ErrNotFound], with [ErrAmbiguous], or, if text is a mistyped key, with the error of ParsePublicKey.
func (s *Set) Find(text string) (Peer, error) {
	doc := s.current.Load()
	key, err := identity.ParsePublicKey(text)
	if err == nil {
		peer, found := doc.get(key)
		if !found {
			return Peer{}, fmt.Errorf("%w: %s", ErrNotFound, key)
		}
		return peer.clone(), nil
	}
	if looksLikeKey(text) {
		return Peer{}, err
	}
	var found []Peer
	for _, peer := range doc.peers {
		if peer.Label == text && text != "" {
			found = append(found, peer)
		}
	}
	switch len(found) {
	case 0:
		return Peer{}, fmt.Errorf("%w: %.80q", ErrNotFound, text)
	case 1:
		return found[0].clone(), nil
	}
	return Peer{}, fmt.Errorf("%w: %d peers have %.80q; name one by its key", ErrAmbiguous, len(found), text)
}

// Problems returns a [*LineError] for every bad line of the file as it was last read, at most 100, and one that stands
// for the others. It may wait for a change to finish.
func (s *Set) Problems() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}

// Add puts peer into the set, and into the file before it returns. If the key is there already, peer's label and
// options replace the old ones; an empty label and nil options leave the old ones, but make a provisional peer
// one for good: see [OptionProvisional].
// Add removes spaces around the label.
//
// It fails with the error of [identity.NewPublicKey] if the key is not valid, with [ErrSelf], [ErrLabelTaken] or
// another reason to refuse a peer; with [ErrLocked] after 5 seconds; or with the reason why the file cannot be read or
// written. After an error the set is as it was.
func (s *Set) Add(peer Peer) error {
	peer.Label = strings.TrimSpace(peer.Label)
	err := peer.check()
	if err == nil && peer.Key == s.self {
		err = ErrSelf
	}
	if err == nil {
		err = s.edit(func(doc *document) (string, error) { return doc.put(peer) })
	}
	if err != nil {
		return fmt.Errorf("adding peer %s: %w", peer.Key.Short(), err)
	}
	return nil
}

// Remove takes the peer with key out of the set, and out of the file before it returns: every line that begins with the
// key, bad ones too. It reports whether there was one. It fails as Add does; after an error the set is as it was.
func (s *Set) Remove(key identity.PublicKey) (bool, error) {
	var found bool
	err := s.edit(func(doc *document) (text string, err error) {
		text, found = doc.remove(key)
		return text, nil
	})
	if err != nil {
		return false, fmt.Errorf("removing peer %s: %w", key.Short(), err)
	}
	return found, nil
}

// edit replaces the text of the set, and of its file, with the text that change makes of it.
func (s *Set) edit(change func(*document) (string, error)) error {
	if s.path != "" {
		return s.editFile(change)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.apply(s.current.Load(), change, func(string) error { return nil })
}

// apply makes change of doc, writes the text that it has then, and publishes the result. The caller holds mu.
func (s *Set) apply(doc *document, change func(*document) (string, error), write func(text string) error) error {
	text, err := change(doc)
	if err == nil && text != doc.text {
		err = write(text)
	}
	if err != nil {
		return err
	}
	if text != doc.text {
		doc = parse(text, s.self, doc)
		doc.present = s.path != ""
	}
	s.publish(doc)
	return nil
}

// publish makes doc current, then calls the watchers. The caller holds mu.
func (s *Set) publish(doc *document) {
	old := s.current.Load()
	s.current.Store(doc)
	s.problems, s.err = doc.problems, nil
	if doc.text == old.text || len(s.watchers) == 0 {
		return
	}
	for _, change := range changes(old, doc) {
		for _, watcher := range s.watchers {
			(*watcher)(change)
		}
	}
}
