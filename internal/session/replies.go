package session

import (
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// Reply answers a call of the peer (wire.md §6.4) with value, or with refusal if it is not nil. It waits for
// room until the session ends. In place of a value or an error that cannot be sent, the caller gets an error that can.
func (l *Link) Reply(id envelope.CallID, value any, refusal *envelope.RemoteError) {
	l.reply(id, value, refusal, nil)
}

// reply is Reply, but push, if it is not nil, queues the answer.
func (l *Link) reply(id envelope.CallID, value any, refusal *envelope.RemoteError, push func(*buffer)) {
	buf, err := newEnvelope(value), error(nil)
	if refusal == nil {
		buf.b, err = l.codec.AppendReply(buf.b, id, value)
	} else {
		buf.b, err = l.codec.AppendError(buf.b, id, refusal)
	}
	if err == nil {
		err = l.checkSize(buf)
	}
	if err != nil {
		buf.release()
		l.logPeerFault("the answer of a handler cannot be sent", err)
		l.reply(id, nil, l.replacement(refusal, err), push)
		return
	}
	l.counters.CallIn(resultOf(refusal))
	if push != nil {
		push(buf)
		return
	}
	l.queue.pushReply(buf)
}

// replacement returns what a caller is told in place of a result or a refusal that cannot be sent for err: of a refusal what
// can be sent for certain, first its code and text, then its text alone.
func (l *Link) replacement(refusal *envelope.RemoteError, err error) *envelope.RemoteError {
	if refusal != nil {
		plain := &envelope.RemoteError{Code: refusal.Code, Text: envelope.ErrorText(refusal.Text)}
		if refusal.Data.IsZero() && plain.Text == refusal.Text {
			plain.Code = envelope.CodeInternal // the handler's is invalid
		}
		return plain
	}
	if size, ok := err.(*SizeError); ok {
		text := "the result has %d bytes, the caller accepts %d: ask for it in parts"
		if l.guest != nil {
			text = "the result has %d bytes, a guest gets at most %d: ask for less, or become a peer"
		}
		return &envelope.RemoteError{Code: envelope.CodeTooLarge, Text: fmt.Sprintf(text, size.Size, size.Limit)}
	}
	return &envelope.RemoteError{Code: envelope.CodeInternal, Text: "the result cannot be encoded"}
}

// Refuse answers a call without ever waiting. It returns false if too many such answers wait already.
func (l *Link) Refuse(id envelope.CallID, e *envelope.RemoteError) bool {
	buf := newEnvelope(nil)
	var err error
	if buf.b, err = l.codec.AppendError(buf.b, id, e); err != nil {
		buf.release()
		return false
	}
	if !l.queue.pushRefusal(buf) {
		return false
	}
	l.counters.CallIn(resultOf(e))
	return true
}

// resultOf returns how a call of the peer ended that is answered with a result, or with refusal if it is not nil.
func resultOf(refusal *envelope.RemoteError) counters.CallResult {
	if refusal == nil {
		return counters.OK
	}
	return counters.Answer(refusal.Code)
}

// logPeerFault logs a fault that the peer can bring about as often as it likes.
func (l *Link) logPeerFault(what string, err error) {
	rest := func(dropped uint64) {
		l.config.Log.Warn("faults of a peer", "peer", l.remote, "not_logged", dropped)
	}
	if ok, dropped := l.counters.Faults.Allow(l.config.Clock, 1, rest); ok {
		l.config.Log.Warn(what, "peer", l.remote, "addr", l.addr, "err", err, "not_logged", dropped)
	}
}
