package trust

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// OptionProvisional marks a provisional peer: it was paired by a code, and is trusted until the time that is the value. An
// ordinary session with it before then makes the trust last. The time is as in 2006-01-02T15:04:05Z, in UTC. It may be given once.
const OptionProvisional = "provisional"

// timeForm is how the time of [OptionProvisional] is written.
const timeForm = "2006-01-02T15:04:05Z"

// Provisional returns when the trust in a provisional peer ends. ok is false if the peer is trusted for good.
func (p Peer) Provisional() (until time.Time, ok bool) {
	values := p.Option(OptionProvisional)
	if len(values) == 0 {
		return time.Time{}, false
	}
	until, err := time.Parse(timeForm, values[0])
	return until, err == nil
}

// checkProvisional returns why value is not that of [OptionProvisional], or nil.
func checkProvisional(value string) error {
	if _, err := time.Parse(timeForm, value); err != nil {
		return fmt.Errorf("%w: write %s=TIME, without spaces: %.80q: want a time such as %s", ErrOptionValue, OptionProvisional, value, timeForm)
	}
	return nil
}

// withoutProvisional returns options without [OptionProvisional]; nil if nothing is left.
func withoutProvisional(options []Option) (others []Option) {
	for _, o := range options {
		if o.Name != OptionProvisional {
			others = append(others, o)
		}
	}
	return others
}

// AddProvisional puts peer into the set, and into the file before it returns, as a provisional peer until a time. It
// returns the peer as it is then. If peer has no label, it gets offered, the label that the peer gave itself: none if that has
// characters that may show nothing (joiners too), shows nothing at all, is a number or begins with "-"; and with a number after it if
// another peer has that label, but for upper and lower case and NFKC of Unicode. So a peer never takes the label of another; letters
// of two scripts that look alike are not compared. If the key is there already, a label that is not empty replaces the old one, and options
// that the peer lacks are added. The peer stays trusted for good, or stays provisional, with the new time.
//
// It fails as Add does; after an error the set is as it was.
func (s *Set) AddProvisional(peer Peer, offered string, until time.Time) (added Peer, err error) {
	peer.Label = strings.TrimSpace(peer.Label)
	err = peer.check()
	if err == nil && peer.Key == s.self {
		err = ErrSelf
	}
	if err == nil {
		err = s.edit(func(doc *document) (string, error) {
			added = doc.provisional(peer, offered, until)
			return doc.put(added)
		})
	}
	if err != nil {
		return Peer{}, fmt.Errorf("adding peer %s: %w", peer.Key.Short(), err)
	}
	added, _ = s.Get(peer.Key) // as put has made it
	return added, nil
}

// provisional returns the peer that AddProvisional puts into d.
func (d *document) provisional(peer Peer, offered string, until time.Time) Peer {
	old, found := d.get(peer.Key)
	options := []Option{} // not nil, which would leave the old ones
	_, isProvisional := old.Provisional()
	if !found || isProvisional {
		options = append(options, Option{OptionProvisional, until.UTC().Format(timeForm)})
	}
	options = append(options, withoutProvisional(old.Options)...)
	for _, o := range withoutProvisional(peer.Options) {
		if !slices.Contains(options, o) {
			options = append(options, o)
		}
	}
	if peer.Label == "" && !found {
		peer.Label = d.freeLabel(strings.TrimSpace(offered))
	}
	return Peer{peer.Key, peer.Label, options}
}

// Keep makes a provisional peer one that is trusted for good. It reports whether the peer was provisional. It fails as Add does.
func (s *Set) Keep(key identity.PublicKey) (bool, error) {
	var was bool
	err := s.edit(func(doc *document) (string, error) {
		peer, _ := doc.get(key)
		if _, was = peer.Provisional(); !was {
			return doc.text, nil
		}
		peer.Options = withoutProvisional(peer.Options)
		if peer.Options == nil {
			peer.Options = []Option{}
		}
		return doc.put(peer)
	})
	if err != nil {
		return false, fmt.Errorf("keeping peer %s: %w", key.Short(), err)
	}
	return was, nil
}

// Expire removes the provisional peers for which ended returns true, as Remove does, and returns them. ended must call no method
// of the set. It fails as Remove does.
func (s *Set) Expire(ended func(p Peer, until time.Time) bool) ([]Peer, error) {
	hasEnded := func(p Peer) bool {
		until, isProvisional := p.Provisional()
		return isProvisional && ended(p, until)
	}
	if !slices.ContainsFunc(s.current.Load().peers, hasEnded) {
		return nil, nil // most nodes never have one, and need no file that can be written
	}
	var gone []Peer
	err := s.edit(func(doc *document) (string, error) {
		gone = nil
		text := doc.rewrite(func(l line) string {
			if l.err == nil && !l.peer.Key.IsZero() && hasEnded(l.peer) {
				gone = append(gone, l.peer.clone())
				return ""
			}
			return l.text
		})
		return text, nil
	})
	if err != nil {
		return nil, fmt.Errorf("removing provisional peers: %w", err)
	}
	return gone, nil
}
