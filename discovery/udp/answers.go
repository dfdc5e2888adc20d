package udp

import (
	"maps"
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// maxHeard bounds what is remembered of who was heard, a hundred bytes each. What is heard while it is full counts as
// heard for the first time and is not remembered: whoever fills it with forged keys gains one announce a second.
const maxHeard = 4096

// sweepEvery is how often a full table is searched for what is too old, so that a flood does not make that the work.
const sweepEvery = time.Second

// A voice is a key heard at an address on a link, by the link's index.
type voice struct {
	key  identity.PublicKey
	addr netip.AddrPort
	link int
}

// answers decides when to announce because a key was heard for the first time: wire.md §8.1. Trust has no part in it, or
// an answer would tell who is trusted. Links are called by their index. Time is passed in. It is not safe for concurrent
// use.
type answers struct {
	heard map[voice]time.Time // when last; at most maxHeard
	swept time.Time
	due   map[int]time.Time // links where an answer is to be sent, and when
	last  map[int]time.Time // links where one was sent, and when
}

func newAnswers() *answers {
	return &answers{heard: make(map[voice]time.Time), due: make(map[int]time.Time), last: make(map[int]time.Time)}
}

// hear notes that a key was heard, and reports whether an answer has become due on its link that was not before. jitter
// is random in [0, 1).
func (a *answers) hear(now time.Time, v voice, jitter float64) bool {
	last, known := a.heard[v]
	if !known && len(a.heard) >= maxHeard && now.Sub(a.swept) >= sweepEvery {
		a.sweep(now)
	}
	if known || len(a.heard) < maxHeard {
		a.heard[v] = now
	}
	if _, waits := a.due[v.link]; waits || known && now.Sub(last) < holds {
		return false
	}
	at := now.Add(time.Duration(jitter * float64(answerWithin)))
	if last, answered := a.last[v.link]; answered && at.Before(last.Add(answerEvery)) {
		at = last.Add(answerEvery)
	}
	a.due[v.link] = at
	return true
}

// take returns the links where an answer is due, and takes it as sent.
func (a *answers) take(now time.Time) (links []int) {
	for link, at := range a.due {
		if !at.After(now) {
			links = append(links, link)
			a.last[link] = now
			delete(a.due, link)
		}
	}
	return links
}

// next returns when take will have something; zero: never.
func (a *answers) next() (next time.Time) {
	for _, at := range a.due {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// announced notes that an announce has just gone out on every link: it answers all who were heard before it.
func (a *answers) announced() { clear(a.due) }

// keep forgets all links but these.
func (a *answers) keep(links []link) {
	there := make(map[int]bool, len(links))
	for _, l := range links {
		there[l.index] = true
	}
	maps.DeleteFunc(a.heard, func(v voice, _ time.Time) bool { return !there[v.link] })
	maps.DeleteFunc(a.due, func(link int, _ time.Time) bool { return !there[link] })
	maps.DeleteFunc(a.last, func(link int, _ time.Time) bool { return !there[link] })
}

// sweep forgets who has not been heard for so long that the next time is a first time again.
func (a *answers) sweep(now time.Time) {
	a.swept = now
	maps.DeleteFunc(a.heard, func(_ voice, last time.Time) bool { return now.Sub(last) >= holds })
}
