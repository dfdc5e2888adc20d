package serve

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// A Request is one call or send on its way through its handler. It is the handler's context as well, so that
// a call costs one allocation for both.
type Request struct {
	callContext
	session *Session
	entry   *Entry
	id      envelope.CallID // 0: a send
	args    envelope.Raw
	trace   string
	next    *Request // in its list
	result  any
	refusal *envelope.RemoteError
}

func newRequest(s *Session, entry *Entry, e *envelope.Envelope) *Request {
	r := &Request{session: s, entry: entry, id: e.ID, args: envelope.NewRaw(envelope.Msgpack, e.Args), trace: e.Options.Trace}
	r.config = &s.server.config
	if e.Options.HasTimeout {
		r.deadline = r.config.Clock.Now().Add(e.Options.Timeout)
	}
	return r
}

// Name returns the handler's name.
func (r *Request) Name() string { return r.entry.Name }

// Args returns the arguments. The bytes are the handler's.
func (r *Request) Args() envelope.Raw { return r.args }

// IsSend says that nobody waits for an answer.
func (r *Request) IsSend() bool { return r.id == 0 }

// Trace returns the caller's W3C traceparent, "" if there is none.
func (r *Request) Trace() string { return r.trace }

// Session returns what brought the request.
func (r *Request) Session() *Session { return r.session }

// size is what counts towards the limits, in bytes.
func (r *Request) size() int { return len(r.args.Bytes()) }

// answer runs the handler of a call and replies, also if the handler ends its goroutine.
func (r *Request) answer() {
	s := r.session
	defer s.settled(r)
	defer func() {
		s.finished(r)
		s.conn.Reply(r.id, r.result, r.refusal)
	}()
	r.handle()
}

// handle runs the handler, contains what goes wrong in it, and keeps the outcome.
func (r *Request) handle() {
	allowed, returned := r.entry.Allow == nil, false
	defer func() {
		if returned {
			return
		}
		p := recover()
		if p == nil {
			p = "the handler ended its goroutine"
		}
		r.finish()
		r.result, r.refusal = nil, r.session.server.incident(r, p)
		if !allowed { // what asks for permission has failed: the caller must not learn even that
			r.refusal = noHandler(r.entry.Name)
		}
	}()
	if !allowed {
		allowed = r.entry.Allow(r, r)
	}
	if !allowed {
		r.finish()
		r.refusal = noHandler(r.entry.Name) // to those who may not use it, it is not there
		returned = true
		return
	}
	result, err := r.entry.Handler(r, r)
	if ended := r.finish(); ended != nil {
		err = ended // nobody waits: the answer is short, whatever the handler made of it
	}
	if err != nil {
		r.refusal = toRemote(err)
	} else {
		r.result = result
	}
	returned = true
}

// incident logs a panic with its stack, and returns what the caller may know of it.
func (s *Server) incident(r *Request, p any) *envelope.RemoteError {
	var id [4]byte
	_, _ = io.ReadFull(s.config.Rand, id[:]) // an id of zeros is as good when there is no randomness
	text := hex.EncodeToString(id[:])
	s.config.Log.Error("handler panicked", "name", r.entry.Name, "peer", r.session.peer.key, "incident", text,
		"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return &envelope.RemoteError{Code: envelope.CodeInternal, Text: "incident " + text}
}

// maxText bounds the text of a handler's error on the wire, in bytes.
const maxText = 1024

// toRemote is what a caller learns of a handler's error: its code, and its text, cut to length. It panics if the
// error does when it is asked for its text.
func toRemote(err error) *envelope.RemoteError {
	if e, ok := errors.AsType[*envelope.RemoteError](err); ok && e != nil {
		return e
	}
	text := err.Error()
	return &envelope.RemoteError{Code: envelope.CodeOf(err), Text: text[:min(len(text), maxText)]}
}

func noHandler(name string) *envelope.RemoteError {
	return &envelope.RemoteError{Code: envelope.CodeNoHandler, Text: fmt.Sprintf("no handler %q here", name)}
}

var _ context.Context = (*Request)(nil)
