package peers

import (
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

// An end is the node at the other end of one session. The test decides what it says, and when.
type end struct {
	*rig
	*kit.RawPeer
	name       string
	link       *session.Link // the peer actor's, once the handshake is done
	byed, over bool          // it has heard a bye, the end of the stream
	closed     bool          // it has hung up
}

// end makes the other end of a connection.
func (r *rig) end(name string, conn net.Conn, role handshake.Role) *end {
	r.Helper()
	e := &end{rig: r, name: name, RawPeer: kit.NewRawPeer(r, conn, role, r.theirs, r.ours.PublicKey())}
	r.ends = append(r.ends, e)
	return e
}

// the returns the end of that name.
func (r *rig) the(name string) *end {
	r.Helper()
	i := slices.IndexFunc(r.ends, func(e *end) bool { return e.name == name && !e.closed })
	if i < 0 {
		r.Fatalf("there is no %s", name)
	}
	return r.ends[i]
}

// linkOf returns the session of the end of that name.
func (r *rig) linkOf(name string) *session.Link {
	r.Helper()
	l := r.the(name).link
	if l == nil {
		r.Fatalf("%s has proved nothing", name)
	}
	return l
}

// shake does the handshake, or the rest of it, and waits until the peer's actor knows.
func (e *end) shake() *end {
	e.Helper()
	if e.Noise.Done() {
		e.Fatalf("the handshake of %s is done", e.name)
	}
	e.Handshake()
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.links); n > 0 {
		e.link = e.links[n-1]
	}
	return e
}

// says sends envelopes, and lets the peer's actor do what it does about them.
func (e *end) says(plain ...[]byte) *end {
	e.Helper()
	for _, p := range plain {
		e.Write(e.Frames(p))
	}
	synctest.Wait()
	return e
}

// hangsUp closes its connection.
func (e *end) hangsUp() {
	e.heard() // what is unread would be a reset
	e.closed = true
	_ = e.Conn.Close()
	synctest.Wait()
}

// heard names the envelopes that have come since it was asked last, but for pongs; "cut" is the end of the stream
// without a bye.
func (e *end) heard() (names []string) {
	e.Helper()
	if e.over || e.closed {
		return nil
	}
	_ = e.Conn.SetReadDeadline(time.Now().Add(1))
	defer func() { _ = e.Conn.SetReadDeadline(time.Time{}) }()
	for {
		plain, err := e.Next()
		if err != nil {
			if t, ok := errors.AsType[net.Error](err); !ok || !t.Timeout() {
				if e.over = true; !e.byed {
					names = append(names, "cut")
				}
			}
			return names
		}
		var v envelope.Envelope
		if err := envelope.Msgpack.Parse(plain, &v); err != nil {
			e.Fatal(err)
		}
		switch {
		case v.Kind == envelope.KindPing:
			names = append(names, "ping")
		case string(v.Name) == envelope.NameHello:
			names = append(names, "hello")
		case string(v.Name) == envelope.NameBye:
			bye, err := envelope.ParseBye(v.Args)
			if err != nil {
				e.Fatal(err)
			}
			e.byed = true
			names = append(names, "bye "+string(bye.Code))
		}
	}
}

// Envelopes, as plaintexts.

// aHello is that of the first, second … run of the peer's process.
func aHello(run byte) []byte {
	return envelope.AppendHello(nil, envelope.Hello{Version: envelope.Version, HasBoot: true, Boot: [8]byte{run}})
}

func aBye(code envelope.Reason) []byte {
	return envelope.AppendBye(nil, envelope.Bye{Code: code, RetryAfter: 5 * time.Second}) // which means nothing to most
}

var (
	aPing    = envelope.Msgpack.AppendPing(nil, []byte{1})
	aBreach  = []byte{0x90}
	aCall, _ = envelope.Msgpack.AppendCall(nil, 1, "slow", envelope.Options{}, nil)
)

// A mute takes calls and never answers.
type mute struct{ pending atomic.Int64 }

// Call implements session.Inbound.
func (m *mute) Call(*envelope.Envelope) error { m.pending.Add(1); return nil }

// Begin implements session.Inbound.
func (m *mute) Begin() {}

// Send implements session.Inbound.
func (m *mute) Send(*envelope.Envelope) {}

// Cancel implements session.Inbound.
func (m *mute) Cancel(envelope.CallID) {}

// OpenChain implements session.Inbound.
func (m *mute) OpenChain(*envelope.Envelope, int) bool { return true }

// Discard implements session.Inbound.
func (m *mute) Discard(*envelope.Envelope) error { return nil }

// CloseChain implements session.Inbound.
func (m *mute) CloseChain() {}

// EndRequests implements session.Inbound.
func (m *mute) EndRequests() {}

// Pending implements session.Inbound.
func (m *mute) Pending() int { return int(m.pending.Load()) }

// Close implements session.Inbound.
func (m *mute) Close(envelope.Reason) { m.pending.Store(0) }
