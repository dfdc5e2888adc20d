// Package docs_test holds the pages to the code. Every named block of bytes in wire.md is checked, and the tables that repeat
// constants are compared with them: if page and code differ, the page is right. The README, the manual of the command and the
// cookbook show code and output that run; prose is wrapped, and links lead somewhere.
package docs_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// checks has a check for each named block of the page.
var checks = map[string]func(*testing.T, page, block){
	"low-order-keys": checkLowOrder,

	"inputs":        checkInputs,
	"key-texts":     checkKeyTexts,
	"steps-m1":      checkSteps("steps-m1"),
	"steps-m2":      checkSteps("steps-m2"),
	"steps-m3":      checkSteps("steps-m3"),
	"frame-m1":      checkSteps("frame-m1"),
	"frame-m2":      checkSteps("frame-m2"),
	"frame-m3":      checkSteps("frame-m3"),
	"with-prologue": checkSteps("with-prologue"),

	"plain-hello-initiator": checkPlain("plain-hello-initiator"),
	"plain-ping":            checkPlain("plain-ping"),
	"plain-hello-responder": checkPlain("plain-hello-responder"),
	"plain-pong":            checkPlain("plain-pong"),
	"plain-call-echo":       checkPlain("plain-call-echo"),
	"plain-reply-echo":      checkPlain("plain-reply-echo"),
	"plain-call-options":    checkPlain("plain-call-options"),
	"plain-call-unknown":    checkPlain("plain-call-unknown"),
	"plain-reply-error":     checkPlain("plain-reply-error"),
	"plain-send":            checkPlain("plain-send"),
	"plain-cancel":          checkPlain("plain-cancel"),
	"plain-reply-data":      checkPlain("plain-reply-data"),
	"plain-bye":             checkPlain("plain-bye"),
	"plain-bye-answer":      checkPlain("plain-bye-answer"),
	"plain-refused":         checkPlain("plain-refused"),
	"parts-envelope":        checkMade(partsEnvelope),
	"parts-first":           checkMade(partOf(0, envelope.MinPart, envelope.Part{Total: partsTotal})),
	"parts-last":            checkMade(partOf(envelope.MinPart, partsTotal, envelope.Part{Last: true})),
	"parts-abandon":         checkMade(partOf(0, 0, envelope.Part{Last: true})),
	"stream-call":           checkMade(streamCall),
	"stream-credit":         checkMade(always(func() []byte { return envelope.AppendCredit(nil, ofCallee, 64<<10) })),
	"stream-data-caller":    checkMade(dataOf(ofCaller)),
	"stream-data-callee":    checkMade(dataOf(ofCallee)),
	"stream-end":            checkMade(always(func() []byte { return envelope.AppendEnd(nil, ofCaller) })),
	"stream-reply":          checkMade(streamReply),
	"sealed":                checkSealed,
	"sealed-refused":        checkRefused,

	"accept":      checkAccept,
	"accept-args": checkAccept,
	"refuse":      checkRefuse,
	"refuse-args": checkRefuseArgs,

	"private-steps":        checkPrivateSteps,
	"private-frame-m1":     checkPrivateFrame,
	"private-tags":         checkPrivateTags,
	"private-first-frames": checkPrivateFirstFrames,
	"private-announce":     checkPrivateAnnounce,

	"beam-frame-m1":  checkBEAMFrame,
	"beam-tags":      checkBEAMTags,
	"beam-envelopes": checkBEAMEnvelopes,

	"guest-frame-m3":  checkGuestFrame,
	"guest-envelopes": checkGuestEnvelopes,
	"guest-refuse":    checkGuestRefuse,

	"first-frames":  checkFirstFrames,
	"announce-7100": checkAnnounce,

	"announce-offer":   checkAnnounceOffer,
	"pairing-messages": checkPairingMessages,
}

func TestEveryBlockIsWhatTheCodeDoes(t *testing.T) {
	p := readPage(t)
	for _, name := range slices.Sorted(maps.Keys(p.blocks)) {
		t.Run(name, func(t *testing.T) {
			check := checks[name]
			if check == nil {
				t.Fatal("nothing checks this block")
			}
			check(t, p, p.blocks[name])
		})
	}
	for name := range checks {
		if p.blocks[name] == nil {
			t.Errorf("the page has no block %s", name)
		}
	}
}

// same fails unless got is want.
func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\npage %x\ncode %x", what, got, want)
	}
}

// count fails unless the block has n items.
func (b block) count(t *testing.T, n int) {
	t.Helper()
	if len(b) != n {
		t.Fatalf("the block has %d byte strings, want %d", len(b), n)
	}
}

func checkLowOrder(t *testing.T, _ page, b block) {
	b.count(t, 5)
	for _, i := range b {
		if _, err := identity.NewPublicKey(i.bytes); !errors.Is(err, identity.ErrKeyLowOrder) {
			t.Errorf("%x: %v", i.bytes, err)
		}
	}
}

// countingVector returns the vector that appendix A is made of.
func countingVector(t *testing.T) vectors.NoiseHandshake {
	t.Helper()
	for _, v := range vectors.Noise(t, vectors.NoiseNative).Vectors {
		if v.Name == "counting" {
			return v
		}
	}
	t.Fatal("no vector counting")
	panic("unreachable")
}

func checkInputs(t *testing.T, _ page, b block) {
	v := countingVector(t)
	b.count(t, 8)
	for i, want := range []vectors.Hex{
		v.InitiatorStaticPrivate, v.InitiatorStaticPublic, v.InitiatorEphemeralPrivate, v.InitiatorEphemeralPublic,
		v.ResponderStaticPrivate, v.ResponderStaticPublic, v.ResponderEphemeralPrivate, v.ResponderEphemeralPublic,
	} {
		same(t, b[i].comment, b[i].bytes, want)
	}
}

func checkKeyTexts(t *testing.T, _ page, b block) {
	v := countingVector(t)
	b.count(t, 2)
	for i, raw := range []vectors.Hex{v.InitiatorStaticPublic, v.ResponderStaticPublic} {
		key, err := identity.NewPublicKey(raw)
		if err != nil || key.String() != b[i].text {
			t.Errorf("page %s, code %v, %v", b[i].text, key, err)
		}
		if back, err := identity.ParsePublicKey(b[i].text); err != nil || back != key {
			t.Errorf("%s is read as %v, %v", b[i].text, back, err)
		}
	}
}

// checkSteps compares a block with what transcript makes of the steps on the page, and with package handshake.
func checkSteps(name string) func(*testing.T, page, block) {
	return func(t *testing.T, _ page, b block) {
		v := countingVector(t)
		var got []byte
		switch {
		case name == "with-prologue":
			tr := newTranscript(t, v, []byte("example.org/chat"))
			m := runHandshake(t, v, handshake.Native, []byte("example.org/chat"))
			for i := range m.messages {
				same(t, "message", tr.messages[i], m.messages[i])
			}
			got = slices.Concat(tr.messages[1][64:80], tr.messages[1][80:], tr.messages[2][32:48], tr.messages[2][48:], m.hash[:])
		case strings.HasPrefix(name, "frame"):
			i := int(name[len(name)-1] - '1')
			got = frame.Append(nil, runHandshake(t, v, handshake.Native, nil).messages[i])
			same(t, "the vector's frame", got, v.Messages[i].Frame)
			same(t, "the steps' frame", frame.Append(nil, newTranscript(t, v, nil).messages[i]), got)
		default:
			i := int(name[len(name)-1] - '1')
			got = bytes.Join(newTranscript(t, v, nil).steps[i], nil)
			if i == 2 {
				m := runHandshake(t, v, handshake.Native, nil)
				same(t, "h, k1, k2", got[len(got)-96:], slices.Concat(m.hash[:], m.k1[:], m.k2[:]))
			}
		}
		same(t, name, b.bytes(), got)
	}
}

// A handshakeRun is what two ends of package handshake sent and derived.
type handshakeRun struct {
	messages     [3][]byte
	hash, k1, k2 [32]byte
}

// runHandshake runs package handshake with the keys of v.
func runHandshake(t *testing.T, v vectors.NoiseHandshake, dialect handshake.Dialect, prologue []byte) (out handshakeRun) {
	t.Helper()
	end := func(role handshake.Role, static, ephemeral, expect vectors.Hex) *handshake.State {
		pair, err := identity.NewKeyPair(static)
		if err != nil {
			t.Fatal(err)
		}
		c := handshake.Config{Role: role, Dialect: dialect, Static: pair, Prologue: prologue, Rand: bytes.NewReader(ephemeral),
			Trusted: func(identity.PublicKey) bool { return true }}
		peer := v.InitiatorStaticPublic
		if role == handshake.Initiator {
			c.Expect, peer = identity.PublicKey(expect), expect
		}
		if v.Time != nil {
			c.Knocks = keyring(t, static, peer, *v.Time)
		}
		s, err := handshake.New(c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	i := end(handshake.Initiator, v.InitiatorStaticPrivate, v.InitiatorEphemeralPrivate, v.ResponderStaticPublic)
	r := end(handshake.Responder, v.ResponderStaticPrivate, v.ResponderEphemeralPrivate, nil)
	for n, from, to := 0, i, r; n < 3; n, from, to = n+1, to, from {
		var err error
		if out.messages[n], err = from.Write(nil); err == nil {
			err = to.Read(out.messages[n])
		}
		if err != nil {
			t.Fatalf("message %d: %v", n+1, err)
		}
	}
	out.hash, out.k1, out.k2 = i.Result().Hash, i.Result().SendKey(), i.Result().RecvKey()
	if r.Result().Hash != out.hash || r.Result().RecvKey() != out.k1 || r.Result().SendKey() != out.k2 {
		t.Fatal("the two ends differ")
	}
	return out
}

// dialogue holds the plaintexts of A.3 in order, and whether the initiator sends them.
var dialogue = []struct {
	name      string
	initiator bool
}{
	{"plain-hello-initiator", true},
	{"plain-ping", true},
	{"plain-hello-responder", false},
	{"plain-pong", false},
	{"plain-call-echo", true},
	{"plain-reply-echo", false},
	{"plain-call-options", true},
	{"plain-call-unknown", true},
	{"plain-reply-error", false},
	{"plain-send", true},
	{"plain-cancel", true},
	{"plain-reply-data", false},
	{"plain-bye", false},
	{"plain-bye-answer", true},
}

func checkSealed(t *testing.T, p page, b block) {
	m := runHandshake(t, countingVector(t), handshake.Native, nil)
	send := map[bool]*channel.CipherState{true: channel.NewCipherState(m.k1), false: channel.NewCipherState(m.k2)}
	recv := map[bool]*channel.CipherState{true: channel.NewCipherState(m.k1), false: channel.NewCipherState(m.k2)}
	arrow := map[bool]string{true: "-> ", false: "<- "}
	b.count(t, len(dialogue))
	for i, d := range dialogue {
		if want := arrow[d.initiator] + strconv.FormatUint(send[d.initiator].Nonce(), 10); b[i].comment != want {
			t.Errorf("frame %d is called %q, want %q", i, b[i].comment, want)
		}
		checkFrame(t, b[i].bytes, p.blocks[d.name].bytes(), send[d.initiator], recv[d.initiator])
	}
}

func checkRefused(t *testing.T, p page, b block) {
	key := runHandshake(t, countingVector(t), handshake.Native, nil).k2
	checkFrame(t, b.bytes(), p.blocks["plain-refused"].bytes(), channel.NewCipherState(key), channel.NewCipherState(key))
}

// checkFrame fails unless send seals plaintext into the frame wire, and recv opens wire as plaintext.
func checkFrame(t *testing.T, wire, plaintext []byte, send, recv *channel.CipherState) {
	t.Helper()
	sealed, err := send.Seal(nil, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "frame", wire, frame.Append(nil, sealed))
	body, rest, err := frame.Next(wire, frame.DefaultLimit)
	if err != nil || len(rest) != 0 {
		t.Fatalf("%x is not one frame: %v", wire, err)
	}
	opened, err := recv.Open(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "plaintext", plaintext, opened)
}

// parse reads an envelope, and the args of a protocol name.
func parse(plaintext []byte) error {
	var e envelope.Envelope
	if err := envelope.Msgpack.Parse(plaintext, &e); err != nil {
		return err
	}
	var err error
	if e.Kind == envelope.KindSend {
		switch string(e.Name) {
		case envelope.NameHello:
			_, err = envelope.ParseHello(e.Args)
		case envelope.NameBye:
			_, err = envelope.ParseBye(e.Args)
		case envelope.NameCancel:
			_, err = envelope.ParseCancel(e.Args)
		case envelope.NamePart, envelope.NameLast:
			_, err = envelope.ParsePart(e.Args, string(e.Name) == envelope.NameLast)
		case envelope.NameData:
			_, _, err = envelope.ParseData(e.Args)
		case envelope.NameCredit:
			_, _, err = envelope.ParseCredit(e.Args)
		case envelope.NameEnd:
			_, err = envelope.ParseEnd(e.Args)
		}
	}
	return err
}

func checkAccept(t *testing.T, _ page, b block) {
	for _, i := range b {
		if err := parse(i.bytes); err != nil {
			t.Errorf("%s: %v", i.comment, err)
		}
	}
}

func checkRefuse(t *testing.T, _ page, b block) {
	for _, i := range b {
		if err := envelope.Msgpack.Parse(i.bytes, new(envelope.Envelope)); err == nil {
			t.Errorf("%s: %x is accepted", i.comment, i.bytes)
		}
	}
}

func checkRefuseArgs(t *testing.T, _ page, b block) {
	for _, i := range b {
		if err := envelope.Msgpack.Parse(i.bytes, new(envelope.Envelope)); err != nil {
			t.Errorf("%s is no envelope: %v", i.comment, err)
		}
		if err := parse(i.bytes); err == nil {
			t.Errorf("%s: %x is accepted", i.comment, i.bytes)
		}
	}
}

// TestElementsAreCountedAsThePageSays checks the example below the refused envelopes in A.4.
func TestElementsAreCountedAsThePageSays(t *testing.T) {
	for extra, want := range map[int]error{0: nil, 1: envelope.ErrElements} {
		n := 131068 + extra
		b := append([]byte{0x93, 2, 0xa1, 'a', 0xdd, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)},
			bytes.Repeat([]byte{0xc0}, n)...)
		if err := parse(b); !errors.Is(err, want) {
			t.Errorf("%d elements: %v, want %v", n, err, want)
		}
	}
}

func checkFirstFrames(t *testing.T, _ page, b block) { refuseFirst(t, b, nil) }

// refuseFirst shows each first frame to a responder, which must refuse it before it has anything to answer.
func refuseFirst(t *testing.T, b block, knocks handshake.Knocks) {
	t.Helper()
	pair, err := identity.NewKeyPair(countingVector(t).ResponderStaticPrivate)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range b {
		s, err := handshake.New(handshake.Config{Role: handshake.Responder, Static: pair, Knocks: knocks,
			Trusted: func(identity.PublicKey) bool { return true }})
		if err != nil {
			t.Fatal(err)
		}
		_, size := s.Next()
		body := make([]byte, size)
		err = frame.ReadExact(bytes.NewReader(i.bytes), body)
		if wrong := new(frame.SizeError); len(i.bytes) == frame.HeaderSize && !errors.As(err, &wrong) {
			t.Errorf("%s: %v", i.comment, err)
		}
		if err == nil {
			err = s.Read(body)
		}
		if err == nil {
			t.Errorf("%s: %x is accepted", i.comment, i.bytes)
		}
	}
}

func checkAnnounce(t *testing.T, p page, b block) {
	var file struct {
		Vectors []struct {
			Name      string      `json:"name"`
			Packet    vectors.Hex `json:"packet"`
			Verdict   string      `json:"verdict"`
			Version   int         `json:"version"`
			Port      int         `json:"port"`
			PublicKey vectors.Hex `json:"public_key"`
		} `json:"vectors"`
	}
	vectors.Load(t, "announce.json", &file)
	for _, v := range file.Vectors {
		if v.Name == "valid_7100" {
			same(t, "packet", b.bytes(), v.Packet)
			same(t, "key", b[3].bytes, v.PublicKey)
			if _, err := identity.NewPublicKey(b[3].bytes); err != nil {
				t.Error(err)
			}
		}
	}
	b.count(t, 4)
	offset := 0
	for i, row := range p.table(t, "8.1 offset") {
		if number(t, row[0]) != offset || number(t, row[1]) != len(b[i].bytes) {
			t.Errorf("the field %s is not where the table has it", row[2])
		}
		offset += len(b[i].bytes)
	}
	if offset != udp.AnnounceSize {
		t.Errorf("the fields have %d bytes", offset)
	}
}
