package peers

import (
	"errors"
	"io"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

func TestWhatAConnectIsToldOfASessionThatDidNotComeUp(t *testing.T) {
	wrong := &handshake.WrongKeyError{Want: identity.PublicKey{1}, Got: identity.PublicKey{2}}
	for _, test := range []struct {
		name  string
		ended session.Ended
		is    []error
		not   []error
	}{
		{"the connection broke", session.Ended{Reason: session.ReasonLost, Err: io.ErrUnexpectedEOF},
			[]error{ErrUnreachable, io.ErrUnexpectedEOF}, []error{ErrRefused, handshake.ErrWrongKey}},
		{"it ended without a reason", session.Ended{Reason: session.ReasonLost}, []error{ErrUnreachable}, []error{ErrRefused}},
		{"the handshake failed", session.Ended{Reason: session.ReasonHandshake, Err: handshake.ErrMessage2},
			[]error{ErrUnreachable, handshake.ErrMessage2}, []error{ErrRefused}},
		{"another peer is there", session.Ended{Reason: session.ReasonHandshake, Err: wrong},
			[]error{handshake.ErrWrongKey}, []error{ErrUnreachable, ErrRefused}},
		{"it does not trust us", session.Ended{Reason: envelope.ReasonRefused, ByPeer: true}, []error{ErrRefused}, []error{ErrUnreachable, ErrBusy}},
		{"it trusts us no more", session.Ended{Reason: envelope.ReasonRevoked, ByPeer: true}, []error{ErrRefused}, []error{ErrUnreachable, ErrBusy}},
		{"it is busy", session.Ended{Reason: envelope.ReasonBusy, ByPeer: true}, []error{ErrBusy}, []error{ErrUnreachable, ErrRefused}},
		{"it stops", session.Ended{Reason: envelope.ReasonShutdown, ByPeer: true}, []error{ErrBusy}, []error{ErrUnreachable, ErrRefused}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := dialError(at("10.0.0.1:1"), test.ended)
			for _, want := range test.is {
				if !errors.Is(err, want) {
					t.Errorf("%v is not %v", err, want)
				}
			}
			for _, unwanted := range test.not {
				if errors.Is(err, unwanted) {
					t.Errorf("%v is %v", err, unwanted)
				}
			}
			if err.Error() == "" {
				t.Error("it says nothing")
			}
			if r, ok := errors.AsType[*RefusedError](err); ok && (r.Addr != at("10.0.0.1:1") || r.Reason != test.ended.Reason) {
				t.Errorf("refused: %+v", r)
			}
			if d, ok := errors.AsType[*DialError](err); ok && d.Addr != at("10.0.0.1:1") {
				t.Errorf("dial: %+v", d)
			}
		})
	}
}

func TestAConnectIsAnsweredOnce(t *testing.T) {
	done := make(chan error, 1)
	w := &waiter{done: done}
	w.answer(ErrStopping)
	w.answer(nil) // would block
	if err := <-done; !errors.Is(err, ErrStopping) {
		t.Errorf("answered %v first", err)
	}
}
