package docs_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// guestsOf returns both ends of the handshake of A.12: the guest, whose message 3 is due, and the responder that expects it.
func guestsOf(t *testing.T) (guest, host *handshake.State) {
	t.Helper()
	v := countingVector(t)
	end := func(role handshake.Role, static, ephemeral []byte) *handshake.State {
		pair, err := identity.NewKeyPair(static)
		if err != nil {
			t.Fatal(err)
		}
		s, err := handshake.New(handshake.Config{Role: role, Static: pair, Guest: true, Rand: bytes.NewReader(ephemeral),
			Trusted: func(identity.PublicKey) bool { return false }})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	guest = end(handshake.Initiator, v.InitiatorStaticPrivate, v.InitiatorEphemeralPrivate)
	host = end(handshake.Responder, v.ResponderStaticPrivate, v.ResponderEphemeralPrivate)
	for from, to := guest, host; ; from, to = to, from {
		m, err := from.Write(nil)
		if err == nil {
			err = to.Read(m)
		}
		if err != nil {
			t.Fatal(err)
		}
		if from == host {
			return guest, host
		}
	}
}

func checkGuestFrame(t *testing.T, _ page, b block) {
	b.count(t, 6)
	guest, host := guestsOf(t)
	m, err := guest.Write(nil)
	if err == nil {
		err = host.Read(m)
	}
	if err != nil {
		t.Fatal(err)
	}
	hash, v := host.Result().Hash, countingVector(t)
	same(t, "frame and hash", b.bytes(), slices.Concat(frame.Append(nil, m), hash[:]))
	if host.Result().RecvKey() != [32]byte(v.KeyInitiatorToResponder) || host.Result().SendKey() != [32]byte(v.KeyResponderToInitiator) {
		t.Error("k1 and k2 are others")
	}
}

func checkGuestEnvelopes(t *testing.T, _ page, b block) {
	b.count(t, 2)
	same(t, "hello", b[0].bytes, envelope.AppendHello(nil, envelope.Hello{Version: 1}))
	answer, err := envelope.Msgpack.AppendError(nil, 1, &envelope.RemoteError{Code: envelope.CodeNoHandler, Text: "no handler here is named nope"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "answer", b[1].bytes, answer)
}

func checkGuestRefuse(t *testing.T, _ page, b block) {
	b.count(t, 2)
	for _, i := range b {
		_, host := guestsOf(t)
		if err := host.Read(i.bytes[frame.HeaderSize:]); !errors.Is(err, handshake.ErrGuest) {
			t.Errorf("%x: %v", i.bytes, err)
		}
	}
}
