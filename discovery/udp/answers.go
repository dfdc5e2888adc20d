package udp

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// maxHeard bounds what is remembered of keys that were heard, a hundred bytes each. While there is no room, another key
// counts as heard for the first time and is not remembered: an attacker who fills it with forged keys gains one announce a
// second.
const maxHeard = 4096

// A heardKey is a key heard at an address on an interface, by the interface's index.
type heardKey struct {
	key  identity.PublicKey
	addr netip.AddrPort
	on   int
}

// A lastHeard is when a key was heard last. limiter.Keys keeps it as it keeps limiters.
type lastHeard struct{ at time.Time }

// IsIdle says that the next time counts as the first again.
func (l *lastHeard) IsIdle(now time.Time) bool { return now.Sub(l.at) >= announceTTL }

// answers decides when to announce because a key was heard for the first time: wire.md §8.1. Trust has no part in it, or
// an answer would tell who is trusted. Interfaces are called by their index. Time is passed in. It is not safe for
// concurrent use.
type answers struct {
	heard *limiter.Keys[heardKey, lastHeard, *lastHeard] // at most maxHeard
	due   map[int]time.Time                              // interfaces where an answer is to be sent, and when
	last  map[int]time.Time                              // interfaces where one was sent within answerEvery, and when
}

func newAnswers() *answers {
	return &answers{heard: limiter.NewKeys[heardKey, lastHeard](maxHeard), due: make(map[int]time.Time), last: make(map[int]time.Time)}
}

// hear notes that a key was heard, and reports whether an answer has become due on its interface that was not before.
// jitter is random in [0, 1).
func (a *answers) hear(now time.Time, k heardKey, jitter float64) bool {
	isFirst := a.heard.Peek(k).IsIdle(now)
	a.heard.Of(now, k).at = now // if there is no room, Peek does not find it
	if _, waits := a.due[k.on]; waits || !isFirst {
		return false
	}
	a.due[k.on] = lan.Latest(now.Add(time.Duration(jitter*float64(answerWithin))), a.last[k.on].Add(answerEvery))
	return true
}

// take returns the interfaces where an answer is due, and takes it as sent.
func (a *answers) take(now time.Time) (due []int) {
	maps.DeleteFunc(a.last, func(_ int, at time.Time) bool { return now.Sub(at) >= answerEvery })
	for on, at := range a.due {
		if !at.After(now) {
			due = append(due, on)
			a.last[on] = now
			delete(a.due, on)
		}
	}
	return due
}

// next returns when take will have something; zero: never.
func (a *answers) next() time.Time { return lan.Earliest(slices.Collect(maps.Values(a.due))...) }

// clear notes that an announce has just gone out on every interface: it answers all keys that were heard before it.
func (a *answers) clear() { clear(a.due) }
