package udp

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// maxHeard bounds what is remembered of keys that were heard, a hundred bytes each. While there is no room, another key
// counts as heard for the first time and is not remembered: an attacker who fills it with forged keys gains one announce a
// second.
const maxHeard = 4096

// sweepEvery is how often a full table is searched for what is too old, so that a flood does not make that the work.
const sweepEvery = time.Second

// A heardKey is a key heard at an address on an interface, by the interface's index.
type heardKey struct {
	key  identity.PublicKey
	addr netip.AddrPort
	on   int
}

// answers decides when to announce because a key was heard for the first time: wire.md §8.1. Trust has no part in it, or
// an answer would tell who is trusted. Interfaces are called by their index. Time is passed in. It is not safe for
// concurrent use.
type answers struct {
	heard map[heardKey]time.Time // when last; at most maxHeard
	swept time.Time
	due   map[int]time.Time // interfaces where an answer is to be sent, and when
	last  map[int]time.Time // interfaces where one was sent, and when
}

func newAnswers() *answers {
	return &answers{heard: make(map[heardKey]time.Time), due: make(map[int]time.Time), last: make(map[int]time.Time)}
}

// hear notes that a key was heard, and reports whether an answer has become due on its interface that was not before.
// jitter is random in [0, 1).
func (a *answers) hear(now time.Time, k heardKey, jitter float64) bool {
	last, known := a.heard[k]
	if !known && len(a.heard) >= maxHeard && now.Sub(a.swept) >= sweepEvery {
		a.swept = now // forget those for which the next time is a first time again
		maps.DeleteFunc(a.heard, func(_ heardKey, last time.Time) bool { return now.Sub(last) >= holds })
	}
	if known || len(a.heard) < maxHeard {
		a.heard[k] = now
	}
	if _, waits := a.due[k.on]; waits || known && now.Sub(last) < holds {
		return false
	}
	a.due[k.on] = lan.Latest(now.Add(time.Duration(jitter*float64(answerWithin))), a.last[k.on].Add(answerEvery))
	return true
}

// take returns the interfaces where an answer is due, and takes it as sent.
func (a *answers) take(now time.Time) (due []int) {
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

// keep forgets all interfaces but these.
func (a *answers) keep(using []discovery.Interface) {
	gone := func(on int, _ time.Time) bool {
		return !slices.ContainsFunc(using, func(i discovery.Interface) bool { return i.Index == on })
	}
	maps.DeleteFunc(a.heard, func(k heardKey, at time.Time) bool { return gone(k.on, at) })
	maps.DeleteFunc(a.due, gone)
	maps.DeleteFunc(a.last, gone)
}
