package session

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// Ping returns the time from here to the peer's session and back. It waits for room like a call.
func (l *Link) Ping(ctx context.Context) (time.Duration, error) {
	p := l.config.pendings.get()
	buf, err := l.enterPing(p)
	if err != nil {
		l.config.pendings.put(p)
		return 0, err
	}
	r := l.exchange(ctx, p, l.queue.pushPing(ctx, buf, &p.position))
	return r.rtt, r.err
}

// sendPing sends a ping of the session itself: there are never more than a few.
func (l *Link) sendPing(p *pending) error {
	buf, err := l.enterPing(p)
	if err == nil {
		l.queue.force(buf, &p.position)
	}
	return err
}

// enterPing enters p as a ping and returns its envelope.
func (l *Link) enterPing(p *pending) (*buffer, error) {
	p.ping, p.id, p.sent = true, envelope.CallID(l.lastNonce.Add(1)), l.config.Clock.Now()
	if err := l.flight.enter(p); err != nil {
		return nil, err
	}
	buf := newEnvelope(nil)
	buf.b = l.codec.AppendPing(buf.b, binary.BigEndian.AppendUint64(nil, uint64(p.id)))
	return buf, nil
}

// handlePong answers the ping of this node that the pong belongs to, and those that left before it. Any other pong is
// ignored.
func (l *Link) handlePong(nonce []byte) {
	if len(nonce) != 8 {
		return
	}
	answered := l.flight.takePings(envelope.CallID(binary.BigEndian.Uint64(nonce)), l.queue)
	if len(answered) == 0 {
		return
	}
	now := l.config.Clock.Now()
	rtt := now.Sub(answered[0].sent)
	l.rtt.Store(int64(rtt))
	l.counters.RTT(rtt)
	for _, p := range answered {
		if p.done != nil {
			p.done <- result{rtt: now.Sub(p.sent)}
		}
	}
}
