package session

import (
	"context"
	"encoding/binary"
	"time"
)

// Ping returns the time from here to the peer's session and back. It waits for room like a call.
func (l *Link) Ping(ctx context.Context) (time.Duration, error) {
	p := l.config.pendings.get()
	nonce, buf, at, err := l.enterPing(p)
	if err != nil {
		l.config.pendings.put(p)
		return 0, err
	}
	if err := l.queue.push(ctx, urgent, buf, at); err != nil {
		if l.flight.takePing(nonce) == nil {
			err = better(err, <-p.done)
		}
		l.config.pendings.put(p)
		return 0, given(err)
	}
	var r result
	select {
	case r = <-p.done:
	case <-ctx.Done():
		if l.flight.takePing(nonce) != nil {
			l.config.pendings.put(p)
			return 0, &AbandonedError{Err: ctx.Err(), Sent: true}
		}
		r = <-p.done
	}
	l.config.pendings.put(p)
	if r.err != nil {
		return 0, r.err
	}
	return time.Duration(binary.BigEndian.Uint64(r.value)), nil
}

// sendPing sends a ping of the session's own: there are never more than a few.
func (l *Link) sendPing(p *pending) (uint64, error) {
	nonce, buf, at, err := l.enterPing(p)
	if err == nil {
		l.queue.forceAt(urgent, buf, at)
	}
	return nonce, err
}

// enterPing makes a ping, whose place in the queue is to be told at. p, if not nil, gets the round trip.
func (l *Link) enterPing(p *pending) (nonce uint64, buf *buffer, at *place, err error) {
	nonce = l.lastNon.Add(1)
	entry := &ping{pending: p, sent: l.config.Clock.Now()}
	if err := l.flight.enterPing(nonce, entry); err != nil {
		return 0, nil, nil, err
	}
	buf = begin(nil)
	buf.b = l.codec.AppendPing(buf.b, binary.BigEndian.AppendUint64(nil, nonce))
	return nonce, buf, &entry.place, nil
}

// ponged is the pong that a ping of ours waited for, and with it those that left before; any other is ignored.
func (l *Link) ponged(nonce []byte) {
	if len(nonce) != 8 {
		return
	}
	own, earlier := l.flight.ponged(binary.BigEndian.Uint64(nonce), l.queue)
	if own == nil {
		return
	}
	now := l.config.Clock.Now()
	rtt := now.Sub(own.sent)
	l.rtt.Store(int64(rtt))
	l.counters.RTT(rtt)
	for _, p := range append(earlier, own) {
		if p.pending != nil {
			p.pending.done <- result{value: binary.BigEndian.AppendUint64(nil, uint64(now.Sub(p.sent)))}
		}
	}
}
