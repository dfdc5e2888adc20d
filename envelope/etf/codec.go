package etf

import (
	"slices"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// Terms of the envelopes themselves, without those inside args, result or reason.
const (
	callElements  = 1 + 4
	replyElements = 1 + 3 + 2 // {reply, Id, {ok, Result}}
	sendElements  = 1 + 3
	nonceElements = 1 + 2
)

// shortForms is an upper bound of the bytes of an envelope without its name and what the application put into it.
const shortForms = 64

// AppendCall implements envelope.Codec. The dialect has no options: o is not sent.
func (codec) AppendCall(b []byte, id envelope.CallID, name string, _ envelope.Options, args any) ([]byte, error) {
	if id == 0 {
		return b, envelope.ErrID
	}
	if err := envelope.CheckName(name); err != nil {
		return b, err
	}
	out := growFor(b, args, shortForms+len(name))
	out = appendUint(begin(out, "call", 4), uint64(id))
	out = appendAtom(out, name)
	return appendInside(b, out, args, 1, callElements)
}

// AppendReply implements envelope.Codec.
func (codec) AppendReply(b []byte, id envelope.CallID, result any) ([]byte, error) {
	if id == 0 {
		return b, envelope.ErrID
	}
	out := growFor(b, result, shortForms)
	out = appendUint(begin(out, "reply", 3), uint64(id))
	out = appendAtom(appendTuple(out, 2), "ok")
	return appendInside(b, out, result, 1, replyElements)
}

// AppendError implements envelope.Codec. Data is not sent, nor is the text of ErrNoHandler and ErrForbidden.
func (codec) AppendError(b []byte, id envelope.CallID, e *envelope.RemoteError) ([]byte, error) {
	if id == 0 {
		return b, envelope.ErrID
	}
	if err := envelope.CheckCode(string(e.Code)); err != nil {
		return b, err
	}
	b = appendUint(begin(b, "reply", 3), uint64(id))
	return appendReason(appendAtom(appendTuple(b, 2), "error"), e), nil
}

// AppendSend implements envelope.Codec.
func (codec) AppendSend(b []byte, name string, args any) ([]byte, error) {
	if err := envelope.CheckName(name); err != nil {
		return b, err
	}
	out := growFor(b, args, shortForms+len(name))
	out = appendAtom(begin(out, "send", 3), name)
	return appendInside(b, out, args, 1, sendElements)
}

// AppendPing implements envelope.Codec. The nonce may be empty.
func (codec) AppendPing(b, nonce []byte) []byte { return appendNonce(b, "ping", nonce) }

// AppendPong implements envelope.Codec. The nonce may be empty.
func (codec) AppendPong(b, nonce []byte) []byte { return appendNonce(b, "pong", nonce) }

func appendNonce(b []byte, kind string, nonce []byte) []byte {
	if len(nonce) > envelope.MaxNonce {
		panic(envelope.ErrNonce)
	}
	return appendBinary(begin(b, kind, 2), nonce)
}

// begin appends what an envelope of that kind with n elements begins with.
func begin(b []byte, kind string, n int) []byte {
	return appendAtom(appendTuple(append(b, version), n), kind)
}

// growFor returns b. If b has no room for v, it is grown by v and around bytes more, so that a large v is copied once.
func growFor(b []byte, v any, around int) []byte {
	n := 0
	switch v := v.(type) {
	case string:
		n = len(v)
	case []byte:
		n = len(v)
	case envelope.Raw:
		n = len(v.Bytes())
	}
	if n <= cap(b)-len(b) {
		return b
	}
	return slices.Grow(b, n+around)
}
