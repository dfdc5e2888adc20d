package pairing

import (
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"io"
)

// ErrWrongCode is returned for a confirmation of somebody who has another code, or speaks in another session.
var ErrWrongCode = errors.New("the other side has another code")

// A Joiner is the side that was told the code, for one session. Its methods are called once each, in their order: Share,
// Confirm, Finish. It is not safe for concurrent use.
type Joiner struct {
	run        run
	label      string
	key        [sha512.Size]byte
	transcript []byte
	due        joinerStep
}

// A joinerStep is the call that is due.
type joinerStep uint8

const (
	confirmDue joinerStep = iota + 1
	finishDue
	joinerDone
)

// NewJoiner returns the joiner of an offer of code, in the session that binding says. label is what this node calls
// itself; it may be empty. It reads 32 bytes of random, and fails if it cannot, or with [ErrLabel].
func NewJoiner(code Code, binding Binding, label string, random io.Reader) (*Joiner, error) {
	if err := checkLabel(label); err != nil {
		return nil, err
	}
	r, err := newRun(code, binding, random)
	if err != nil {
		return nil, err
	}
	return &Joiner{run: r, label: label, due: confirmDue}, nil
}

// Share returns the first message, for the offerer. It gives away nothing about the code.
func (j *Joiner) Share() []byte {
	return shareMessage{kindJoinerShare, j.run.own.public}.append(nil)
}

// Confirm takes the offerer's answer to Share and returns the second message. An impostor of the offerer can test one
// guess of the code with it, so the caller bounds how many are sent for one code. It fails with [ErrMessage] or
// [ErrPoint], which ends the run.
func (j *Joiner) Confirm(answer []byte) ([]byte, error) {
	if j.due != confirmDue {
		panic("pairing: Confirm is not due")
	}
	j.due = joinerDone
	m, err := parseShare(answer, kindOffererShare)
	if err == nil {
		j.key, j.transcript, err = j.run.confirmationKey(m.point, true)
	}
	if err != nil {
		j.Erase()
		return nil, err
	}
	j.due = finishDue
	tag := tagOf(&j.key, kindJoinerConfirmation, j.transcript, j.label)
	return confirmation{kindJoinerConfirmation, tag, j.label}.append(nil), nil
}

// Finish takes the offerer's answer to Confirm. If it returns nil, the offerer knows the code and has verified that this
// side does: the key of the session's responder is the one to trust. label is what the offerer calls itself. It fails with
// [ErrMessage], [ErrLabel] or [ErrWrongCode].
func (j *Joiner) Finish(answer []byte) (label string, err error) {
	if j.due != finishDue {
		panic("pairing: Finish is not due")
	}
	j.due = joinerDone
	defer j.Erase()
	m, err := parseConfirmation(answer, kindOffererConfirmation)
	if err != nil {
		return "", err
	}
	want := tagOf(&j.key, kindOffererConfirmation, j.transcript, m.label)
	if subtle.ConstantTimeCompare(want[:], m.tag[:]) != 1 {
		return "", ErrWrongCode
	}
	return m.label, nil
}

// Erase forgets the secrets of a run that goes no further. It may be called at any time.
func (j *Joiner) Erase() {
	j.run.own.erase()
	clear(j.key[:])
	j.due = joinerDone
}
