// Package handshake turns a key pair and a byte stream into a peer with a proved key and two secret keys. It implements
// wire.md §4: the XX pattern of Noise §7.5 with X25519, ChaCha20-Poly1305 and SHA-256, empty payloads, and the rules of
// this protocol on whom to trust and when.
//
//	-> e                  message 1, 32 bytes; 48 in private mode, with a knock
//	<- e, ee, s, es       message 2, 96 bytes
//	-> s, se              message 3, 64 bytes; 65 of a guest, with one byte that says so
//
// A [State] is one end of one handshake. It does no I/O: the caller asks [State.Next] whose turn it is and how long the
// message is, and carries the bytes between [State.Write], [State.Read] and the connection, each body in a frame.
//
// A State asks a function of the caller whom to trust, at the step where it matters. The initiator checks the
// responder's key after message 2, before message 3 exists. So a responder that it does not trust, or did not dial,
// never learns who called. The responder checks the initiator's key after message 3. No key comes out before the end.
//
// A guest (wire.md §4.7) proves its key like any initiator, but nobody asks whether the key is trusted: see [Config.Guest].
//
// In private mode (wire.md §4.6) a responder answers only initiators that prove with message 1 that they have the
// private key of a trusted peer: see [Config.Knocks].
//
// Nodes on the BEAM run the same pattern with another transcript and in other bytes (wire.md §13.1): see
// [Config.Dialect]. In that dialect each message is 6 bytes longer.
//
// Any failure is final. No step can be repeated, and using a State that has finished or failed panics.
package handshake

import (
	"errors"
	"fmt"
	"io"

	"github.com/flynn/noise"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Lengths of the handshake messages of the native dialect in bytes, without the frame's header (wire.md §4.2, §4.3,
// §4.4). A message of any other length is refused before anything is computed.
const (
	Message1Size = 32           // e
	Message2Size = 32 + 48 + 16 // e, encrypted s, tag of the empty payload
	Message3Size = 48 + 16      // encrypted s, tag of the empty payload

	KnockSize           = 16                       // payload of message 1 in private mode
	PrivateMessage1Size = Message1Size + KnockSize // e, knock (wire.md §4.6)

	GuestMessage3Size = Message3Size + 1 // encrypted s, encrypted payload of one byte (wire.md §4.7)
)

// asGuest is the payload of message 3 by which an initiator asks for a guest session.
const asGuest = 0x01

// sizes of the Noise messages, in order, outside of private mode. The initiator writes those with an even index.
var sizes = [...]int{Message1Size, Message2Size, Message3Size}

// Knocks makes and recognises the payloads of message 1 in private mode: wire.md §4.6.
type Knocks interface {
	// Knock returns the payload that an initiator sends beside its ephemeral public key to the peer with key. ok is false
	// if there is no secret shared with that peer, because it is not trusted.
	Knock(key identity.PublicKey, ephemeral [32]byte) (knock [KnockSize]byte, ok bool)

	// Knocked returns the trusted peer that has made the knock, for this node and these minutes. ok is false if none has.
	// The time that it takes depends neither on the peer nor on whether there is one.
	Knocked(ephemeral [32]byte, knock [KnockSize]byte) (key identity.PublicKey, ok bool)
}

// A Config says how one end takes part in one handshake.
type Config struct {
	// Role is this end's role. If zero, Initiator.
	Role Role

	// Static is this end's identity. It must be set.
	Static identity.KeyPair

	// Dialect must be the same at both ends. If zero, Native. The BEAM dialect has neither a prologue nor private mode.
	Dialect Dialect

	// Prologue must be the same at both ends: the bytes of the namespace, empty by default (wire.md §4.1). It is not kept.
	Prologue []byte

	// Expect is the key that was dialled: the initiator accepts no other. The initiator must set it, unless it is a guest
	// that takes whatever key answers, and the responder must not.
	Expect identity.PublicKey

	// Guest, of an initiator, asks for a guest session. Of a responder, it takes nothing but guests: see State.ExpectGuest.
	// Guests have the native dialect, and no Knocks.
	Guest bool

	// Trusted says whether the peer with that key may connect. It must be set, but by an initiator that is a guest. It is
	// called at most once, by the Read that has just proved the key, on its goroutine; for guest sessions not at all. The
	// initiator calls it only if the key is the expected one.
	Trusted func(identity.PublicKey) bool

	// Knocks, if not nil, puts this end into private mode. The other end must be in private mode too, or the handshake
	// fails. Write and Read of message 1 call its methods, on their goroutine.
	Knocks Knocks

	// Rand is the source of the ephemeral key: Write reads exactly 32 bytes. If nil, crypto/rand.
	Rand io.Reader
}

// check returns an ErrConfig or ErrSelf if no handshake is possible with c.
func (c *Config) check() error {
	switch {
	case c.Role > Responder:
		return fmt.Errorf("%w: unknown role %d", ErrConfig, c.Role)
	case c.Static.IsZero():
		return fmt.Errorf("%w: no static key", ErrConfig)
	case c.Dialect > BEAM:
		return fmt.Errorf("%w: unknown dialect %d", ErrConfig, c.Dialect)
	case c.Dialect == BEAM && len(c.Prologue) > 0:
		return fmt.Errorf("%w: the BEAM dialect has no prologue", ErrConfig)
	case c.Dialect == BEAM && c.Knocks != nil:
		return fmt.Errorf("%w: the BEAM dialect has no private mode", ErrConfig)
	case c.Guest && c.Dialect == BEAM:
		return fmt.Errorf("%w: the BEAM dialect has no guests", ErrConfig)
	case c.Guest && c.Knocks != nil:
		return fmt.Errorf("%w: a guest does not knock", ErrConfig)
	case c.Trusted == nil && !(c.Guest && c.Role == Initiator):
		return fmt.Errorf("%w: Trusted is not set", ErrConfig)
	case c.Role == Initiator && c.Expect.IsZero() && !c.Guest:
		return fmt.Errorf("%w: an initiator must set Expect", ErrConfig)
	case c.Role == Responder && !c.Expect.IsZero():
		return fmt.Errorf("%w: a responder must not set Expect", ErrConfig)
	case c.Expect == c.Static.PublicKey():
		return ErrSelf
	}
	return nil
}

// A State is one end of a handshake in progress. It is not safe for concurrent use. No way of printing or logging it
// shows a secret key.
type State struct {
	config Config // without Static and Prologue
	self   identity.PublicKey

	noise   secret[pattern]    // nil once the handshake has finished or failed, so that its private keys are released
	message int                // index in sizes of the next message
	isGuest bool               // message 3 has the payload of a guest
	knocked identity.PublicKey // in private mode, the key whose owner has knocked
	remote  identity.PublicKey // once the peer has proved it
	result  *Result            // once there are keys
	done    bool
}

// A pattern is the Noise part of a handshake. It trusts every key.
type pattern struct {
	*noise.HandshakeState
	suite *suite // its own
}

// New begins a handshake. The error is an [ErrConfig], or [ErrSelf] if c.Expect is this end's own key.
func New(c Config) (*State, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	hs, err := newNoise(c)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s := &State{config: c, self: c.Static.PublicKey(), noise: hide(hs), isGuest: c.Guest}
	s.config.Static, s.config.Prologue = identity.KeyPair{}, nil
	return s, nil
}

func newNoise(c Config) (pattern, error) {
	s := &suite{CipherSuite: primitives, static: c.Static, digests: digestsFor(c.Dialect)}
	hs, err := noise.NewHandshakeState(noise.Config{
		CipherSuite:   s,
		Random:        c.Rand,
		Pattern:       noise.HandshakeXX,
		Initiator:     c.Role == Initiator,
		Prologue:      c.Prologue,
		StaticKeypair: s.staticKey(),
	})
	return pattern{hs, s}, err
}

// Next says whether this end must write or read next, and the exact size in bytes of the message that is due. When the
// handshake has finished or failed, no message is due and size is 0.
func (s *State) Next() (write bool, size int) {
	if s.noise == nil {
		return false, 0
	}
	return (s.message%2 == 0) == (s.config.Role == Initiator), s.size()
}

// size returns the size of the message that is due.
func (s *State) size() int {
	switch {
	case s.config.Knocks != nil && s.message == 0:
		return PrivateMessage1Size
	case s.isGuest && s.message == 2:
		return GuestMessage3Size
	case s.config.Dialect == BEAM:
		return binaryHeader + sizes[s.message]
	}
	return sizes[s.message]
}

// ExpectGuest has a responder take message 3 of a guest, of [GuestMessage3Size] bytes, in place of an ordinary one. It may
// be called while message 3 is due. It panics at an initiator, in the BEAM dialect, in private mode, and at any other time.
func (s *State) ExpectGuest() {
	if s.noise == nil || s.config.Role == Initiator || s.message != 2 || s.config.Dialect == BEAM || s.config.Knocks != nil {
		panic("handshake: no guest can come now")
	}
	s.isGuest = true
}

// Done reports whether the handshake has succeeded: the peer has proved its key, the key is trusted or the session is
// that of a guest, and no message is due. The initiator is done once it has written message 3; it does not know yet whether the responder accepts it.
func (s *State) Done() bool { return s.done }

// Write appends the next message to b. It fails if Config.Rand does, and in private mode with [ErrUntrusted], an
// [*UntrustedError], if there is no secret shared with the key that was dialled. After an error it returns b as it was.
// It panics if this end is not to write: see [State.Next].
func (s *State) Write(b []byte) ([]byte, error) {
	hs := s.take(true)
	defer s.endStep(hs.suite)
	out, k1, k2, err := s.write(hs, b)
	if err != nil {
		return b, fmt.Errorf("handshake: writing message %d: %w", s.message+1, err)
	}
	s.message++
	if k1 != nil {
		s.split(hs, k1, k2)
		s.done = true
		return out, nil
	}
	s.noise = hide(hs)
	return out, nil
}

// write does the work of Write. Only message 1 in private mode, and message 3 of a guest, have a payload.
func (s *State) write(hs pattern, b []byte) ([]byte, *noise.CipherState, *noise.CipherState, error) {
	if s.config.Dialect == BEAM {
		b = appendBinaryHeader(b, sizes[s.message])
	}
	if s.isGuest && s.message == 2 {
		return hs.WriteMessage(b, []byte{asGuest})
	}
	if s.config.Knocks == nil || s.message > 0 {
		return hs.WriteMessage(b, nil)
	}
	if err := hs.suite.prepare(s.config.Rand); err != nil {
		return nil, nil, nil, err
	}
	knock, ok := s.config.Knocks.Knock(s.config.Expect, hs.suite.ephemeral.PublicKey())
	if !ok {
		return nil, nil, nil, &UntrustedError{Remote: s.config.Expect}
	}
	return hs.WriteMessage(b, knock[:])
}

// Read consumes the next message, whose body must have exactly the size that [State.Next] says. It neither changes body
// nor keeps it. Any error is final. In the order of the checks (wire.md §4.2 to §4.5) they are:
//
//   - [ErrSize] for a body of another length.
//   - [ErrBinary], in the BEAM dialect.
//   - [ErrEphemeral], of messages 1 and 2.
//   - [ErrKnock] for message 1 in private mode.
//   - [ErrMessage2] or [ErrMessage3] for a message that does not authenticate.
//   - [ErrGuest] for another payload than that of a guest.
//   - [ErrKey] and [ErrSelf] for a static key that no honest peer shows.
//   - [ErrWrongKey], a [*WrongKeyError], at the initiator only; [ErrOtherKnock] at the responder, in private mode.
//   - [ErrUntrusted], an [*UntrustedError]. At the responder a [State.Result] is there too, so that it can tell
//     the peer, which has proved its key, that it is refused. Nothing else may be done with it.
//
// Read panics if this end is not to read.
func (s *State) Read(body []byte) error {
	hs := s.take(false)
	defer s.endStep(hs.suite)
	if err := s.read(hs, body); err != nil {
		return err
	}
	if !s.done {
		s.noise = hide(hs)
	}
	return nil
}

// take removes the Noise part from the state for one step, and returns it. The step puts it back if it succeeds. So any
// failure in between, a panic of Config.Trusted included, ends the handshake.
func (s *State) take(write bool) pattern {
	if s.noise == nil {
		panic("handshake: State used after its end")
	}
	if mine, _ := s.Next(); mine != write {
		panic("handshake: State used out of turn")
	}
	hs := s.noise()
	s.noise = nil
	return hs
}

// Discard ends a handshake that is not to go on, and leaves no secret behind. The State is as after a failure. If the handshake has
// finished or failed, Discard does nothing.
func (s *State) Discard() {
	if s.noise != nil {
		hs := s.noise()
		s.noise = nil
		s.endStep(hs.suite)
	}
}

// endStep leaves no secret of a step behind.
func (s *State) endStep(u *suite) {
	u.erase()
	if s.noise == nil { // this was the last step
		u.release()
	}
}

// read does the work of Read, for all messages alike: size, form, ephemeral key, knock, tags, static key, trust.
func (s *State) read(hs pattern, body []byte) error {
	if want := s.size(); len(body) != want {
		return fmt.Errorf("%w: message %d has %d bytes, want %d", ErrSize, s.message+1, len(body), want)
	}
	if s.config.Dialect == BEAM {
		var ok bool
		if body, ok = cutBinaryHeader(body); !ok {
			return fmt.Errorf("%w: message %d", ErrBinary, s.message+1)
		}
	}
	if s.message < 2 { // messages 1 and 2 begin with e
		// A key has one encoding here as everywhere. Low order would be found by the DH as well, but for message 1 only
		// when its answer is written.
		if _, err := identity.NewPublicKey(body[:identity.PublicKeySize]); err != nil {
			return fmt.Errorf("%w: %w", ErrEphemeral, err)
		}
	}
	if s.config.Knocks != nil && s.message == 0 {
		var ok bool
		if s.knocked, ok = s.config.Knocks.Knocked([Message1Size]byte(body), [KnockSize]byte(body[Message1Size:])); !ok {
			return ErrKnock
		}
	}
	payload, k1, k2, err := hs.ReadMessage(nil, body)
	switch {
	case err == nil:
	case errors.Is(err, ErrKey):
		return err // the static key, whose tag was right, is of low order
	case s.message == 1:
		return ErrMessage2
	default:
		return ErrMessage3
	}
	if s.isGuest && s.message == 2 && payload[0] != asGuest {
		return ErrGuest
	}
	s.message++
	if s.message == 1 {
		return nil // message 1 proves nothing
	}
	if err := s.identify(hs.PeerStatic()); err != nil {
		return err
	}
	trusted := s.isGuest || s.config.Trusted(s.remote)
	if k1 != nil {
		s.split(hs, k1, k2)
		s.done = trusted
	}
	if !trusted {
		return &UntrustedError{Remote: s.remote}
	}
	return nil
}

// identify takes the static key that the peer has proved as its identity. The key must have its only encoding, or an
// alias could evade trust. It must not be our own, and it must be the key that was dialled.
func (s *State) identify(static []byte) error {
	remote, err := identity.NewPublicKey(static)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrKey, err)
	case remote == s.self:
		return ErrSelf
	case s.config.Role == Initiator && remote != s.config.Expect && !s.config.Expect.IsZero():
		return &WrongKeyError{Want: s.config.Expect, Got: remote}
	case s.config.Role == Responder && s.config.Knocks != nil && remote != s.knocked:
		return ErrOtherKnock
	}
	s.remote = remote
	return nil
}

// split keeps the keys of Split. The initiator sends with the first (Noise §5.3).
func (s *State) split(hs pattern, k1, k2 *noise.CipherState) {
	k := &keys{send: k1.UnsafeKey(), recv: k2.UnsafeKey()}
	if s.config.Role == Responder {
		k.send, k.recv = k.recv, k.send
	}
	s.result = &Result{Remote: s.remote, Guest: s.isGuest, Hash: [32]byte(hs.ChannelBinding()), keys: hide(k)}
}

// Result returns the result. It panics unless the handshake is [State.Done], or has ended with [ErrUntrusted] at the
// responder.
func (s *State) Result() Result {
	if s.result == nil {
		panic("handshake: no result")
	}
	return *s.result
}
