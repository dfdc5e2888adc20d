package handshake

import (
	"errors"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Reasons why a handshake does not begin, or fails. Each one is final.
var (
	// ErrConfig says that a Config lacks something or contradicts itself.
	ErrConfig = errors.New("handshake: bad configuration")

	// ErrSize says that a message does not have the size that is due.
	ErrSize = errors.New("handshake: message of the wrong size")

	// ErrEphemeral says that the peer's ephemeral key is not 32 bytes below 2^255-19, or is of low order. Anybody can
	// compute a secret shared with a key of low order.
	ErrEphemeral = errors.New("handshake: bad ephemeral key")

	// ErrKnock says that message 1 has no knock that this end accepts now. The responder then sends nothing.
	ErrKnock = errors.New("handshake: no trusted peer has knocked: the caller is a stranger, or a clock is wrong by more than 5 minutes")

	// ErrOtherKnock says that the key that a peer has proved is not the key that message 1 was made with.
	ErrOtherKnock = errors.New("handshake: the proved key is not the one that knocked")

	// ErrMessage2 says that message 2 does not authenticate. The initiator cannot know why: both ends derive the message's
	// keys from everything sent before, from the protocol's name and from the prologue.
	ErrMessage2 = errors.New("handshake: message 2 does not authenticate: another namespace, another protocol, or interference")

	// ErrMessage3 says that message 3 does not authenticate. An honest initiator sends it only if message 2 authenticated,
	// so namespace and protocol agree: the only reason left is interference.
	ErrMessage3 = errors.New("handshake: message 3 does not authenticate: interference")

	// ErrGuest says that message 3 has a payload that means nothing.
	ErrGuest = errors.New("handshake: message 3 asks for something that is not known")

	// ErrKey says that the peer's static key is not below 2^255-19, or is of low order, so that it names no peer.
	ErrKey = errors.New("handshake: bad static key")

	// ErrSelf says that the peer's static key, or the key to dial, is our own: we met ourselves, or somebody has a copy of
	// our private key.
	ErrSelf = errors.New("handshake: the peer's key is our own")

	// ErrWrongKey says that another peer answered than the one that was dialled. The error is a *WrongKeyError.
	ErrWrongKey = errors.New("handshake: another peer answered")

	// ErrUntrusted says that the peer has proved a key that we do not trust. The error is an *UntrustedError.
	ErrUntrusted = errors.New("handshake: peer not trusted")
)

// An UntrustedError names a key that the peer has proved and that is not trusted. It is an [ErrUntrusted].
type UntrustedError struct {
	Remote identity.PublicKey
}

func (e *UntrustedError) Error() string { return fmt.Sprintf("%v: %v", ErrUntrusted, e.Remote) }
func (e *UntrustedError) Unwrap() error { return ErrUntrusted }

// A WrongKeyError names the key that was dialled and the one that answered. It is an [ErrWrongKey].
type WrongKeyError struct {
	Want, Got identity.PublicKey
}

func (e *WrongKeyError) Error() string {
	return fmt.Sprintf("%v: dialled %v, met %v", ErrWrongKey, e.Want, e.Got)
}
func (e *WrongKeyError) Unwrap() error { return ErrWrongKey }
