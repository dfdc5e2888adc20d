package vectors

import "testing"

// Names of the files that hold Noise handshakes.
const (
	NoiseNative   = "noise_xx_native.json"
	NoisePrologue = "noise_xx_prologue.json"
	NoiseBEAM     = "noise_xx_beam.json"
	NoisePrivate  = "noise_xx_private.json"
	NoiseGuest    = "noise_xx_guest.json"
	NoiseFailures = "noise_xx_failures.json"
)

// NoiseFile is a file of whole handshakes, each followed by transport messages.
type NoiseFile struct {
	Protocol   string           `json:"protocol"`
	Prologue   *Hex             `json:"prologue,omitempty"`   // nil: each handshake has its own
	Payloads   string           `json:"payloads"`             // "empty", or "knock": message 1 has one, or "guest": message 3 has 01
	Transcript string           `json:"transcript,omitempty"` // "beam", or empty for the Noise specification's
	Vectors    []NoiseHandshake `json:"vectors"`
}

// NoiseHandshake is one handshake, both ends, and what was sent after it.
type NoiseHandshake struct {
	Name                      string           `json:"name"`
	Prologue                  *Hex             `json:"prologue,omitempty"` // set by Noise if the file has one for all
	InitiatorStaticPrivate    Hex              `json:"initiator_static_private"`
	InitiatorStaticPublic     Hex              `json:"initiator_static_public"`
	InitiatorEphemeralPrivate Hex              `json:"initiator_ephemeral_private"`
	InitiatorEphemeralPublic  Hex              `json:"initiator_ephemeral_public"`
	ResponderStaticPrivate    Hex              `json:"responder_static_private"`
	ResponderStaticPublic     Hex              `json:"responder_static_public"`
	ResponderEphemeralPrivate Hex              `json:"responder_ephemeral_private"`
	ResponderEphemeralPublic  Hex              `json:"responder_ephemeral_public"`
	Time                      *int64           `json:"time,omitempty"`        // private mode: when the initiator knocks, in seconds since 1970
	PairSecret                Hex              `json:"pair_secret,omitempty"` // likewise
	Knock                     Hex              `json:"knock,omitempty"`       // likewise
	Messages                  []NoiseMessage   `json:"messages"`              // three
	HandshakeHash             Hex              `json:"handshake_hash"`
	KeyInitiatorToResponder   Hex              `json:"key_initiator_to_responder"`
	KeyResponderToInitiator   Hex              `json:"key_responder_to_initiator"`
	Transport                 []NoiseTransport `json:"transport"`
}

// NoiseMessage is one handshake message.
type NoiseMessage struct {
	Body  Hex `json:"body"`
	Frame Hex `json:"frame"`
}

// Directions of a transport message.
const (
	ToResponder = "initiator_to_responder"
	ToInitiator = "responder_to_initiator"
)

// NoiseTransport is one transport message.
type NoiseTransport struct {
	Direction  string `json:"direction"`
	N          uint64 `json:"n"`
	Plaintext  Hex    `json:"plaintext"`
	Ciphertext Hex    `json:"ciphertext"`
	Frame      Hex    `json:"frame"`
}

// Noise loads a file of handshakes. Every handshake it returns has its prologue, three messages, keys and a handshake hash
// of 32 bytes, and transport messages.
func Noise(t testing.TB, name string) NoiseFile {
	t.Helper()
	var f NoiseFile
	Load(t, name, &f)
	if len(f.Vectors) == 0 {
		t.Fatalf("vectors: %s holds none", name)
	}
	for i := range f.Vectors {
		v := &f.Vectors[i]
		if v.Prologue == nil {
			v.Prologue = f.Prologue
		}
		if v.Prologue == nil || len(v.Messages) != 3 || len(v.Transport) == 0 {
			t.Fatalf("vectors: %s: %s is incomplete", name, v.Name)
		}
		for _, b := range []Hex{
			v.InitiatorStaticPrivate, v.InitiatorStaticPublic, v.InitiatorEphemeralPrivate, v.InitiatorEphemeralPublic,
			v.ResponderStaticPrivate, v.ResponderStaticPublic, v.ResponderEphemeralPrivate, v.ResponderEphemeralPublic,
			v.HandshakeHash, v.KeyInitiatorToResponder, v.KeyResponderToInitiator,
		} {
			if len(b) != 32 {
				t.Fatalf("vectors: %s: %s has a key or hash of %d bytes", name, v.Name, len(b))
			}
		}
	}
	return f
}

// NoiseFailureFile is a file of handshakes that one end must break off.
type NoiseFailureFile struct {
	Protocol string         `json:"protocol"`
	Payloads string         `json:"payloads"` // always "empty"
	Vectors  []NoiseFailure `json:"vectors"`
}

// NoiseFailure is one end's view of a handshake up to the message that it must refuse.
type NoiseFailure struct {
	Name             string `json:"name"`
	Why              string `json:"why"`
	Role             string `json:"role"` // "initiator" or "responder": the end under test
	Prologue         Hex    `json:"prologue"`
	StaticPrivate    Hex    `json:"static_private"`
	EphemeralPrivate Hex    `json:"ephemeral_private"`
	Expect           Hex    `json:"expect,omitempty"` // initiator: the key it dialled
	Trusted          []Hex  `json:"trusted"`
	Messages         []Hex  `json:"messages"` // bodies from message 1 on; the last is received, and refused
	Error            string `json:"error"`    // name of the error in package handshake
}

// Failures loads the file of handshakes that fail.
func Failures(t testing.TB) NoiseFailureFile {
	t.Helper()
	var f NoiseFailureFile
	Load(t, NoiseFailures, &f)
	if len(f.Vectors) == 0 {
		t.Fatalf("vectors: %s holds none", NoiseFailures)
	}
	return f
}
