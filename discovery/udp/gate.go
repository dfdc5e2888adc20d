package udp

import (
	"maps"
	"net/netip"
	"time"
)

// Bounds of the work that private announces make (wire.md §8.3): each costs three HMACs for every key that is trusted.
const (
	// One address may send so many at once, and so many a second in the long run. A node sends one for every 16 of its peers,
	// every five seconds and some more when it starts.
	sourceBurst = 64
	sourceRate  = 32

	// All addresses together may have so many looked at in a second; fewer if many keys are trusted, so that a flood costs a
	// tenth of a core, and no fewer than the least.
	mostRate  = 256
	leastRate = 16
	keysRate  = 1 << 16 // keys compared in a second

	// maxSources bounds the addresses that are told apart, 60 bytes each. Those that come while it is full share what one has.
	maxSources = 1024
)

// A bucket gives out tokens, which come back at a steady rate up to a burst.
type bucket struct {
	tokens float64
	last   time.Time
}

// take takes a token, if there is one.
func (b *bucket) take(now time.Time, rate, burst float64) bool {
	b.tokens = min(burst, b.tokens+rate*now.Sub(b.last).Seconds())
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// A gate decides which private announces are looked at. Time is passed in. It is not safe for concurrent use.
type gate struct {
	all     bucket
	rest    bucket // of the addresses that there is no room for
	sources map[netip.Addr]*bucket
	swept   time.Time
}

func newGate(now time.Time) gate {
	return gate{all: bucket{mostRate, now}, rest: bucket{sourceBurst, now}, sources: make(map[netip.Addr]*bucket)}
}

// admit reports whether a datagram from src is to be looked at, if that means to compare it with so many keys.
func (g *gate) admit(now time.Time, src netip.Addr, keys int) bool {
	rate := float64(max(leastRate, min(mostRate, keysRate/max(1, keys))))
	return g.source(now, src).take(now, sourceRate, sourceBurst) && g.all.take(now, rate, rate)
}

func (g *gate) source(now time.Time, src netip.Addr) *bucket {
	if b := g.sources[src]; b != nil {
		return b
	}
	if len(g.sources) >= maxSources && now.Sub(g.swept) >= sweepEvery {
		g.swept = now
		maps.DeleteFunc(g.sources, func(_ netip.Addr, b *bucket) bool {
			return now.Sub(b.last).Seconds()*sourceRate >= sourceBurst // it is as good as new
		})
	}
	if len(g.sources) >= maxSources {
		return &g.rest
	}
	b := &bucket{sourceBurst, now}
	g.sources[src] = b
	return b
}
