package finder

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A Presence is one address at which one provider sees a key.
type Presence struct {
	Key       identity.PublicKey
	Addr      netip.AddrPort
	Source    string    // the provider
	Interface string    // where it was heard; empty if the provider has no interfaces
	First     time.Time // since when it is present
	Last      time.Time // when the provider last said so
	Until     time.Time // when it is lost unless the provider says so again; zero: not by itself
}

// A Change is what became of a presence.
//
// For each presence, that is for each key, address and source, Found or Updated comes first, then Lost, then Found or
// Updated again. For each key, Found and a Lost with Left 0 alternate. So to know where a key is, take Found and Updated as
// "there", and Lost as "this source says that it is not there any more". To know whether a key is there, look at Found, and
// at Lost with Left 0.
type Change struct {
	Presence
	Kind   ChangeKind
	Reason discovery.Reason // of Lost
	Left   int              // of Lost: how many presences the key still has
}

// A ChangeKind is one of Found, Updated and Lost.
type ChangeKind uint8

// Kinds of changes. A presence that is merely heard again causes none.
const (
	// Found is the first presence of a key.
	Found ChangeKind = iota

	// Updated is a presence of a key that has others already, or one that is now heard on another interface, or one that
	// is told again because of Trusted.
	Updated

	// Lost is the end of a presence.
	Lost
)

// presences returns all that is present, in the order of keys, addresses and sources.
func (t *table) presences() []Presence { return presencesIn(t.all()) }

// presencesOf returns the same of one key.
func (t *table) presencesOf(key identity.PublicKey) []Presence {
	if r := t.keys[key]; r != nil {
		return presencesIn(maps.Values(r.sightings))
	}
	return nil
}

func presencesIn(sightings iter.Seq[*sighting]) (list []Presence) {
	for e := range sightings {
		if e.phase != remembered {
			list = append(list, e.Presence)
		}
	}
	slices.SortFunc(list, comparePresences)
	return list
}

// comparePresences orders presences by key, address and source.
func comparePresences(a, b Presence) int {
	return cmp.Or(a.Key.Compare(b.Key), a.Addr.Compare(b.Addr), cmp.Compare(a.Source, b.Source))
}
