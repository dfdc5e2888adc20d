package pairing

import (
	"bytes"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

const rightCode, wrongCode = "42-otter-velvet", "42-otter-wombat"

// An exchange is a joiner and an offer in one session, or in two if somebody is between them.
type exchange struct {
	t *testing.T
	j *Joiner
	o *Offer

	joined, offered Binding // the session as each side sees it
}

func newExchange(t *testing.T, joinerCode, offerCode string) *exchange {
	t.Helper()
	e := &exchange{t: t, joined: bindingOf(1), offered: bindingOf(1)}
	o, err := NewOffer(mustCode(t, offerCode), "offerer")
	wantNil(t, err)
	e.o = o
	return e.join(joinerCode)
}

// join begins again with a joiner of another code.
func (e *exchange) join(code string) *exchange {
	e.t.Helper()
	j, err := NewJoiner(mustCode(e.t, code), e.joined, "joiner", rand.Reader)
	wantNil(e.t, err)
	e.j = j
	return e
}

// confirmation runs the exchange up to the joiner's confirmation.
func (e *exchange) confirmation() []byte {
	e.t.Helper()
	answer, err := e.o.Answer(e.offered, e.j.Share(), rand.Reader)
	wantNil(e.t, err)
	m, err := e.j.Confirm(answer)
	wantNil(e.t, err)
	return m
}

func (e *exchange) wantVerify(m []byte, want error) []byte {
	e.t.Helper()
	answer, label, err := e.o.Verify(e.offered, m)
	if !errors.Is(err, want) || (err == nil) != (answer != nil) || err != nil && label != "" {
		e.t.Errorf("Verify returns %x, %q, %v, want %v", answer, label, err, want)
	}
	return answer
}

func TestBothSidesOfACodeConfirm(t *testing.T) {
	e := newExchange(t, rightCode, rightCode)
	answer := e.wantVerify(e.confirmation(), nil)
	if label, err := e.j.Finish(answer); err != nil || label != "offerer" {
		t.Errorf("%q, %v", label, err)
	}
	if !e.o.IsOver() || e.o.End() || e.o.Runs() != 1 {
		t.Error("the offer is open")
	}
}

func TestAWrongCodeEndsTheOffer(t *testing.T) {
	e := newExchange(t, wrongCode, rightCode)
	m := e.confirmation()
	e.wantVerify(m, ErrWrongCode)
	e.wantVerify(m, ErrOver)
	if _, err := e.o.Answer(bindingOf(2), e.join(rightCode).j.Share(), rand.Reader); !errors.Is(err, ErrOver) {
		t.Errorf("a new run after a wrong guess: %v", err)
	}
}

// TestEachPartOfABindingCounts has a relay: it passes messages on, but neither end sees what the other sees.
func TestEachPartOfABindingCounts(t *testing.T) {
	for name, change := range map[string]func(*Binding){
		"hash":      func(b *Binding) { b.Hash[31] ^= 1 },
		"initiator": func(b *Binding) { b.Initiator[3] ^= 1 },
		"responder": func(b *Binding) { b.Responder[3] ^= 1 },
		"roles":     func(b *Binding) { b.Initiator, b.Responder = b.Responder, b.Initiator },
	} {
		e := newExchange(t, rightCode, rightCode)
		change(&e.offered)
		t.Run(name, func(t *testing.T) { e.wantVerify(e.confirmation(), ErrWrongCode) })
	}
	e := newExchange(t, "43-otter-velvet", rightCode)
	e.wantVerify(e.confirmation(), ErrWrongCode) // the number counts, too
}

func TestAnyOtherBitOfAConfirmationIsAWrongCode(t *testing.T) {
	for bit := 8; bit < 8*len(newExchange(t, rightCode, rightCode).confirmation()); bit += 7 {
		e := newExchange(t, rightCode, rightCode)
		m := e.confirmation()
		m[bit/8] ^= 1 << (bit % 8)
		_, _, err := e.o.Verify(e.offered, m)
		if !errors.Is(err, ErrWrongCode) && !errors.Is(err, ErrLabel) {
			t.Errorf("bit %d: %v", bit, err)
		}
		e = newExchange(t, rightCode, rightCode)
		answer := e.wantVerify(e.confirmation(), nil)
		answer[bit/8] ^= 1 << (bit % 8)
		if _, err := e.j.Finish(answer); !errors.Is(err, ErrWrongCode) && !errors.Is(err, ErrLabel) {
			t.Errorf("bit %d of the answer: %v", bit, err)
		}
	}
}

func TestAConfirmationSentBackIsNotBelieved(t *testing.T) {
	e := newExchange(t, rightCode, rightCode)
	m := e.confirmation()
	m[0] = kindOffererConfirmation
	if _, err := e.j.Finish(m); !errors.Is(err, ErrWrongCode) {
		t.Errorf("%v", err)
	}
	// Nor is a share: both sides would have one point, and one secret.
	e = newExchange(t, rightCode, rightCode)
	share := e.j.Share()
	share[0] = kindOffererShare
	m, err := e.j.Confirm(share)
	wantNil(t, err)
	m[0] = kindOffererConfirmation
	if _, err := e.j.Finish(m); !errors.Is(err, ErrWrongCode) {
		t.Errorf("%v", err)
	}
}

func TestBadMessagesEndNeitherOfferNorSecrets(t *testing.T) {
	e := newExchange(t, rightCode, rightCode)
	identity := append([]byte{kindJoinerShare}, make([]byte, pointSize)...)
	for _, m := range [][]byte{nil, {1}, e.j.Share()[:32], append(e.j.Share(), 0)} {
		if _, err := e.o.Answer(bindingOf(9), m, rand.Reader); !errors.Is(err, ErrMessage) {
			t.Errorf("share %x: %v", m, err)
		}
	}
	if _, err := e.o.Answer(bindingOf(9), identity, rand.Reader); !errors.Is(err, ErrPoint) {
		t.Errorf("the identity as a share: %v", err)
	}
	m := e.confirmation()
	e.wantVerify(m[:len(m)-70], ErrMessage)
	e.wantVerify(append(bytes.Clone(m), make([]byte, 64)...), ErrMessage)
	e.wantVerify(append(bytes.Clone(m), 0xff), ErrLabel)
	if _, _, err := e.o.Verify(bindingOf(9), m); !errors.Is(err, ErrUnknownRun) {
		t.Errorf("a confirmation in a session without a share: %v", err)
	}
	if _, err := e.o.Answer(e.offered, e.j.Share(), rand.Reader); !errors.Is(err, ErrMessage) {
		t.Errorf("a second share in a session: %v", err)
	}
	e.wantVerify(m, nil)

	e = newExchange(t, rightCode, rightCode)
	if _, err := e.j.Confirm(identity); !errors.Is(err, ErrMessage) {
		t.Errorf("%v", err)
	}
	e.join(rightCode)
	identity[0] = kindOffererShare
	if _, err := e.j.Confirm(identity); !errors.Is(err, ErrPoint) || e.j.key != [tagSize]byte{} {
		t.Errorf("the identity as an answer: %v", err)
	}
}

func TestOfTwoConfirmationsOneIsVerified(t *testing.T) {
	for range 50 {
		e := newExchange(t, rightCode, rightCode)
		const joiners = 8
		var verified atomic.Int32
		var all sync.WaitGroup
		begin := make(chan struct{})
		for n := range byte(joiners) {
			b := bindingOf(n)
			j, err := NewJoiner(mustCode(t, rightCode), b, "", rand.Reader)
			wantNil(t, err)
			answer, err := e.o.Answer(b, j.Share(), rand.Reader)
			wantNil(t, err)
			m, err := j.Confirm(answer)
			wantNil(t, err)
			all.Go(func() {
				<-begin
				if _, _, err := e.o.Verify(b, m); err == nil {
					verified.Add(1)
				} else if !errors.Is(err, ErrOver) {
					t.Error(err)
				}
			})
		}
		close(begin)
		all.Wait()
		if verified.Load() != 1 {
			t.Fatalf("%d joiners were verified", verified.Load())
		}
	}
}

func TestRunsAreBounded(t *testing.T) {
	e := newExchange(t, rightCode, rightCode)
	first := e.confirmation()
	share := e.j.Share()
	answer := func(n int) error {
		b := bindingOf(2)
		b.Hash[0], b.Hash[1] = byte(n), byte(n>>8)
		_, err := e.o.Answer(b, share, rand.Reader)
		return err
	}
	for n := range runLimit - 1 {
		wantNil(t, answer(1000+n))
	}
	if err := answer(1000); !errors.Is(err, ErrMessage) || e.o.Runs() != runLimit {
		t.Errorf("a second share in a session: %v, %d runs", err, e.o.Runs())
	}
	if err := answer(5000); !errors.Is(err, ErrTooManyRuns) || !e.o.IsOver() || e.o.Runs() != runLimit {
		t.Errorf("run %d: %v", runLimit+1, err)
	}
	if err := answer(5001); !errors.Is(err, ErrOver) || e.o.End() {
		t.Errorf("after the end: %v", err)
	}
	e.wantVerify(first, ErrOver)
}

func TestOtherRunsDoNotPushOutARun(t *testing.T) {
	e := newExchange(t, rightCode, rightCode)
	first := e.confirmation()
	for n := range 64 {
		b := bindingOf(2)
		b.Hash[0] = byte(100 + n)
		_, err := e.o.Answer(b, e.j.Share(), rand.Reader)
		wantNil(t, err)
	}
	e.wantVerify(first, nil)
}

func TestABadShareIsTheRunOfItsSession(t *testing.T) {
	e := newExchange(t, rightCode, rightCode)
	b := bindingOf(2)
	b.Hash[0] = 99
	bad := append([]byte{byte(kindJoinerShare)}, make([]byte, 32)...) // the identity
	for n, want := range []error{ErrPoint, ErrMessage, ErrMessage} {
		if _, err := e.o.Answer(b, bad, rand.Reader); !errors.Is(err, want) {
			t.Errorf("share %d: %v, want %v", n+1, err, want)
		}
	}
	if n := e.o.Runs(); n != 1 {
		t.Errorf("%d runs", n)
	}
}

func TestAnEndedOfferHoldsNoSecret(t *testing.T) {
	e := newExchange(t, rightCode, rightCode)
	m := e.confirmation()
	waiting := e.o.runs[e.offered.Hash]
	if !e.o.End() || e.o.End() {
		t.Error("End does not report what it ended")
	}
	if waiting.key != [tagSize]byte{} || !e.o.code.IsZero() || e.o.runs != nil {
		t.Error("something is left")
	}
	e.wantVerify(m, ErrOver)
	e.j.Erase()
	if e.j.key != [tagSize]byte{} {
		t.Error("the joiner's key is left")
	}
}

func TestLongLabelsAreRefusedAtOnce(t *testing.T) {
	long := string(make([]byte, LabelLimit+1))
	if _, err := NewOffer(mustCode(t, rightCode), long); !errors.Is(err, ErrLabel) {
		t.Error(err)
	}
	for _, label := range []string{long, "\xff"} {
		if _, err := NewJoiner(mustCode(t, rightCode), bindingOf(1), label, rand.Reader); !errors.Is(err, ErrLabel) {
			t.Error(err)
		}
	}
}

func TestStepsOutOfOrderPanic(t *testing.T) {
	for name, f := range map[string]func(*Joiner){
		"finish first":  func(j *Joiner) { _, _ = j.Finish(nil) },
		"confirm twice": func(j *Joiner) { _, _ = j.Confirm(nil); _, _ = j.Confirm(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f(newExchange(t, rightCode, rightCode).j)
		})
	}
}
