package pairing

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"io"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// channelLabel separates this protocol from others that use CPace: wire.md §14.4.
const channelLabel = "PeerNet pairing 1"

// macLabel is the draft's: what the key of the confirmations is hashed from begins with it.
const macLabel = "CPaceMac"

const tagSize = sha512.Size

// A Binding is the session that a pairing is made in. A code that both sides know gives them one secret only if they also
// agree on all of this, so nobody can pass messages on from one session to another.
type Binding struct {
	Hash      [32]byte           // the handshake hash of the session
	Initiator identity.PublicKey // of the session: the joiner
	Responder identity.PublicKey // the offerer
}

// A run is what the two sides of one pairing have in common.
type run struct {
	own     share
	binding Binding
}

// newRun makes this side's share for one session. It reads 32 bytes of random.
func newRun(code Code, binding Binding, random io.Reader) (run, error) {
	password := code.password(nil)
	defer clear(password)
	own, err := newShare(password, channelOf(code, binding), binding.Hash[:], random)
	return run{own, binding}, err
}

// channelOf returns the channel identifier of CPace.
func channelOf(code Code, b Binding) []byte {
	number := binary.BigEndian.AppendUint16(nil, code.number)
	return lvCat(nil, []byte(channelLabel), number, b.Hash[:], b.Initiator[:], b.Responder[:])
}

// confirmationKey returns the key of both confirmations, and what they confirm beside a label: the transcript. The peer's
// point is the joiner's if joined is false.
func (r *run) confirmationKey(peer [pointSize]byte, joined bool) (key [sha512.Size]byte, transcript []byte, err error) {
	k, err := r.own.multiply(peer[:])
	defer clear(k[:])
	r.own.erase()
	if err != nil {
		return key, nil, err
	}
	transcript = transcriptOf(r.own.public[:], nil, peer[:], nil)
	if !joined {
		transcript = transcriptOf(peer[:], nil, r.own.public[:], nil)
	}
	isk := sessionKey(r.binding.Hash[:], k, transcript)
	defer clear(isk[:])
	text := append(append([]byte(macLabel), r.binding.Hash[:]...), isk[:]...)
	defer clear(text)
	return sha512.Sum512(text), transcript, nil
}

// tagOf returns the tag of a confirmation: the kind keeps one side's from being sent back to it as the other's.
func tagOf(key *[sha512.Size]byte, kind byte, transcript []byte, label string) [tagSize]byte {
	mac := hmac.New(sha512.New, key[:])
	mac.Write(lvCat(nil, []byte{kind}, transcript, []byte(label)))
	return [tagSize]byte(mac.Sum(nil))
}
