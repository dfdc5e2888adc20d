package session

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// received handles what one read brought, in order, and gives the batch back.
func (s *session) received(b *batch) {
	s.wear()
	for i := range b.envelopes {
		if s.state != open && s.state != draining {
			break // the rest came behind the end
		}
		if err := s.handle(&b.envelopes[i]); err != nil {
			s.violated(err)
		}
	}
	s.reader.give(b)
	if s.state == draining {
		s.settled()
	}
}

// handle handles one envelope. An error is a breach of the protocol.
func (s *session) handle(e *envelope.Envelope) error {
	s.missed = 0
	if e.Kind == envelope.KindSend && string(e.Name) == envelope.NameBye {
		return s.byeHeard(e.Args)
	}
	var err error
	switch e.Kind {
	case envelope.KindCall:
		if s.bye != nil {
			return errAfterBye
		}
		s.asked.Add(1)
		err = s.inbound.Call(e)
	case envelope.KindReply:
		s.asked.Add(1)
		s.answered(e)
	case envelope.KindSend:
		err = s.sent(e)
	case envelope.KindPing:
		s.queue.pong(e.Nonce)
	case envelope.KindPong:
		s.ponged(e.Nonce)
	}
	if err == nil && !s.up {
		s.up = true
		s.stopLate()
		s.stopLate = nil // and its timer with it
		s.config.Counters.Handshake(s.role, counters.Accepted)
		s.counters.Up(s.Link)
		s.tell(Up{s.Link})
	}
	return err
}

// answered ends the call that e answers. If there is none its caller has given up, and nobody misses the reply.
func (s *session) answered(e *envelope.Envelope) {
	p := s.flight.take(e.ID)
	switch {
	case p == nil:
	case e.Err != nil:
		p.done <- result{err: e.Err}
	default:
		p.done <- result{value: e.Result}
	}
}

func (s *session) sent(e *envelope.Envelope) error {
	if !envelope.Reserved(e.Name) {
		if s.bye != nil {
			return errAfterBye
		}
		s.asked.Add(1)
		s.inbound.Send(e)
		return nil
	}
	switch string(e.Name) {
	case envelope.NameHello:
		hello, err := envelope.ParseHello(e.Args)
		if err != nil {
			return err
		}
		if s.hello.Load() == nil { // a second one changes nothing (wire.md §6.7)
			s.hello.Store(&hello)
			if hello.Max > 0 {
				s.accepts.Store(max(s.accepts.Load(), int64(hello.Max)))
			}
			s.tell(Greeted{s.Link})
		}
	case envelope.NameCancel:
		id, err := envelope.ParseCancel(e.Args)
		if err != nil {
			return err
		}
		s.inbound.Cancel(id)
	}
	return nil // a name of a later version
}

// byeHeard ends the session or half-closes it, as the code says (wire.md §6.8).
func (s *session) byeHeard(args []byte) error {
	bye, err := envelope.ParseBye(args)
	if err != nil {
		return err
	}
	if !halfCloses(bye.Code) {
		s.finish(Ended{Reason: bye.Code, Text: bye.Text, RetryAfter: bye.RetryAfter, ByPeer: true}, nil)
		_ = s.conn.Close() // the peer has said its last word, and waits for nothing of ours
		return nil
	}
	if s.bye != nil {
		return nil
	}
	s.bye = &bye
	s.inbound.Sealed()
	if !s.said {
		s.end = Ended{Reason: bye.Code, Text: bye.Text, RetryAfter: bye.RetryAfter, ByPeer: true}
		s.tell(Sealed{s.Link, bye})
		s.half(envelope.Bye{Code: bye.Code})
	}
	return nil
}

// halfCloses says whether a bye of that code leaves time for answers. Unknown codes are as shutdown.
func halfCloses(code envelope.Reason) bool {
	switch code {
	case envelope.ReasonRefused, envelope.ReasonRevoked, envelope.ReasonConflict, envelope.ReasonBusy,
		envelope.ReasonProtocol, envelope.ReasonUnresponsive:
		return false
	}
	return true
}

// wear tells the owner, once, that the session should be replaced.
func (s *session) wear() {
	limit := s.config.WornAfter
	if s.worn || limit == 0 || s.role != handshake.Initiator || s.state != open || max(s.sealed.Load(), s.opened.Load()) < limit {
		return
	}
	s.worn = true
	s.tell(Worn{s.Link})
}

// check pings the peer now, and gives it up as if it had been silent for PingAfter.
func (s *session) check() {
	if s.state != open && s.state != draining || s.missed > 0 {
		return // not the time, or it is being asked already
	}
	s.stopTick()
	s.askForLife()
	s.stopTick = s.after(s.config.PongWithin, tick{})
}

// askForLife sends a ping whose answer nobody waits for.
func (s *session) askForLife() {
	s.pinged = s.config.Clock.Now()
	s.missed++
	s.flight.takePing(s.nonce) // a late pong to it would tell no more than this one's: they must not add up
	s.nonce, _ = s.sendPing(nil)
}

// tick looks whether the peer is alive (wire.md §7.2).
func (s *session) tick() {
	if s.state != open && s.state != draining {
		return
	}
	s.wear()
	now := s.config.Clock.Now()
	act, next := liveness(now.Sub(s.Heard()), now.Sub(s.pinged), s.missed, s.config.PingAfter, s.config.PongWithin)
	switch act {
	case sendPing:
		s.reader.shrink()
		s.askForLife()
	case giveUp:
		s.finish(Ended{Reason: envelope.ReasonUnresponsive}, &envelope.Bye{Code: envelope.ReasonUnresponsive})
		return
	}
	s.stopTick = s.after(next, tick{})
}

type action uint8

const (
	stayQuiet action = iota
	sendPing
	giveUp
)

// maxMissed pongs in a row end a session (wire.md §7.2).
const maxMissed = 2

// liveness decides what to do about a peer that was last heard idle ago, was last pinged since ago, and has
// left missed pings unanswered, and when to look again.
func liveness(idle, since time.Duration, missed int, pingAfter, pongWithin time.Duration) (action, time.Duration) {
	switch {
	case idle < pingAfter && missed == 0:
		return stayQuiet, pingAfter - idle
	case missed == 0:
		return sendPing, pongWithin
	case idle < since: // heard since the ping left
		return stayQuiet, max(pingAfter-idle, pongWithin)
	case since < pongWithin:
		return stayQuiet, pongWithin - since
	case missed < maxMissed:
		return sendPing, pongWithin
	}
	return giveUp, 0
}

// probe pings the peer and tells the owner whether it answered in time.
func (s *session) probe(m Probe) {
	if s.state != open && s.state != draining {
		s.tell(Probed{s.Link, false})
		return
	}
	p := s.config.pendings.get()
	nonce, err := s.sendPing(p)
	if err != nil {
		s.tell(Probed{s.Link, false})
		return
	}
	s.run(func() any {
		late := make(chan struct{})
		defer s.config.Clock.AfterFunc(m.Within, func() { close(late) })()
		select {
		case r := <-p.done:
			return probeEnded{r.err == nil}
		case <-late:
			return probeEnded{s.flight.takePing(nonce) == nil && (<-p.done).err == nil}
		}
	})
}
