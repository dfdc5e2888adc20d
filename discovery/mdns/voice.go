package mdns

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	// answerAfter to answerAfter+answerRange: how soon what others may have too is answered (RFC 6762 §6), so that not all
	// nodes answer at the same moment, and when what one announces at its start comes, so that not all begin at the same.
	answerAfter = 20 * time.Millisecond
	answerRange = 100 * time.Millisecond

	// speakLeast is the least time between two packets on one interface, and so between two of one record: RFC 6762 §6.
	// Nobody can have more than one a second, whatever he asks.
	speakLeast = time.Second

	// contradictLeast is the least time between two contradictions of goodbyes in our name. That is less than between
	// other packets, as for the other case in which waiting does harm, the defence of a name: RFC 6762 §6.
	contradictLeast = 250 * time.Millisecond
)

// pauses follow the first announcements: RFC 6762 §8.3 has at least two, a second apart. The third is for a link that has
// just come up.
var pauses = [...]time.Duration{time.Second, 2 * time.Second}

// A voice says what a node says on one interface, and when. There is no probing before (RFC 6762 §8.1): the names have 128
// bits of the node's key in them, and who has the same key has a right to the same names. Time is passed in. It is not
// safe for concurrent use, unless something says so.
type voice struct {
	records []record       // not changed
	random  func() float64 // in [0, 1)

	spoke  time.Time // last; zero: never
	turn   time.Time // when to announce; zero: not any more
	begun  int       // announcements made in turn
	due    time.Time // when to answer; zero: nothing is asked
	wanted []bool    // by record: asked for

	ended        atomic.Bool // somebody takes back records, and that is not looked at yet; safe for concurrent use
	urgent       time.Time   // when to contradict; zero: nothing
	contradicted time.Time   // last
}

// newVoice returns a voice that begins to announce.
func newVoice(now time.Time, records []record, random func() float64) *voice {
	v := &voice{records: records, random: random, wanted: make([]bool, len(records))}
	v.turn = now.Add(v.moment())
	return v
}

// moment returns a random time from answerAfter on.
func (v *voice) moment() time.Duration {
	return answerAfter + time.Duration(v.random()*float64(answerRange))
}

// An outcome is what becomes of a query.
type outcome int

const (
	answered   outcome = iota // soon
	limited                   // the answer waits, because something was said lately
	suppressed                // who asks knows all of it, or there is none
)

// ask takes note of a query.
func (v *voice) ask(now time.Time, q query) outcome {
	var kinds kinds
	for n, r := range v.records {
		if q.kinds&r.kind != 0 && !q.knows(r) {
			v.wanted[n] = true
			kinds |= r.kind
		}
	}
	if kinds == 0 {
		return suppressed
	}
	at := now
	if kinds&(typePointer|pointer) != 0 { // others have such records too
		at = now.Add(v.moment())
	}
	if earliest := v.spoke.Add(speakLeast); !v.spoke.IsZero() && at.Before(earliest) {
		v.due = earliest
		return limited
	}
	if v.due.IsZero() || at.Before(v.due) {
		v.due = at
	}
	return answered
}

// ends reports whether a message takes back records that are announced. It is safe for concurrent use.
func (v *voice) ends(m message) bool { return slices.ContainsFunc(v.records, m.ends) }

// contradict takes note that somebody takes back records, which we did not mean. All are announced at once, whatever was
// said lately, but for contradictLeast.
func (v *voice) contradict(now time.Time) {
	if !v.urgent.IsZero() {
		return
	}
	v.urgent = now
	if earliest := v.contradicted.Add(contradictLeast); !v.contradicted.IsZero() && now.Before(earliest) {
		v.urgent = earliest
	}
}

// next returns when there is something to say; zero: never.
func (v *voice) next() (at time.Time) {
	for _, t := range []time.Time{v.turn, v.due, v.urgent} {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// say returns what is to be said now; nil: nothing. It is taken as said.
func (v *voice) say(now time.Time) *dns.Msg {
	is := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	if is(v.turn) && !v.spoke.IsZero() && now.Before(v.spoke.Add(speakLeast)) {
		v.turn = v.spoke.Add(speakLeast)
	}
	var answer func(n int) bool
	switch {
	case is(v.urgent), is(v.turn):
		answer = func(n int) bool { return v.wanted[n] || v.records[n].kind&announced != 0 }
	case is(v.due):
		answer = func(n int) bool { return v.wanted[n] }
	default:
		return nil
	}
	m := v.message(answer)
	if is(v.urgent) {
		v.urgent, v.contradicted = time.Time{}, now
	}
	if is(v.turn) {
		if v.turn = (time.Time{}); v.begun < len(pauses) {
			v.turn = now.Add(pauses[v.begun])
			v.begun++
		}
	}
	v.spoke, v.due = now, time.Time{}
	clear(v.wanted)
	return m
}

// message returns a response with some records as answers, and what goes with them.
func (v *voice) message(answer func(n int) bool) *dns.Msg {
	m := newResponse()
	var kinds kinds
	for n, r := range v.records {
		if answer(n) {
			m.Answer = append(m.Answer, r.rr)
			kinds |= r.kind
		}
	}
	for _, r := range v.records {
		if additional(kinds)&r.kind != 0 {
			m.Extra = append(m.Extra, r.rr)
		}
	}
	return m
}

// goodbye returns what takes back all that is announced but what is among others; nil: nothing is left. That there are
// nodes is nothing that a node takes back: others may be there.
func (v *voice) goodbye(others []record) *dns.Msg {
	m := newResponse()
	for _, r := range v.records {
		still := slices.ContainsFunc(others, func(o record) bool { return dns.IsDuplicate(o.rr, r.rr) })
		if still || r.kind&announced == 0 {
			continue
		}
		rr := dns.Copy(r.rr)
		rr.Header().Ttl = 0
		m.Answer = append(m.Answer, rr)
	}
	if len(m.Answer) == 0 {
		return nil
	}
	return m
}

// newResponse returns an empty response: RFC 6762 §18.
func newResponse() *dns.Msg {
	return &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true}
}
