package peers

import (
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// facts are all that reconcile decides from: what a peer's actor was told of its sessions, what it has told others, and what
// reconcile has decided before, such as used, dispute, due and asleep.
// They are plain values. The actor keeps the sessions themselves beside, by id.
type facts struct {
	key        identity.PublicKey
	isArbiter  bool          // this node decides between two sessions (wire.md §7.4)
	pongWithin time.Duration // how long any ping has (wire.md §7.2)
	idleAfter  time.Duration // how long an unused session is kept; 0: for ever

	sessions []sessionFacts // those that are up last, in the order in which they came up
	used     string         // the session that calls use, or used last
	usedEnd  session.Ended  // how that one ended, once no other took over; no reason: it has not
	lastEnd  session.Ended  // the end that was heard of last, of any session
	dispute  dispute        // that was decided on, until it is settled
	answered bool           // the probe of the dispute
	alive    bool           // with a pong
	offered  string         // the session in the directory; "": none
	upTold   bool           // Up was told, Down was not

	shown State // the state in the directory

	goodbye envelope.Reason // why the peer leaves: it starts nothing new and stops after its last session; empty: it stays
	stopped bool            // it was told to stop, since no session is left

	// Of the dialer.
	dialling   bool     // a round is under way
	rotates    string   // the session that the round is to replace; "": none
	handshakes []string // of the round, by session
	hasAddress bool     // an address is known; its sources may all have withdrawn it
	isSeen     bool     // a source says where the peer is

	dialAsked bool      // a dial is wanted now, unless there is no need
	due       time.Time // when the next dial is; zero: none is due
	asleep    bool      // the last session ended unused: not dialled until it is needed
	waiting   bool      // the next dial waits for a place
	full      bool      // not dialled, or told to come back, as the node is at its limit
	refusals  int       // in a row
	falls     int       // sessions in a row that ended soon after they came up
	failed    error     // why the last round failed; nil once a session was up
}

// sessionFacts are what is known of one session.
type sessionFacts struct {
	id      string
	role    handshake.Role
	addr    netip.AddrPort
	beam    bool   // the peer speaks BEAM in it
	name    string // of the peer's hello, as the next two
	boot    [8]byte
	hasBoot bool
	greeted bool    // the hello has come, or is late and counts as one without boot
	chance  float64 // random, in [0, 1): what is random about the session is drawn from it

	admitted bool        // reconcile has let it in; the quota is asked next
	noRoom   *LimitError // why the quota has no room for it; nil: it has
	up       time.Time   // zero: the other end has not accepted yet

	rotateAt time.Time // when a fresh session is to replace it; zero: never
	isSpent  bool      // it has carried as many messages as it may
	lastUsed time.Time // as far as is known
	traffic  uint64    // at that time

	asked    bool // for a pong, because there is a newer session (wire.md §7.4)
	silent   bool // it was asked, and did not answer
	stranded bool // this machine does not have its address any more
	doubted  bool // it broke, and its address has lost its privileges

	closed     envelope.Reason // this node has told it to end; "": it has not
	halfClosed bool            // the peer has said a bye that half-closes: it takes nothing new
	over       bool            // only Ended will follow
	ended      bool
	end        *session.Ended // how it ends, once it is half-closed, over or ended; never changed; nil: nothing is known of it
}

// isNewcomer says whether the session waits to be let in.
func (s sessionFacts) isNewcomer() bool { return !s.admitted }

// isUsable says whether calls can be made over the session.
func (s sessionFacts) isUsable() bool { return !s.up.IsZero() && !s.halfClosed && s.isOpen() }

// isPending says whether the session may still come up.
func (s sessionFacts) isPending() bool {
	return s.up.IsZero() && s.admitted && !s.halfClosed && s.isOpen()
}

func (s sessionFacts) isOpen() bool { return s.closed == "" && !s.over && !s.ended }

// hasOtherBoot says whether the two are known to lead to different processes: also if only one of them says its boot.
func (s *sessionFacts) hasOtherBoot(o *sessionFacts) bool {
	return s.greeted && o.greeted && (s.hasBoot != o.hasBoot || s.boot != o.boot)
}

// isAlive says whether the session is up. A half-closed one still counts.
func (s sessionFacts) isAlive() bool { return !s.up.IsZero() && !s.over && !s.ended }

// outlivesSuccessor says whether another session has taken the place of this one, which goes on for its calls and streams.
func (s sessionFacts) outlivesSuccessor() bool {
	return s.isAlive() && (isReplaced(s.closed) || s.halfClosed && isReplaced(s.end.Reason))
}

// mustStay says whether s is not rotated for its age, as a session that was replaced goes on.
func (f *facts) mustStay(s *sessionFacts) bool {
	return !s.isSpent && f.has(sessionFacts.outlivesSuccessor)
}

// isBroken says whether a session that was up ended, and the peer did not say so: a relay between may have
// swallowed what was sent.
func (s sessionFacts) isBroken() bool {
	return !s.up.IsZero() && !s.isUsable() && Breaks(s.howItEnds().Reason)
}

// howItEnds returns what is known of the end of a session that is not usable any more.
func (s sessionFacts) howItEnds() session.Ended {
	if s.end == nil {
		return session.Ended{Addr: s.addr, Reason: s.closed}
	}
	return *s.end
}

// find returns the session with that id; nil: there is none.
func (f *facts) find(id string) *sessionFacts {
	if i := slices.IndexFunc(f.sessions, func(s sessionFacts) bool { return s.id == id }); i >= 0 {
		return &f.sessions[i]
	}
	return nil
}

// usable returns the sessions over which calls can be made, in the order in which they came up.
func (f *facts) usable() (list []*sessionFacts) {
	for i := range f.sessions {
		if s := &f.sessions[i]; s.isUsable() {
			list = append(list, s)
		}
	}
	return list
}

// has says whether one of the sessions is as described.
func (f *facts) has(like func(sessionFacts) bool) bool { return slices.ContainsFunc(f.sessions, like) }

// hasOther says whether calls can be made over another session than the one with that id.
func (f *facts) hasOther(id string) bool {
	return f.has(func(s sessionFacts) bool { return s.id != id && s.isUsable() })
}

// isConnected says whether there is a session that calls use.
func (f *facts) isConnected() bool {
	s := f.find(f.used)
	return s != nil && s.isUsable()
}

// isAwaiting says whether the session that was used last was replaced, and the next one is not up yet on this side.
func (f *facts) isAwaiting() bool {
	return f.upTold && !f.isConnected() && isReplaced(f.usedEnd.Reason) && f.has(sessionFacts.isPending)
}

// state returns what the peer's link is doing.
func (f *facts) state() State {
	switch {
	case f.isConnected():
		return Connected
	case f.dialling && !f.waiting:
		return Dialling
	case f.isAwaiting():
		return Connected
	case f.waiting || !f.due.IsZero():
		return BackingOff
	case f.isSeen:
		return Found
	}
	return Unknown
}

// What is recorded of a session, once each.

// recordUp puts a session behind those that came up before.
func (f *facts) recordUp(id string, now time.Time) {
	i := slices.IndexFunc(f.sessions, func(s sessionFacts) bool { return s.id == id })
	s := f.sessions[i]
	s.up = now
	f.sessions = append(slices.Delete(f.sessions, i, i+1), s)
}

// recordHello keeps what the peer said of itself, above all which run of its process the session leads to.
func (s *sessionFacts) recordHello(h envelope.Hello) {
	s.name, s.boot, s.hasBoot, s.greeted = h.Name, h.Boot, h.HasBoot, h.Version > 0
}

// recordPong keeps the answer to a probe.
func (f *facts) recordPong(id string, alive bool) {
	if f.dispute.favoured == id && !f.answered {
		f.answered, f.alive = true, alive
	} else if s := f.find(id); s != nil {
		s.silent = s.asked && !alive
	}
}

// recordTraffic keeps when the session was last used: link says how much went over it, and whether a call is in flight.
func (s *sessionFacts) recordTraffic(n uint64, inFlight bool, now time.Time) {
	if inFlight || n != s.traffic {
		s.traffic, s.lastUsed = n, now
	}
}

// inherit counts the time that the session that s replaces was not used. To rotate a session is no use of it (wire.md
// §7.5).
func (s *sessionFacts) inherit(old *sessionFacts) {
	if s.lastUsed.Equal(s.up) {
		s.lastUsed = old.lastUsed
	}
}

// isIdle says whether the session ends because it was not used.
func (f *facts) isIdle(s *sessionFacts, now time.Time) bool {
	return !s.beam && f.idleAfter > 0 && now.Sub(s.lastUsed) >= f.idleAfter
}

// recordEnd keeps how a session ends.
func (f *facts) recordEnd(s *sessionFacts, m session.Ended) { s.end, f.lastEnd = &m, m }
