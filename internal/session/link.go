package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
)

// A Link is the handle on a session that the rest of the node holds. It is safe for concurrent use.
//
// Calls and sends go from the caller's goroutine straight into the queue of the writer; the actor is not asked.
type Link struct {
	config   *Config
	conn     net.Conn
	role     handshake.Role
	addr     netip.AddrPort // the peer's
	remote   identity.PublicKey
	counters *counters.Peer // nil: the peer is not proved yet
	codec    envelope.Codec
	dialect  *dialect
	names    *dialects.Names // of a BEAM node's handlers; nil: the peer is not one
	sent     *sentNames      // of sends to a BEAM node; nil: the peer is not one
	ready    chan struct{}   // closed once a session that is up at a pong is up, or has ended; nil: calls need not wait
	system   *actor.ActorSystem
	pid      *actor.PID
	since    time.Time
	guest    *guestSession // nil: the session is that of a trusted peer

	inbound Inbound // nil until the session is admitted, which is before the writer runs

	queue *queue

	// These change seldom and are read with each call, so they lie beside what never changes.
	largest      atomic.Int64 // bytes of the largest envelope the peer accepts, a tag included
	hello        atomic.Pointer[envelope.Hello]
	draining     atomic.Bool  // a bye was said or heard: the actor wants to know when nothing is in flight any more
	held         atomic.Bool  // the session has ended, and its connection stays open for a while: see Close
	rotationTold atomic.Bool  // the owner knows that the session should be replaced
	direct       atomic.Bool  // the session is open and up: the reader need not ask the actor. The actor sets it
	rtt          atomic.Int64 // nanoseconds, of the last ping answered; 0: none yet

	flight    inFlight
	lastCall  atomic.Uint64 // id of the newest call; the first is 1
	callers   atomic.Int32  // callers of this node that wait for a call to end
	streams   streams
	lastNonce atomic.Uint64 // of the newest ping; the first is 1
	framesOut atomic.Uint64 // the writer counts
	taken     atomic.Int64  // nanoseconds from since to when the connection last took a byte
	framesIn  atomic.Uint64 // the reader counts
	heard     atomic.Int64  // nanoseconds from since to the last valid frame
	messages  atomic.Uint64 // sends of this node, calls, replies and sends of the peer, and values of streams of both
}

// ID returns the id of the session's actor.
func (l *Link) ID() string { return l.pid.GetId() }

// Remote returns the peer's static key, proved by the handshake.
func (l *Link) Remote() identity.PublicKey { return l.remote }

// Addr returns the peer's address of this connection.
func (l *Link) Addr() netip.AddrPort { return l.addr }

// Local returns this node's address of this connection; zero if it is not known.
func (l *Link) Local() netip.Addr {
	return AddrOf(l.conn.LocalAddr()).Addr()
}

// Role returns this node's role in the handshake.
func (l *Link) Role() handshake.Role { return l.role }

// Since returns when the connection was made.
func (l *Link) Since() time.Time { return l.since }

// Heard returns when the last valid frame arrived.
func (l *Link) Heard() time.Time { return l.since.Add(time.Duration(l.heard.Load())) }

// Traffic returns a number that grows with every call, reply, send and value of a stream, either way, and whether a call is in flight,
// either way. If the number is the same later, and nothing is in flight, the session was idle meanwhile.
func (l *Link) Traffic() (n uint64, inFlight bool) {
	n = l.lastCall.Load() + l.messages.Load()
	return n, l.callers.Load() > 0 || l.inbound.Pending() > 0 || l.streams.countAll() > 0
}

// Counters returns where to count what concerns the peer.
func (l *Link) Counters() *counters.Peer { return l.counters }

// InFlight returns how many calls of this node are in flight, streams included.
func (l *Link) InFlight() int { return int(l.callers.Load()) + l.streams.countOwn() }

// Queued returns how many bytes of envelopes wait to be written, or are being written.
func (l *Link) Queued() int { return l.queue.size() }

// RTT returns the round trip of the last ping answered, 0 if there was none.
func (l *Link) RTT() time.Duration { return time.Duration(l.rtt.Load()) }

// Hello returns what the peer said of itself, zero if it said nothing. It is untrusted.
func (l *Link) Hello() envelope.Hello {
	if h := l.hello.Load(); h != nil {
		return *h
	}
	return envelope.Hello{}
}

// Call asks the peer to run a handler and waits for its answer (wire.md §6.3). The result is the caller's.
//
// The error is a *envelope.RemoteError if the peer answered so, a *LinkError if the session ended, an
// *AbandonedError if ctx ended first, a *SizeError, or what the codec says of args. Unsent tells whether
// another session may serve.
func (l *Link) Call(ctx context.Context, name, trace string, args any) (envelope.Raw, error) {
	raw, err := l.call(ctx, name, trace, args)
	if r, counts := callResult(err); counts {
		l.counters.CallOut(r)
	}
	return raw, err
}

// callResult returns how a call ended that returned err. It does not count if it was not made, because it cannot be
// encoded or may be made over another session.
func callResult(err error) (r counters.CallResult, counts bool) {
	if err == nil {
		return counters.OK, true
	}
	if e, ok := errors.AsType[*envelope.RemoteError](err); ok {
		return counters.Answer(e.Code), true
	}
	if e, ok := errors.AsType[*LinkError](err); ok {
		return counters.Lost, e.Sent
	}
	_, abandoned := errors.AsType[*AbandonedError](err)
	return counters.Abandoned, abandoned
}

func (l *Link) call(ctx context.Context, name, trace string, args any) (envelope.Raw, error) {
	if l.ready != nil {
		if err := l.awaitRequest(ctx, name); err != nil {
			return envelope.Raw{}, err
		}
	}
	o := envelope.Options{Trace: trace}
	if deadline, ok := ctx.Deadline(); ok {
		o.HasTimeout, o.Timeout = true, max(0, deadline.Sub(l.config.Clock.Now()))
	}
	args, err := l.argsOf(args)
	if err != nil {
		return envelope.Raw{}, err
	}
	id := envelope.CallID(l.lastCall.Add(1))
	buf, err := l.encode(name, args, func(b []byte) ([]byte, error) { return l.codec.AppendCall(b, id, name, o, args) })
	if err != nil {
		return envelope.Raw{}, err
	}
	l.callers.Add(1)
	defer l.leave()
	p := l.config.pendings.get()
	p.id = id
	if l.ready != nil {
		p.sent = l.config.Clock.Now()
	}
	if err := l.flight.enter(p); err != nil {
		buf.release()
		l.config.pendings.put(p)
		return envelope.Raw{}, err
	}
	r := l.exchange(ctx, p, l.queue.pushCall(ctx, buf, &p.position))
	if l.ready != nil {
		l.recordName(name, r.err)
	}
	if r.err == nil {
		return envelope.NewRaw(l.codec, r.value), nil
	}
	if errors.Is(r.err, envelope.ErrDeadline) || errors.Is(r.err, envelope.ErrCancelled) {
		if err := l.contextError(ctx); err != nil {
			return envelope.Raw{}, &AbandonedError{Err: err, Sent: true} // the peer reported the deadline before ctx ended here
		}
	}
	return envelope.Raw{}, r.err
}

// leave removes a caller from the count of waiting callers.
func (l *Link) leave() {
	l.callers.Add(-1)
	l.CheckDrained()
}

// exchange returns the result of p, which is in its table. notQueued is why its envelope is not in the queue; nil: it is. It
// puts p back.
func (l *Link) exchange(ctx context.Context, p *pending, notQueued error) (r result) {
	if r.err = notQueued; r.err != nil {
		if !l.flight.remove(p) {
			<-p.done // wait for the result and discard it: the call was never sent
		}
	} else if done := ctx.Done(); done == nil {
		r = <-p.done
	} else {
		select {
		case r = <-p.done:
		case <-done:
			if l.flight.remove(p) {
				r.err = &AbandonedError{Err: ctx.Err(), Sent: l.cancel(p)}
			} else {
				r = <-p.done // answered in the same moment
			}
		}
	}
	l.config.pendings.put(p)
	return r
}

// contextError returns why ctx has ended, also if its deadline has passed and its timer has not fired yet.
func (l *Link) contextError(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !l.config.Clock.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// isCrowded says whether several calls are in flight, either way. The writer asks.
func (l *Link) isCrowded() bool { return l.callers.Load() > 1 || l.inbound.Pending() > 1 }

// cancel tells the peer that the caller of p waits no more. It returns false if the peer need not know, because p is a call that
// has not left whole and so will never be sent. Small ones that are queued may still be sent.
func (l *Link) cancel(p *pending) (sent bool) {
	if p.ping {
		return true
	}
	if !l.dialect.hasControl {
		return !l.queue.cancel(&p.position, nil)
	}
	buf := newEnvelope(nil)
	buf.b = envelope.AppendCancel(buf.b, p.id)
	return !l.queue.cancel(&p.position, buf)
}

// Send queues a message that has no answer (wire.md §6.5). nil means that it was queued, not that it arrived.
func (l *Link) Send(ctx context.Context, name string, args any) error {
	if l.ready != nil {
		if err := l.awaitRequest(ctx, name); err != nil {
			return err
		}
	}
	args, err := l.argsOf(args)
	if err != nil {
		return err
	}
	buf, err := l.encode(name, args, func(b []byte) ([]byte, error) { return l.codec.AppendSend(b, name, args) })
	if err != nil {
		return err
	}
	l.messages.Add(1)
	if l.ready != nil {
		l.sent.record(name, l.config.Clock.Now())
	}
	if err = l.queue.pushSend(ctx, buf); err != nil {
		return err
	}
	l.counters.Add(counters.SendsOut, 1)
	return nil
}

// CheckDrained has a draining session look whether anything is still in flight. It is called when a call is no
// longer in flight, either way.
func (l *Link) CheckDrained() {
	if l.draining.Load() {
		l.system.Root.Send(l.pid, checkDrained{})
	}
}

// Close ends the session as its reason demands: see session.close.
func (l *Link) Close(c Close) { l.system.Root.Send(l.pid, c) }

// Check asks the peer for a sign of life now.
func (l *Link) Check() { l.system.Root.Send(l.pid, Check{}) }

// Probe pings the peer and tells owner, by a Probed, whether it answered in time.
func (l *Link) Probe(p Probe) { l.system.Root.Send(l.pid, p) }

// Admit lets the session go on after its handshake. owner is told its events from now on.
func (l *Link) Admit(owner *actor.PID) { l.system.Root.Send(l.pid, admit{owner}) }

// encode returns the envelope that add appends. The names of the protocol's own messages are refused (wire.md §6.5), except in a
// guest session, where those who call know what they do. The codec checks the rest.
func (l *Link) encode(name string, args any, add func([]byte) ([]byte, error)) (*buffer, error) {
	if err := envelope.CheckName(name); err != nil && !(l.guest != nil && err == envelope.ErrNameReserved) {
		return nil, err
	}
	buf := newEnvelope(args)
	var err error
	if buf.b, err = add(buf.b); err == nil {
		err = l.checkSize(buf)
	}
	if err != nil {
		buf.release()
		return nil, fmt.Errorf("encode the arguments: %w", err)
	}
	return buf, nil
}

// checkSize checks that the peer accepts an encoded envelope of this size. Its 4 bytes for the length do not count.
func (l *Link) checkSize(buf *buffer) error {
	size, limit := len(buf.b)-frame.HeaderSize+channel.Overhead, int(l.largest.Load())
	if size > limit {
		return &SizeError{Size: size, Limit: limit}
	}
	return nil
}

// newEnvelope returns a buffer with room for an envelope that holds v. It begins with the 4 bytes for the length.
func newEnvelope(v any) *buffer {
	size := 0
	switch v := v.(type) {
	case []byte:
		size = len(v)
	case string:
		size = len(v)
	case envelope.Raw:
		size = len(v.Bytes())
	}
	buf := newBuffer(size + 320) // a name, an id and the tag besides
	buf.b = append(buf.b, 0, 0, 0, 0)
	return buf
}
