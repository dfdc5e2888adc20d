package dialects

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of what is kept of the names that a BEAM node was called by.
const (
	maxNames = 256 // that it has answered, and that have closed a session, each

	// SuspectedFor is how long a name is not called that has closed a session.
	SuspectedFor = 10 * time.Second
)

// names are those of the handlers of one BEAM node, as far as calls have shown.
type names struct {
	answered map[string]bool
	suspects map[string]suspect
	newest   string // id of the session with the node that began last
}

// A suspect is a name under which sessions were closed in a row.
type suspect struct {
	closed  int    // sessions
	session string // the last of them
	until   time.Time
}

// replacedWithin is how long before a newer session is known the node may have closed the older one for it. That node dials
// again 500 ms after a session that ended for another reason.
const replacedWithin = 250 * time.Millisecond

// Began records a session, of that id, with a BEAM node, once its handshake has proved the key. The node closes those
// before it, so no name is suspected for their end. It may have come before this session was known.
func (b *Book) Began(key identity.PublicKey, session string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n, now := &b.entry(key).names, b.config.Clock.Now()
	n.newest = session
	for name, s := range n.suspects {
		if s.until.Add(-SuspectedFor).Add(replacedWithin).Before(now) {
			continue
		}
		if s.closed--; s.closed == 0 {
			delete(n.suspects, name)
		} else {
			n.suspects[name] = s
		}
	}
}

// mayClose is how many sessions may be closed under calls by one name: the first may have made room for a newer one.
const mayClose = 1

// Answered records that a BEAM node has answered a call by name: it knows the name.
func (b *Book) Answered(key identity.PublicKey, name string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := &b.entry(key).names
	if n.answered[name] || len(n.answered) >= maxNames {
		return
	}
	if n.answered == nil {
		n.answered = make(map[string]bool)
	}
	n.answered[name] = true
	delete(n.suspects, name)
}

// Suspect records that a BEAM node has closed a session, of that id, while a call by name waited for its answer. Several
// such calls over one session count once. A session that has been replaced does not count.
func (b *Book) Suspect(key identity.PublicKey, session, name string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n, now := &b.entry(key).names, b.config.Clock.Now()
	if n.answered[name] || n.newest != "" && n.newest != session {
		return
	}
	for other, s := range n.suspects {
		if !now.Before(s.until) {
			delete(n.suspects, other)
		}
	}
	if n.suspects == nil {
		n.suspects = make(map[string]suspect)
	}
	s := n.suspects[name]
	if s.session == session || s.closed == 0 && len(n.suspects) >= maxNames {
		return
	}
	n.suspects[name] = suspect{s.closed + 1, session, now.Add(SuspectedFor)}
}

// IsSuspect says whether a call by name is not to be made now, since the last two closed their sessions, and no call by that
// name was ever answered (wire.md §13.7). That node dials again half a second after each close, so a program that calls a
// name again and again which it does not know would take its supervisor down.
func (b *Book) IsSuspect(key identity.PublicKey, name string) bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[key]
	if e == nil {
		return false
	}
	s := e.names.suspects[name]
	return s.closed > mayClose && b.config.Clock.Now().Before(s.until)
}
