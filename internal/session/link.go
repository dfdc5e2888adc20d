package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// A Link is a session as the rest of the node holds it. It is safe for concurrent use.
//
// Calls and sends go from the caller's goroutine straight into the queue of the writer; the actor is not asked.
type Link struct {
	config   *Config
	conn     net.Conn
	role     handshake.Role
	addr     netip.AddrPort // the peer's
	remote   identity.PublicKey
	counters *counters.Peer // nil: the peer is not proved yet, or nobody wants to know
	codec    envelope.Codec
	system   *actor.ActorSystem
	pid      *actor.PID
	since    time.Time

	inbound Inbound // nil until the session is admitted, which is before the writer runs

	queue   *queue
	flight  inFlight
	lastID  atomic.Uint64 // of calls; the first is 1
	lastNon atomic.Uint64 // of pings
	sealed  atomic.Uint64 // messages; the writer counts
	opened  atomic.Uint64 // messages; the reader counts
	started atomic.Uint64 // sends of ours
	asked   atomic.Uint64 // calls, replies and sends of the peer

	flying   atomic.Int32 // calls of ours in flight
	accepts  atomic.Int64 // largest frame body the peer accepts, tag included
	heard    atomic.Int64 // nanoseconds from since to the last valid frame
	rtt      atomic.Int64 // nanoseconds, of the last ping answered; 0: none yet
	hello    atomic.Pointer[envelope.Hello]
	draining atomic.Bool // a bye was said or heard: the actor wants to know when things settle
}

// ID returns the id of the session's actor.
func (l *Link) ID() string { return l.pid.GetId() }

// Remote returns the peer's static key, proved by the handshake.
func (l *Link) Remote() identity.PublicKey { return l.remote }

// Addr returns the peer's address of this connection.
func (l *Link) Addr() netip.AddrPort { return l.addr }

// Local returns this node's address of this connection; zero if it is not known.
func (l *Link) Local() netip.Addr {
	if a, ok := l.conn.LocalAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// Role returns this node's role in the handshake.
func (l *Link) Role() handshake.Role { return l.role }

// Since returns when the connection was made.
func (l *Link) Since() time.Time { return l.since }

// Heard returns when the last valid frame arrived.
func (l *Link) Heard() time.Time { return l.since.Add(time.Duration(l.heard.Load())) }

// Traffic returns a number that grows with every call, reply and send, either way, and whether a call is in flight,
// either way. If the number is the same later, and nothing is in flight, nobody has used the session meanwhile.
func (l *Link) Traffic() (n uint64, inFlight bool) {
	n = l.lastID.Load() + l.started.Load() + l.asked.Load()
	return n, l.flying.Load() > 0 || l.inbound.Pending() > 0
}

// Counters returns where to count what concerns the peer; nil: nobody wants to know.
func (l *Link) Counters() *counters.Peer { return l.counters }

// InFlight returns how many calls of this node are in flight.
func (l *Link) InFlight() int { return int(l.flying.Load()) }

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
	if o, counts := outcome(err); counts {
		l.counters.CallOut(o)
	}
	return raw, err
}

// outcome returns how a call ended; false: it was not made, as it cannot be encoded, or may be over another session.
func outcome(err error) (o counters.CallResult, counts bool) {
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
	o := envelope.Options{Trace: trace}
	if deadline, ok := ctx.Deadline(); ok {
		o.HasTimeout, o.Timeout = true, max(0, deadline.Sub(l.config.Clock.Now()))
	}
	id := envelope.CallID(l.lastID.Add(1))
	buf := begin(args)
	var err error
	if err = usable(name); err == nil {
		buf.b, err = l.codec.AppendCall(buf.b, id, name, o, args)
	}
	if err == nil {
		err = l.fits(buf)
	}
	if err != nil {
		buf.release()
		return envelope.Raw{}, fmt.Errorf("encode the arguments: %w", err)
	}
	l.flying.Add(1)
	defer l.flying.Add(-1)
	p := l.config.pendings.get()
	if err := l.flight.enter(id, p); err != nil {
		buf.release()
		l.config.pendings.put(p)
		return envelope.Raw{}, err
	}
	if err := l.queue.push(ctx, bulk, buf, &p.place); err != nil {
		return envelope.Raw{}, l.withdraw(id, p, err)
	}
	var r result
	if done := ctx.Done(); done == nil {
		r = <-p.done
	} else {
		select {
		case r = <-p.done:
		case <-done:
			if l.flight.take(id) != nil {
				l.cancel(id)
				l.config.pendings.put(p)
				return envelope.Raw{}, &AbandonedError{Err: ctx.Err(), Sent: true} // what is queued will leave
			}
			r = <-p.done // answered in the same moment
		}
	}
	l.config.pendings.put(p)
	switch {
	case r.err == nil:
		return envelope.NewRaw(l.codec, r.value), nil
	case errors.Is(r.err, envelope.ErrDeadline) || errors.Is(r.err, envelope.ErrCancelled):
		if err := l.over(ctx); err != nil {
			return envelope.Raw{}, &AbandonedError{Err: err, Sent: true} // the peer was first to notice
		}
	}
	return envelope.Raw{}, r.err
}

// over returns why ctx has ended, also if its time is over and its timer has not said so yet.
func (l *Link) over(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !l.config.Clock.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// crowded says whether several calls are in flight, either way. The writer asks.
func (l *Link) crowded() bool { return l.flying.Load() > 1 || l.inbound.Pending() > 1 }

// withdraw takes a call back that could not be queued.
func (l *Link) withdraw(id envelope.CallID, p *pending, err error) error {
	if l.flight.take(id) == nil {
		err = better(err, <-p.done)
	}
	l.Settled()
	l.config.pendings.put(p)
	return given(err)
}

// better returns why a message could not be queued that has a result all the same: what the session says if it ended
// meanwhile. An answer of the peer's to what was never sent counts for nothing.
func better(err error, r result) error {
	if _, ended := r.err.(*LinkError); ended {
		return r.err
	}
	return err
}

// given returns the *AbandonedError of a message that could not be queued because its context ended; another err as it is.
func given(err error) error {
	if full, ok := err.(*fullError); ok {
		return &AbandonedError{Err: full.err, Full: full.limit}
	}
	if err == context.Canceled || err == context.DeadlineExceeded {
		return &AbandonedError{Err: err}
	}
	return err
}

// cancel tells the peer that nobody waits for a call any more. It follows the call in the same lane.
func (l *Link) cancel(id envelope.CallID) {
	buf := begin(nil)
	buf.b = envelope.AppendCancel(buf.b, id)
	l.queue.force(bulk, buf)
}

// Send queues a message that has no answer (wire.md §6.5). nil means that it was queued, not that it arrived.
func (l *Link) Send(ctx context.Context, name string, args any) error {
	buf := begin(args)
	var err error
	if err = usable(name); err == nil {
		buf.b, err = l.codec.AppendSend(buf.b, name, args)
	}
	if err == nil {
		err = l.fits(buf)
	}
	if err != nil {
		buf.release()
		return fmt.Errorf("encode the arguments: %w", err)
	}
	l.started.Add(1)
	if err = given(l.queue.push(ctx, bulk, buf, nil)); err == nil {
		l.counters.Add(counters.SendsOut, 1)
	}
	return err
}

// Settled says that a call of the peer has been answered and is no longer pending, or one of ours came to nothing.
func (l *Link) Settled() {
	if l.draining.Load() {
		l.system.Root.Send(l.pid, settled{})
	}
}

// Close ends the session as its reason demands: see session.close.
func (l *Link) Close(c Close) { l.system.Root.Send(l.pid, c) }

// Check asks the peer for a sign of life now.
func (l *Link) Check() { l.system.Root.Send(l.pid, Check{}) }

// Probe pings the peer and tells owner, by a Probed, whether it answered in time.
func (l *Link) Probe(p Probe) { l.system.Root.Send(l.pid, p) }

// Admit lets the session go on after its handshake; owner hears of it from now on.
func (l *Link) Admit(owner *actor.PID) { l.system.Root.Send(l.pid, admit{owner}) }

// usable returns an error for the names of the protocol's own messages (wire.md §6.5). The codec checks the rest.
func usable(name string) error {
	if strings.HasPrefix(name, "$/") {
		return envelope.ErrNameReserved
	}
	return nil
}

// fits checks an encoded envelope, with its 4 bytes for the length, against what the peer accepts.
func (l *Link) fits(buf *buffer) error {
	size, limit := len(buf.b)-frame.HeaderSize+channel.Overhead, int(l.accepts.Load())
	if size > limit {
		return &SizeError{Size: size, Limit: limit}
	}
	return nil
}

// begin returns a buffer for an envelope that holds v: the 4 bytes for its length are there.
func begin(v any) *buffer {
	hint := 0
	switch v := v.(type) {
	case []byte:
		hint = len(v)
	case string:
		hint = len(v)
	case envelope.Raw:
		hint = len(v.Bytes())
	}
	buf := newBuffer(hint + 320) // a name, an id and the tag besides
	buf.b = append(buf.b, 0, 0, 0, 0)
	return buf
}
