package session

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// TestUntrustedPeerIsRefusedAndLearnsNothingElse holds wire.md §4.4 step 8, to the byte of §A.6.
func TestUntrustedPeerIsRefusedAndLearnsNothingElse(t *testing.T) {
	for name, more := range map[string][]byte{"silent": nil, "talks on": bytes.Repeat([]byte("garbage "), 1000)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.connect(w.config(ours, theirs), handshake.Responder)
				r.Begin(handshake.Initiator, untrusted, ours.PublicKey())
				r.Handshake()
				r.Write(more)
				r.want([]byte("\x93\x02\xa5$/bye\x93\xa7refused\xa0\x00"))
				r.wantEnd()
				r.hangUp()
				m := e.ended()
				u, ok := errors.AsType[*handshake.UntrustedError](m.Err)
				if m.Reason != ReasonHandshake || m.ByPeer || m.WasUp || m.Link != nil || !ok || u.Remote != untrusted.PublicKey() {
					t.Errorf("ended %+v", m)
				}
				addr := netip.MustParseAddrPort(r.Conn.LocalAddr().String())
				if got, want := e.heard()[:1], []any{Refused{Key: untrusted.PublicKey(), Addr: addr}}; !slices.Equal(got, want) {
					t.Errorf("the owner heard %v, want %v", got, want)
				}
				if got, want := kinds(e.heard()), []string{"refused", "ended handshake"}; !slices.Equal(got, want) {
					t.Errorf("the owner heard %v, want %v", got, want)
				}
			})
		})
	}
}

// TestRefusalEndsWhateverTheUntrustedPeerDoes has peers that neither close nor stop talking.
func TestRefusalEndsWhateverTheUntrustedPeerDoes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.connect(w.config(ours, theirs), handshake.Responder)
		r.Begin(handshake.Initiator, untrusted, ours.PublicKey())
		r.Handshake()
		e.alive(ending)
		time.Sleep(time.Second)
		e.ended()
	})
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.connect(w.config(ours, theirs), handshake.Responder)
		r.Begin(handshake.Initiator, untrusted, ours.PublicKey())
		r.Handshake()
		for err := error(nil); err == nil; {
			_, err = r.Conn.Write(make([]byte, 1<<10))
		}
		e.ended()
		if sent := w.network.Stats().Bytes; sent > 200<<10 {
			t.Errorf("%d bytes were taken", sent)
		}
	})
}

// TestInitiatorShowsItsKeyToTheDialledPeerAlone holds wire.md §4.3 step 9: no message 3 to a peer that it did not dial or does not
// trust.
func TestInitiatorShowsItsKeyToTheDialledPeerAlone(t *testing.T) {
	for name, c := range map[string]struct {
		trusted []identity.KeyPair
		answers identity.KeyPair
		want    error
	}{
		"not trusted":                 {nil, theirs, handshake.ErrUntrusted},
		"not dialled":                 {[]identity.KeyPair{theirs, untrusted}, untrusted, handshake.ErrWrongKey},
		"neither dialled nor trusted": {[]identity.KeyPair{theirs}, untrusted, handshake.ErrWrongKey},
		"ourselves":                   {[]identity.KeyPair{theirs}, ours, handshake.ErrSelf},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.connect(w.config(ours, c.trusted...), handshake.Initiator)
				r.Begin(handshake.Responder, c.answers, identity.PublicKey{})
				r.ReadMessage()
				r.Write(r.Message())
				e.wantFailed(c.want)
				r.wantClosed()
			})
		})
	}
}

// TestInitiatorHearsThatItIsRefused has a responder that does not trust this node: each bye that may answer message 3.
func TestInitiatorHearsThatItIsRefused(t *testing.T) {
	for _, code := range []envelope.Reason{envelope.ReasonRefused, envelope.ReasonBusy} {
		t.Run(string(code), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.connect(w.config(ours, theirs), handshake.Initiator)
				r.Handshake()
				r.say(envelope.AppendBye(nil, envelope.Bye{Code: code, Text: "why", RetryAfter: time.Minute}))
				m := e.ended()
				if m.Reason != code || !m.ByPeer || m.WasUp || m.Text != "why" || m.RetryAfter != time.Minute || m.Link != e.link {
					t.Errorf("ended %+v", m)
				}
				if got, want := kinds(e.heard()), []string{"proved", fmt.Sprintf("ended %s by peer", code)}; !slices.Equal(got, want) {
					t.Errorf("the owner heard %v, want %v", got, want)
				}
			})
		})
	}
}
