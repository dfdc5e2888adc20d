package handshake

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// TestInitiatorAcceptsOnlyTheDialledKey shows that a wrong key is fatal before Trusted is called, and that the error
// names it.
func TestInitiatorAcceptsOnlyTheDialledKey(t *testing.T) {
	f := counting(t)
	c := f.config(Initiator)
	c.Expect = must(identity.GenerateKeyPair(nil)).PublicKey()
	c.Trusted = func(k identity.PublicKey) bool { t.Errorf("trust in %v was asked for", k); return true }
	i := initiatorAt2(t, c)
	err := i.Read(f.message2)
	var wrong *WrongKeyError
	if !errors.Is(err, ErrWrongKey) || !errors.As(err, &wrong) {
		t.Fatalf("got %v, want a WrongKeyError", err)
	}
	if want := (WrongKeyError{Want: c.Expect, Got: f.static[Responder].PublicKey()}); *wrong != want {
		t.Errorf("got %v, want %v", *wrong, want)
	}
	requireNoResult(t, i) // no message 3 exists
}

// TestUntrustedResponderNeverSeesMessage3 shows that the initiator fails before it has shown its key.
func TestUntrustedResponderNeverSeesMessage3(t *testing.T) {
	f := counting(t)
	c := f.config(Initiator)
	c.Trusted = func(identity.PublicKey) bool { return false }
	i := initiatorAt2(t, c)
	requireUntrusted(t, i.Read(f.message2), f.static[Responder].PublicKey())
	requireNoResult(t, i)
}

// TestUntrustedInitiatorCanBeRefused shows that the responder has the keys to send a refusal, and no more.
func TestUntrustedInitiatorCanBeRefused(t *testing.T) {
	f := counting(t)
	c := f.config(Responder)
	c.Trusted = func(identity.PublicKey) bool { return false }
	r := responderAt3(t, c, f.message1)
	if !panics(func() { r.Result() }) {
		t.Error("a result before message 3")
	}
	requireUntrusted(t, r.Read(f.message3), f.static[Initiator].PublicKey())
	requireOver(t, r)
	res := r.Result()
	if send, recv := res.SendKey(), res.RecvKey(); !bytes.Equal(send[:], f.key2) || !bytes.Equal(recv[:], f.key1) {
		t.Errorf("keys %x %x, want %x %x", send, recv, f.key2, f.key1)
	}
	if res.Remote != f.static[Initiator].PublicKey() || !bytes.Equal(res.Hash[:], f.hash) {
		t.Errorf("remote %v, hash %x", res.Remote, res.Hash)
	}
}

// TestErrorsNameTheKeys shows that the text of an error names the peer that answered and the peer that was dialled.
func TestErrorsNameTheKeys(t *testing.T) {
	f := counting(t)
	a, b := f.static[Initiator].PublicKey(), f.static[Responder].PublicKey()
	for _, c := range []struct {
		err  error
		keys []identity.PublicKey
	}{
		{&UntrustedError{Remote: a}, []identity.PublicKey{a}},
		{&WrongKeyError{Want: a, Got: b}, []identity.PublicKey{a, b}},
	} {
		for _, key := range c.keys {
			if !strings.Contains(c.err.Error(), key.String()) {
				t.Errorf("%v does not name %v", c.err, key)
			}
		}
	}
}

// TestTrustIsAskedOnceWhereItMatters counts the calls of Trusted, and at which message each comes.
func TestTrustIsAskedOnceWhereItMatters(t *testing.T) {
	f := counting(t)
	var asked [2][]identity.PublicKey
	var states [2]*State
	for _, role := range []Role{Initiator, Responder} {
		c := f.config(role)
		c.Trusted = func(k identity.PublicKey) bool { asked[role] = append(asked[role], k); return true }
		states[role] = mustNew(t, c)
	}
	want := [...][2]int{{0, 0}, {1, 0}, {1, 1}} // after each message, at initiator and responder
	for n, counts := range want {
		from := states[n%2]
		mustRead(t, states[(n+1)%2], mustWrite(t, from))
		if got := [2]int{len(asked[0]), len(asked[1])}; got != counts {
			t.Errorf("after message %d trust was asked for %v times, want %v", n+1, got, counts)
		}
	}
	if asked[Initiator][0] != f.static[Responder].PublicKey() || asked[Responder][0] != f.static[Initiator].PublicKey() {
		t.Errorf("trust was asked for in %v", asked)
	}
}

// TestPanicInTrustedEndsTheHandshake shows that a State is not left between proof and trust.
func TestPanicInTrustedEndsTheHandshake(t *testing.T) {
	f := counting(t)
	for _, role := range []Role{Initiator, Responder} {
		c := f.config(role)
		c.Trusted = func(identity.PublicKey) bool { panic("no answer") }
		var s *State
		last := f.message2
		if role == Initiator {
			s = initiatorAt2(t, c)
		} else {
			s, last = responderAt3(t, c, f.message1), f.message3
		}
		if !panics(func() { s.Read(last) }) {
			t.Fatalf("%v: the panic is gone", role)
		}
		requireNoResult(t, s)
	}
}
