package mdns

import (
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

const (
	// answerAfter to answerAfter+answerRange is how soon questions are answered that others may answer too (RFC 6762 §6), so
	// that not all nodes answer at the same moment, and how soon a node announces itself after its start.
	answerAfter = 20 * time.Millisecond
	answerRange = 100 * time.Millisecond

	// speakLeast is the least time between two packets on one interface, and so between two of one record: RFC 6762 §6.
	// No question draws more than one packet a second.
	speakLeast = time.Second

	// contradictLeast is the least time between two contradictions of goodbyes in our name. It is shorter than for
	// other packets, as in the other case in which waiting does harm, the defence of a name: RFC 6762 §6.
	contradictLeast = 250 * time.Millisecond
)

// pauses follow the first announcements: RFC 6762 §8.3 has at least two, a second apart. The third is for an interface
// that has just come up.
var pauses = [...]time.Duration{time.Second, 2 * time.Second}

// An announcer decides what a node says on one interface, and when. It does not probe before (RFC 6762 §8.1): the names have
// 128 bits of the node's key in them, and a node with the same key has a right to the same names. Time is passed in. It is not
// safe for concurrent use.
type announcer struct {
	records []ownRecord    // not changed
	own     message        // what takes all of it back; not changed
	random  func() float64 // in [0, 1)

	spoke      time.Time // last; zero: never
	announceAt time.Time // zero: not any more
	repeats    int       // of the first announcement
	answerAt   time.Time // zero: nothing is asked
	wanted     []bool    // by record: asked for

	contradictAt time.Time // zero: nothing
	contradicted time.Time // last
}

// newAnnouncer returns an announcer that begins to announce.
func newAnnouncer(now time.Time, records []ownRecord, random func() float64) *announcer {
	a := &announcer{records: records, random: random, wanted: make([]bool, len(records))}
	a.own = messageIn(a.goodbye(nil))
	a.announceAt = now.Add(a.moment())
	return a
}

// moment returns a random time from answerAfter on.
func (a *announcer) moment() time.Duration {
	return answerAfter + time.Duration(a.random()*float64(answerRange))
}

// ask makes the answer to a query due. It counts a query that is not answered, and one whose answer waits because something
// was said lately.
func (a *announcer) ask(now time.Time, q query, s *Stats) {
	var kinds kinds
	for n, r := range a.records {
		if q.kinds&r.kind != 0 && !q.knows(r) {
			a.wanted[n] = true
			kinds |= r.kind
		}
	}
	if kinds == 0 {
		s.Suppressed++
		return
	}
	at := now
	if kinds&(typePointer|pointer) != 0 { // others have such records too
		at = now.Add(a.moment())
	}
	if earliest := a.spoke.Add(speakLeast); at.Before(earliest) {
		s.Limited++
		at = earliest
	}
	a.answerAt = lan.Earliest(a.answerAt, at)
}

// ends reports whether a message takes back records that are announced.
func (a *announcer) ends(m message) bool {
	for name, own := range a.own.hosts {
		h := m.hosts[name]
		if h != nil && slices.ContainsFunc(own.gone, func(a netip.Addr) bool { return slices.Contains(h.gone, a) }) {
			return true
		}
	}
	return slices.ContainsFunc(m.byes, func(b bye) bool { return slices.Contains(a.own.byes, b) })
}

// contradict makes all records be announced at once, because a packet takes back some of them: even if something was said
// lately, but at most every contradictLeast.
func (a *announcer) contradict(now time.Time) {
	if a.contradictAt.IsZero() {
		a.contradictAt = lan.Latest(now, a.contradicted.Add(contradictLeast))
	}
}

// next returns when there is something to say; zero: never.
func (a *announcer) next() time.Time { return lan.Earliest(a.announceAt, a.answerAt, a.contradictAt) }

// say returns what is to be said now; nil: nothing. It is taken as said.
func (a *announcer) say(now time.Time) *dns.Msg {
	is := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	if is(a.announceAt) {
		a.announceAt = lan.Latest(a.announceAt, a.spoke.Add(speakLeast))
	}
	all := is(a.contradictAt) || is(a.announceAt)
	if !all && !is(a.answerAt) {
		return nil
	}
	m := a.message(all)
	if is(a.contradictAt) {
		a.contradictAt, a.contradicted = time.Time{}, now
	}
	if is(a.announceAt) {
		if a.announceAt = (time.Time{}); a.repeats < len(pauses) {
			a.announceAt = now.Add(pauses[a.repeats])
			a.repeats++
		}
	}
	a.spoke, a.answerAt = now, time.Time{}
	clear(a.wanted)
	return m
}

// message returns a response with the records that are asked for as answers, or with all that is announced too, and what goes
// with them.
func (a *announcer) message(all bool) *dns.Msg {
	m := newResponse()
	var kinds kinds
	for n, r := range a.records {
		if a.wanted[n] || all && r.kind&announced != 0 {
			m.Answer = append(m.Answer, r.rr)
			kinds |= r.kind
		}
	}
	for _, r := range a.records {
		if additional(kinds)&r.kind != 0 {
			m.Extra = append(m.Extra, r.rr)
		}
	}
	return m
}

// goodbye returns the message that takes back all announced records except those of other, which goes on. The record that
// says that there are nodes is never taken back: others may be there.
func (a *announcer) goodbye(other *announcer) *dns.Msg {
	m := newResponse()
	for _, r := range a.records {
		isSame := func(o ownRecord) bool { return dns.IsDuplicate(o.rr, r.rr) }
		if r.kind&announced != 0 && (other == nil || !slices.ContainsFunc(other.records, isSame)) {
			m.Answer = append(m.Answer, r.goodbye())
		}
	}
	return m
}

// newResponse returns an empty response: RFC 6762 §18.
func newResponse() *dns.Msg {
	return &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true}
}
