package docs_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// plain encodes the envelope of each plaintext in A.3 and A.6.
var plain = map[string]func() ([]byte, error){
	"plain-hello-initiator": always(func() []byte {
		return envelope.AppendHello(nil, envelope.Hello{Version: 1, Agent: "example/1", Boot: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, HasBoot: true})
	}),
	"plain-ping": always(func() []byte { return envelope.Msgpack.AppendPing(nil, []byte{0, 0, 0, 1}) }),
	"plain-hello-responder": always(func() []byte {
		return envelope.AppendHello(nil, envelope.Hello{Version: 1, Agent: "example/1", Name: "kitchen",
			Boot: [8]byte{0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18}, HasBoot: true, Max: 2 << 20})
	}),
	"plain-pong": always(func() []byte { return envelope.Msgpack.AppendPong(nil, []byte{0, 0, 0, 1}) }),
	"plain-call-echo": func() ([]byte, error) {
		return envelope.Msgpack.AppendCall(nil, 1, "echo", envelope.Options{}, "hello")
	},
	"plain-reply-echo": func() ([]byte, error) { return envelope.Msgpack.AppendReply(nil, 1, "hello") },
	"plain-call-options": func() ([]byte, error) {
		return envelope.Msgpack.AppendCall(nil, 2, "slow", envelope.Options{HasTimeout: true, Timeout: 1500 * time.Millisecond,
			Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, nil)
	},
	"plain-call-unknown": func() ([]byte, error) { return envelope.Msgpack.AppendCall(nil, 3, "nope", envelope.Options{}, nil) },
	"plain-reply-error": func() ([]byte, error) {
		return envelope.Msgpack.AppendError(nil, 3, &envelope.RemoteError{Code: envelope.CodeNoHandler})
	},
	"plain-send":   func() ([]byte, error) { return envelope.Msgpack.AppendSend(nil, "note", []any{256, true}) },
	"plain-cancel": always(func() []byte { return envelope.AppendCancel(nil, 2) }),
	"plain-reply-data": func() ([]byte, error) {
		data, err := envelope.Msgpack.AppendValue(nil, map[string]int{"done": 40})
		if err != nil {
			return nil, err
		}
		return envelope.Msgpack.AppendError(nil, 2, &envelope.RemoteError{Code: envelope.CodeCancelled, Text: "stopped",
			Data: envelope.NewRaw(envelope.Msgpack, data)})
	},
	"plain-bye": always(func() []byte {
		return envelope.AppendBye(nil, envelope.Bye{Code: envelope.ReasonShutdown, RetryAfter: 5 * time.Second})
	}),
	"plain-bye-answer": always(func() []byte { return envelope.AppendBye(nil, envelope.Bye{Code: envelope.ReasonShutdown}) }),
	"plain-refused":    always(func() []byte { return envelope.AppendBye(nil, envelope.Bye{Code: envelope.ReasonRefused}) }),
}

func always(f func() []byte) func() ([]byte, error) {
	return func() ([]byte, error) { return f(), nil }
}

func checkPlain(name string) func(*testing.T, page, block) { return checkMade(plain[name]) }

// checkMade compares an envelope on the page with the one that encode makes, and parses it.
func checkMade(encode func() ([]byte, error)) func(*testing.T, page, block) {
	return func(t *testing.T, _ page, b block) {
		want, err := encode()
		if err != nil {
			t.Fatal(err)
		}
		same(t, "envelope", b.bytes(), want)
		if err := parse(b.bytes()); err != nil {
			t.Error(err)
		}
	}
}

// partsTotal is the length of partsEnvelope.
const partsTotal = 5010

// partsEnvelope encodes the envelope that A.11 cuts into parts.
func partsEnvelope() ([]byte, error) {
	return envelope.Msgpack.AppendCall(nil, 1, "put", envelope.Options{}, bytes.Repeat([]byte("x"), 5000))
}

// partOf encodes a part with some of the bytes of partsEnvelope, or none.
func partOf(from, to int, p envelope.Part) func() ([]byte, error) {
	return func() ([]byte, error) {
		whole, err := partsEnvelope()
		if err != nil {
			return nil, err
		}
		if p.Chain = 1; from < to {
			p.Bytes = whole[from:to]
		}
		return envelope.AppendPart(nil, p), nil
	}
}

// ofCaller and ofCallee name the stream of A.11, in what its caller says and in what its callee says.
var ofCaller, ofCallee = envelope.StreamID{Call: 5, Mine: true}, envelope.StreamID{Call: 5}

func streamCall() ([]byte, error) {
	return envelope.Msgpack.AppendCall(nil, 5, "repeat", envelope.Options{IsStream: true, Credit: 256 << 10}, nil)
}

func streamReply() ([]byte, error) { return envelope.Msgpack.AppendReply(nil, 5, 1) }

// dataOf encodes the value of the stream of A.11.
func dataOf(s envelope.StreamID) func() ([]byte, error) {
	return func() ([]byte, error) {
		data, _, err := envelope.AppendData(nil, s, "line")
		return data, err
	}
}
