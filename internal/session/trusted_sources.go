package session

import (
	"net/netip"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// maxTrustedSources bounds the trusted sources; above it some other one is forgotten.
const maxTrustedSources = 4096

// trustedSources are where trusted keys have authenticated, whichever end dialled. Connections from there have room of
// their own, here and in the listener: a stranger who is elsewhere takes nothing from them. Their zero value is ready for
// use. They are safe for concurrent use.
type trustedSources struct {
	mu      sync.Mutex                       // guards buckets
	buckets map[netip.Prefix]*limiter.Bucket // of knocks (knocks.go), which guards what is in them
}

// remember records that a trusted key has authenticated at that source.
func (k *trustedSources) remember(source netip.Prefix) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.buckets == nil {
		k.buckets = make(map[netip.Prefix]*limiter.Bucket)
	}
	if k.buckets[source] != nil {
		return
	}
	for other := range k.buckets {
		if len(k.buckets) < maxTrustedSources {
			break
		}
		delete(k.buckets, other)
	}
	k.buckets[source] = new(limiter.Bucket)
}

// bucket returns the bucket of a source; nil: it is not a trusted one.
func (k *trustedSources) bucket(source netip.Prefix) *limiter.Bucket {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buckets[source]
}
