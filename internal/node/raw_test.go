package node

import (
	"errors"
	"io"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

// A raw peer is an initiator that says exactly what its test wants.
type raw struct {
	*kit.RawPeer
	w *world
}

// raw connects to a node with the given keys, and does the handshake.
func (w *world) raw(to *testNode, keys identity.KeyPair) *raw {
	w.Helper()
	c, err := w.node("raw").host.Dial(w.Context(), "tcp", to.addr.String())
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	return &raw{kit.NewRawPeer(w, c, handshake.Initiator, keys, to.key).Handshake(), w}
}

// expectBye reads until the stream ends, and wants the last envelope to be a bye with this code.
func (r *raw) expectBye(want envelope.Reason) {
	r.w.Helper()
	var last envelope.Envelope
	for {
		plain, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		last = envelope.Envelope{}
		if err == nil {
			err = envelope.Msgpack.Parse(plain, &last)
		}
		if err != nil {
			r.w.Fatal(err)
		}
	}
	bye, err := envelope.ParseBye(last.Args)
	if string(last.Name) != envelope.NameBye || err != nil || bye.Code != want {
		r.w.Errorf("the last message was %q %+v, %v; want a bye, %q", last.Name, bye, err, want)
	}
	_ = r.Conn.Close()
}
