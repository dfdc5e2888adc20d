package listener

import (
	"net/netip"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

const (
	retryGuest     = 30 * time.Second // when a guest without a place is told to try again
	replaceGuestIn = time.Second      // at most one guest gives its place to a newcomer in this time
)

// guests is the table of the sessions of guests, by source. A session is in it from when it is let in until its actor has stopped.
type guests struct {
	all, perSource int
	sourceOf       map[string]netip.Prefix   // by session
	bySource       map[netip.Prefix][]string // sessions, oldest first
	replaced       limiter.Bucket
}

func newGuests(all, perSource int) *guests {
	return &guests{all: all, perSource: perSource, sourceOf: make(map[string]netip.Prefix), bySource: make(map[netip.Prefix][]string)}
}

// add enters a session if there is a place for it. If all places are taken, and another source has at least two more of them than
// the newcomer's, the oldest session of that source is evicted, at most one in replaceGuestIn: a few addresses must not keep
// everybody else out.
func (g *guests) add(id string, source netip.Prefix, now time.Time) (ok bool, evicted string) {
	own := len(g.bySource[source])
	if own >= g.perSource {
		return false, ""
	}
	if len(g.sourceOf) >= g.all {
		largest := g.largestSource()
		if len(largest) < own+2 || !g.replaced.Take(now, limiter.Rate{Burst: 1, Every: replaceGuestIn}) {
			return false, ""
		}
		evicted = largest[0]
		g.remove(evicted)
	}
	g.sourceOf[id] = source
	g.bySource[source] = append(g.bySource[source], id)
	return true, evicted
}

// remove removes a session, if it is there.
func (g *guests) remove(id string) {
	source, ok := g.sourceOf[id]
	if !ok {
		return
	}
	delete(g.sourceOf, id)
	same := g.bySource[source]
	if len(same) == 1 {
		delete(g.bySource, source)
		return
	}
	i := slices.Index(same, id)
	g.bySource[source] = slices.Delete(same, i, i+1)
}

// largestSource returns the sessions of the source with the most sessions.
func (g *guests) largestSource() (largest []string) {
	for _, same := range g.bySource {
		if len(same) > len(largest) {
			largest = same
		}
	}
	return largest
}

// letIn gives a place to a guest that has proved its key. Without a free place the guest is told `busy`, and counts among the
// strangers until it is gone.
func (l *listener) letIn(ctx actor.Context, guest *session.Link) bool {
	if l.stopped {
		guest.Close(session.Close{Reason: envelope.ReasonShutdown})
		return false
	}
	ok, evicted := l.guests.add(guest.ID(), limiter.SourceOf(guest.Addr().Addr()), l.Session.Clock.Now())
	switch {
	case !ok:
		guest.Close(session.Close{Reason: envelope.ReasonBusy, RetryAfter: retryGuest})
	case evicted != "":
		ctx.Send(ctx.ActorSystem().NewLocalPID(evicted), session.Close{Reason: envelope.ReasonBusy, RetryAfter: retryGuest})
	}
	return ok
}
