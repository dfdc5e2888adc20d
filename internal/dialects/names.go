package dialects

import (
	"maps"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

// Bounds of what is kept of the names that a BEAM node was called by.
const (
	maxNames = 256 // that it has answered, and that have closed a session, each

	// SuspectedFor is how long a name is not called that has closed a session.
	SuspectedFor = 10 * time.Second
)

// Names are those of the handlers of one BEAM node, as far as calls have shown. All methods are safe for concurrent use. On nil
// Names, those of a node that speaks Native alone, they do nothing.
type Names struct {
	clock clock.Clock

	mu       sync.RWMutex // guards the rest
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

// Names returns the names of a peer.
func (b *Book) Names(key identity.PublicKey) *Names {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entry(key)
	if e.names == nil {
		e.names = &Names{clock: b.config.Clock, answered: make(map[string]bool), suspects: make(map[string]suspect)}
	}
	return e.names
}

// Began records a session, of that id, with the node, once its handshake has proved the key. The node closes those before it,
// so no name is suspected for their end. It may have come before this session was known.
func (n *Names) Began(session string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.clock.Now()
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

// Answered records that the node has answered a call by name: it knows the name. If maxNames are known already, any one of
// them makes room: the next answer brings it back. To record a name again takes no lock that another reader waits for.
func (n *Names) Answered(name string) {
	if n == nil {
		return
	}
	n.mu.RLock()
	isKnown := n.answered[name]
	n.mu.RUnlock()
	if isKnown {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for other := range n.answered {
		if len(n.answered) < maxNames {
			break
		}
		delete(n.answered, other)
	}
	n.answered[name] = true
	delete(n.suspects, name)
}

// Suspect records that the node has closed a session, of that id, while a call by name waited for its answer. Several such
// calls over one session count once. A session that has been replaced does not count.
func (n *Names) Suspect(session, name string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.clock.Now()
	if n.answered[name] || n.newest != "" && n.newest != session {
		return
	}
	maps.DeleteFunc(n.suspects, func(_ string, s suspect) bool { return !now.Before(s.until) })
	s := n.suspects[name]
	if s.session == session || s.closed == 0 && len(n.suspects) >= maxNames {
		return
	}
	n.suspects[name] = suspect{s.closed + 1, session, now.Add(SuspectedFor)}
}

// IsSuspect says whether a call or a send by name is not to be made now, since the last two calls closed their sessions, and no
// call by that name was ever answered (wire.md §13.7). That node dials again half a second after each close, so a program that
// calls a name again and again which it does not know would take its supervisor down.
func (n *Names) IsSuspect(name string) bool {
	if n == nil {
		return false
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	s := n.suspects[name]
	return s.closed > mayClose && n.clock.Now().Before(s.until)
}
