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
	session      *Session
	registration *Registration
	id           envelope.CallID // 0: a send
	args         []byte
	stream       Stream   // nil: the call asks for none
	next         *Request // in its list
	result       any
	refusal      *envelope.RemoteError
}

func newRequest(s *Session, registration *Registration, e *envelope.Envelope) *Request {
	r := &Request{session: s, registration: registration, id: e.ID, args: e.Args}
	r.config = &s.server.config
	if t := e.Options.Trace; t != "" && envelope.ValidTrace(t) { // an invalid trace is ignored (wire.md §6.3)
		r.trace = t
	}
	if e.Options.HasTimeout {
		r.deadline = r.config.Clock.Now().Add(e.Options.Timeout)
	}
	return r
}

// Name returns the handler's name.
func (r *Request) Name() string { return r.registration.Name }

// Args returns the arguments. The bytes are the handler's.
func (r *Request) Args() envelope.Raw { return envelope.NewRaw(r.session.conn.Codec(), r.args) }

// IsSend says that the request has no answer.
func (r *Request) IsSend() bool { return r.id == 0 }

// Stream returns the stream of a call that asks for one; nil: it asks for none.
func (r *Request) Stream() Stream { return r.stream }

// Trace returns the caller's W3C traceparent, "" if there is none.
func (r *Request) Trace() string { return r.trace }

// Session returns the session that brought the request.
func (r *Request) Session() *Session { return r.session }

// size is what counts towards the limits, in bytes.
func (r *Request) size() int { return len(r.args) }

// run runs the handler, and replies to a call or lets the next send run, also if the handler ends its goroutine.
func (r *Request) run() {
	s := r.session
	defer func() {
		p := s.peer
		p.mu.Lock()
		if r.IsSend() {
			p.sends.sub(r)
			p.handling = nil
			p.unlock()
			return
		}
		p.end(r)
		isFirst := p.beginReply(r)
		p.unlock()
		if isFirst { // else Fail has replied
			s.reply(r, r.result, r.refusal)
		}
	}()
	r.handle()
}

// Fail replies to a call while its handler runs, and ends the handler's context. It returns false, and does nothing, if the
// call is answered already or r is a send. The call counts among those that run until its handler has returned;
// what the handler returns goes nowhere. Like any reply it waits for room.
func (r *Request) Fail(err error) bool {
	s := r.session
	if r.IsSend() {
		return false
	}
	refusal := toRemote(err, r.Err() != nil)
	s.peer.mu.Lock()
	isFirst := s.peer.beginReply(r)
	s.peer.mu.Unlock()
	if isFirst {
		r.finish()
		s.reply(r, nil, refusal)
	}
	return isFirst
}

// handle runs the handler, contains what goes wrong in it, and keeps the result.
func (r *Request) handle() {
	var allowed, returned bool
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
		if !allowed { // Allow panicked: hide that from the caller
			r.refusal = noHandler(r.registration.Name)
		}
	}()
	if allowed = r.registration.Allow == nil || r.registration.Allow(r, r); !allowed {
		r.finish()
		r.refusal = noHandler(r.registration.Name) // those who may not use it must not learn of it
	} else {
		result, err := r.registration.Handler(r, r)
		ended := r.finish()
		if ended != nil {
			err = ended // the context ended: answer with its error, not with what the handler returned
		}
		if err != nil {
			r.refusal = toRemote(err, ended != nil)
		} else {
			r.result = result
		}
	}
	returned = true
}

// incident logs a panic with its stack, of guests' calls not all, and returns what the caller may learn of it.
func (s *Server) incident(r *Request, p any) *envelope.RemoteError {
	var id [4]byte
	_, _ = io.ReadFull(s.config.Rand, id[:]) // an id of zeros is as good when there is no randomness
	text := hex.EncodeToString(id[:])
	attrs := []any{"name", r.registration.Name, "peer", r.session.peer.key, "incident", text}
	isLogged := true
	if r.session.peer.isGuest {
		var dropped uint64
		isLogged, dropped = s.panics.Allow(s.config.Clock, 1, func(dropped uint64) {
			s.config.Log.Error("handlers panicked in calls of guests", "not_logged", dropped)
		})
		attrs = append(attrs, "not_logged", dropped)
	}
	if isLogged {
		s.config.Log.Error("handler panicked", append(attrs, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))...)
	}
	return &envelope.RemoteError{Code: envelope.CodeInternal, Text: "incident " + text}
}

// toRemote returns what a caller learns of a handler's error: its code, its text, cut to length, and its data. It panics if
// err.Error does. ended says that the call's own context has ended.
func toRemote(err error, ended bool) *envelope.RemoteError {
	code := envelope.AnswerCode(err, ended)
	e, ok := errors.AsType[*envelope.RemoteError](err)
	if !ok || e == nil {
		return &envelope.RemoteError{Code: code, Text: envelope.ErrorText(err.Error())}
	}
	if text := envelope.ErrorText(e.Text); text != e.Text || code != e.Code {
		return &envelope.RemoteError{Code: code, Text: text, Data: e.Data} // the handler's own stays as it is
	}
	return e
}

func noHandler(name string) *envelope.RemoteError {
	return &envelope.RemoteError{Code: envelope.CodeNoHandler, Text: "no handler here is named " + name}
}

var _ context.Context = (*Request)(nil)
