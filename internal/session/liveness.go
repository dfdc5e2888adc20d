package session

import (
	"context"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// tellIfRotationDue tells the owner, once, that the session should be replaced.
func (s *session) tellIfRotationDue() {
	if s.state == open && s.isRotationDue() {
		s.rotationTold.Store(true)
		s.tell(RotationDue{s.Link})
	}
}

// isRotationDue says whether enough messages have gone one way, and the owner was not told yet.
func (l *Link) isRotationDue() bool {
	limit := l.config.MaxMessages
	return limit != 0 && l.role == handshake.Initiator && max(l.framesOut.Load(), l.framesIn.Load()) >= limit && !l.rotationTold.Load()
}

// check pings the peer now. A peer that does not answer is given up as if it had been silent for PingAfter.
func (s *session) check() {
	if s.isTalking() && s.unanswered(s.framesIn.Load()) == 0 && (s.up || !s.dialect.upAtPong) { // else a ping is on its way already
		s.stopLiveness()
		s.checkLiveness(s.config.PingAfter)
	}
}

// isTalking says whether envelopes come and go.
func (s *session) isTalking() bool { return s.state == open || s.state == draining }

// pingPeer sends a ping of the session's own. Until now frames have come.
func (s *session) pingPeer(frames uint64) {
	s.flight.remove(s.lastPing) // forget the previous ping, so unanswered pings do not accumulate
	s.lastPing, s.framesAtPing = &pending{}, frames
	_ = s.sendPing(s.lastPing)
}

// unanswered returns how many pings in a row had no answer when frames had come. Any valid frame answers those before it.
func (s *session) unanswered(frames uint64) int {
	if frames != s.framesAtPing {
		return 0
	}
	return s.missedPongs
}

// checkLiveness looks whether the peer is alive (wire.md §7.2), as if it had been silent for at least idle.
func (s *session) checkLiveness(idle time.Duration) {
	if !s.isTalking() {
		return
	}
	s.tellIfRotationDue()
	frames := s.framesIn.Load() // once: the reader may count another one meanwhile, which answers the ping before
	now := s.config.Clock.Now()
	idle = max(idle, now.Sub(s.Heard())) // read after frames, since the reader counts a frame last
	since := now.Sub(s.lastPing.sent)
	missed, left := liveness(idle, since, s.unanswered(frames), s.config.PingAfter, s.config.PongWithin)
	if left <= 0 {
		if missed == 0 {
			s.silentFrom = now
		} else if s.isSilenceExcused(s.silentFrom, now) {
			missed = 0
		}
		if missed == maxMissed {
			s.finish(Ended{Reason: envelope.ReasonUnresponsive}, &envelope.Bye{Code: envelope.ReasonUnresponsive})
			return
		}
		missed++
		s.pingPeer(frames)
		left = s.config.PongWithin
	}
	s.missedPongs = missed
	s.stopLiveness = s.after(left, livenessDue{})
}

// maxMissed pongs in a row end a session (wire.md §7.2).
const maxMissed = 2

// liveness looks at a peer that was last heard idle ago, was last pinged since ago, and has left missed pings unanswered. It
// returns how many are unanswered still, and how long until the next ping, or the end, is due.
func liveness(idle, since time.Duration, missed int, pingAfter, pongWithin time.Duration) (stillMissed int, left time.Duration) {
	if missed == 0 || idle < since { // heard since the ping left
		return 0, pingAfter - idle
	}
	return missed, pongWithin - since
}

// probe pings the peer and tells the owner whether the pong came in time.
func (s *session) probe(m Probe) {
	p := s.config.pendings.get()
	if !s.isTalking() || s.sendPing(p) != nil {
		s.tell(Probed{s.Link, false})
		return
	}
	s.run(func() any {
		ctx, cancel := context.WithCancel(context.Background())
		defer s.config.Clock.AfterFunc(m.Within, cancel)()
		return Probed{s.Link, s.exchange(ctx, p, nil).err == nil}
	})
}
