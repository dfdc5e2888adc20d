package peers

import (
	"fmt"
	"strings"
	"sync"
)

// A quota bounds the peers that are connected and the sessions with them, of all peers together. It is safe for
// concurrent use.
type quota struct {
	maxPeers, maxSessions int // 0: no bound

	mu       sync.Mutex // guards the rest
	peers    int        // with at least one session
	sessions int
}

// full returns the error that enter would return now.
func (q *quota) full(first bool) *LimitError {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.check(first)
}

// check is called with mu held.
func (q *quota) check(first bool) *LimitError {
	switch {
	case first && q.maxPeers > 0 && q.peers >= q.maxPeers:
		return &LimitError{What: "Peers", Limit: q.maxPeers}
	case q.maxSessions > 0 && q.sessions >= q.maxSessions:
		return &LimitError{What: "Sessions", Limit: q.maxSessions}
	}
	return nil
}

// enter counts a session. first says that its peer has no other one.
func (q *quota) enter(first bool) *LimitError {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.check(first); err != nil {
		return err
	}
	q.sessions++
	if first {
		q.peers++
	}
	return nil
}

// leave takes back what enter has counted. last says that the peer has no other session.
func (q *quota) leave(last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sessions--
	if last {
		q.peers--
	}
}

// A LimitError says which limit of this node another session would exceed.
type LimitError struct {
	What  string // "Peers" or "Sessions", as the field of peernet.Limits is called
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("this node is at its limit of %d %s (Limits.%s): raise it, or wait until one has gone", e.Limit, strings.ToLower(e.What), e.What)
}

// forPeer returns the text for a peer that must come back later.
func (e *LimitError) forPeer() string {
	return fmt.Sprintf("at the limit of %d %s", e.Limit, strings.ToLower(e.What))
}

// Is makes a LimitError an ErrFull.
func (e *LimitError) Is(target error) bool { return target == ErrFull }
