package limiter

import (
	"maps"
	"net/netip"
	"time"
)

// sweepEvery is how often Keys that are full look for limiters that are idle, so that a flood of keys does not make
// that search the work.
const sweepEvery = time.Second

// A limiter is what Keys needs to know of a *Bucket or a *Window.
type limiter[L any] interface {
	*L
	IsIdle(now time.Time) bool
}

// Keys has a limiter for each of a bounded number of keys. Keys that come while there is no room share one limiter.
type Keys[K comparable, L any, P limiter[L]] struct {
	most  int
	byKey map[K]P
	rest  L
	swept time.Time
}

// NewKeys returns limiters for most keys.
func NewKeys[K comparable, L any, P limiter[L]](most int) *Keys[K, L, P] {
	return &Keys[K, L, P]{most: most, byKey: make(map[K]P)}
}

// Of returns the limiter of a key, from which an event may be taken.
func (k *Keys[K, L, P]) Of(now time.Time, key K) P {
	if l, ok := k.byKey[key]; ok {
		return l
	}
	if !k.hasRoom(now) {
		return &k.rest
	}
	l := P(new(L))
	k.byKey[key] = l
	return l
}

// Peek returns the limiter of a key to ask how long to wait. It makes no room and enters nothing, so an event taken
// from the result may not count.
func (k *Keys[K, L, P]) Peek(key K) P {
	if l, ok := k.byKey[key]; ok {
		return l
	}
	return new(L)
}

// hasRoom says whether there is room for another key. It removes idle limiters first if there is none.
func (k *Keys[K, L, P]) hasRoom(now time.Time) bool {
	if len(k.byKey) >= k.most && now.Sub(k.swept) >= sweepEvery {
		k.swept = now
		maps.DeleteFunc(k.byKey, func(_ K, l P) bool { return l.IsIdle(now) })
	}
	return len(k.byKey) < k.most
}

// SourceOf returns what counts as one source: an IPv4 address, or the /64 that one IPv6 host can have all of.
func SourceOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // an invalid address gives the invalid prefix, a source like any other
	return p
}
