package docs_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/etf"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// checkBEAMFrame compares a frame of A.10 with package handshake.
func checkBEAMFrame(t *testing.T, _ page, b block) {
	m := runHandshake(t, countingVector(t), handshake.BEAM, nil)
	same(t, "message 1", b.bytes(), frame.Append(nil, m.messages[0]))
}

// checkBEAMTags compares what A.10 says with package handshake, and holds it to what else it says of messages and keys.
func checkBEAMTags(t *testing.T, _ page, b block) {
	v := countingVector(t)
	m, native := runHandshake(t, v, handshake.BEAM, nil), runHandshake(t, v, handshake.Native, nil)
	second, third := m.messages[1][6:], m.messages[2][6:]
	same(t, "tags and hash", b.bytes(), slices.Concat(second[64:], third[32:], m.hash[:]))
	same(t, "e and s of message 2", native.messages[1][:64], second[:64])
	same(t, "s of message 3", native.messages[2][:32], third[:32])
	if m.k1 != native.k1 || m.k2 != native.k2 {
		t.Error("the keys of the two dialects differ")
	}
}

// checkBEAMEnvelopes writes the envelopes of A.10, and parses them.
func checkBEAMEnvelopes(t *testing.T, _ page, b block) {
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	want := [][]byte{
		must(etf.Codec.AppendCall(nil, 1, "echo", envelope.Options{}, "hello")),
		must(etf.Codec.AppendReply(nil, 1, envelope.Tuple{envelope.Atom("echoed"), "hello"})),
		must(etf.Codec.AppendCall(nil, 2, "nope", envelope.Options{}, nil)),
		must(etf.Codec.AppendError(nil, 2, &envelope.RemoteError{Code: envelope.CodeNoHandler})),
		must(etf.Codec.AppendCall(nil, 300, "dim", envelope.Options{}, map[envelope.Atom]any{"level": 2})),
		must(etf.Codec.AppendError(nil, 300, &envelope.RemoteError{Code: "broken", Text: "lamp"})),
		must(etf.Codec.AppendSend(nil, "note", []int{1, 2, 3})),
		etf.Codec.AppendPing(nil, []byte{0, 0, 0, 1}),
		etf.Codec.AppendPong(nil, []byte{0, 0, 0, 1}),
	}
	b.count(t, len(want))
	for i, item := range b {
		same(t, item.comment, item.bytes, want[i])
		var e envelope.Envelope
		if err := etf.Codec.Parse(bytes.Clone(item.bytes), &e); err != nil {
			t.Errorf("%s: %v", item.comment, err)
		}
	}
}
