package session

import (
	"net/netip"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// knockSources bounds the sources that have a bucket of their own.
const knockSources = 4096

// Bounds of the knocks that are looked at without a handshake that succeeds (wire.md §9). That of all sources together is
// limiter.RateForKeys: to look at one knock costs three HMACs for each trusted key.
var (
	rateOfSource = limiter.Rate{Burst: 8, Every: time.Second}
	rateOfOwn    = limiter.Rate{Burst: 16, Every: 250 * time.Millisecond} // of a trusted source
)

// Knocks is private mode. Len is the number of keys for which Knocked computes.
type Knocks interface {
	handshake.Knocks
	Len() int
}

// A knockLimiter bounds what the knocks of strangers cost. Only knocks of handshakes that fail count, so that any
// number of peers may come back at once. A trusted source has a bucket of its own first: while strangers exhaust the others,
// peers still get in. Its zero value is ready for use. It is safe for concurrent use.
type knockLimiter struct {
	mu      sync.Mutex // guards the rest
	all     limiter.Bucket
	sources *limiter.Keys[netip.Prefix, limiter.Bucket, *limiter.Bucket]
}

// take counts a knock, in the first bucket with room: that of a trusted source, if own is not nil. Without count it says
// whether there is room, and changes nothing.
func (k *knockLimiter) take(now time.Time, source netip.Prefix, own *limiter.Bucket, keys int, count bool) bool {
	rateOfAll := limiter.RateForKeys(keys)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sources == nil {
		k.sources = limiter.NewKeys[netip.Prefix, limiter.Bucket](knockSources)
	}
	if own != nil && own.Wait(now, rateOfOwn) == 0 {
		return !count || own.Take(now, rateOfOwn)
	}
	if !count {
		return k.sources.Peek(source).Wait(now, rateOfSource) == 0 && k.all.Wait(now, rateOfAll) == 0
	}
	k.sources.Of(now, source).Take(now, rateOfSource)
	return k.all.Take(now, rateOfAll)
}

// limitedKnocks are the Knocks of one connection.
type limitedKnocks struct {
	Knocks
	config *Config
	source netip.Prefix
	looked bool // a knock was looked at
}

// Knocked implements handshake.Knocks. Over a limit a knock is answered as a wrong one is, and is not looked at.
func (l *limitedKnocks) Knocked(ephemeral [32]byte, knock [handshake.KnockSize]byte) (key identity.PublicKey, ok bool) {
	if l.looked = l.take(false); !l.looked {
		return key, false
	}
	return l.Knocks.Knocked(ephemeral, knock)
}

// fail counts the knock of a handshake that has failed. A knock that was right counts like a wrong one: it may be a replay of
// another peer's.
func (l *limitedKnocks) fail() {
	if l.looked {
		l.take(true)
	}
}

func (l *limitedKnocks) take(count bool) bool {
	return l.config.knocks.take(l.config.Clock.Now(), l.source, l.config.trustedSources.bucket(l.source), l.Len(), count)
}
