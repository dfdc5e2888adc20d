package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

// A raw is a peer in the hands of a test.
type raw struct {
	*world
	*kit.RawPeer
}

// connect starts a session in that role, and returns it with the other end of its connection.
func (w *world) connect(c *Config, role handshake.Role) (*end, *raw) {
	w.Helper()
	near, far := w.pipe()
	mine, its := far, near
	if role == handshake.Responder {
		mine, its = near, far
	}
	w.conns = append(w.conns, mine)
	return w.spawn(c, its, role, false), w.raw(mine, role.Opposite(), c.Static.PublicKey())
}

// raw returns the peer's end of a connection to a session with that key.
func (w *world) raw(conn net.Conn, role handshake.Role, expect identity.PublicKey) *raw {
	w.Helper()
	return &raw{w, kit.NewRawPeer(w, conn, role, theirs, expect)}
}

// say sends envelopes in one write, and lets the session do what it does about them.
func (r *raw) say(plain ...[]byte) {
	r.Helper()
	r.Write(r.Frames(plain...))
	synctest.Wait()
}

// want fails unless the next frames hold exactly these plaintexts.
func (r *raw) want(plain ...[]byte) {
	r.Helper()
	for _, want := range plain {
		if got, err := r.Next(); err != nil || !bytes.Equal(got, want) {
			r.Fatalf("heard %.300x, %v\nwant  %.300x", got, err, want)
		}
	}
}

// wantEnd fails unless the stream ends here, in an orderly way.
func (r *raw) wantEnd() {
	r.Helper()
	if got, err := r.Next(); err != io.EOF {
		r.Fatalf("heard %.300x, %v, want the end of the stream", got, err)
	}
}

// wantReset fails unless the connection was reset and nothing was sent before.
func (r *raw) wantReset() {
	r.Helper()
	if n, err := r.Conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		r.Fatalf("read %d bytes, %v, want a reset", n, err)
	}
}

// rest returns all that still comes until the connection ends.
func (r *raw) rest() (all [][]byte) {
	r.Helper()
	for {
		plain, err := r.Next()
		if err != nil {
			return all
		}
		all = append(all, plain)
	}
}

// hangUp closes the raw end.
func (r *raw) hangUp() {
	_ = r.Conn.Close()
	synctest.Wait()
}

// open returns a session in that role that is up, and its peer. Hellos have been said, and the initiator's ping
// has been answered.
func (w *world) open(role handshake.Role, change ...func(*Config)) (*end, *raw) {
	w.Helper()
	c := w.config(ours, theirs)
	for _, f := range change {
		f(c)
	}
	e, r := w.connect(c, role)
	r.Handshake()
	if role == handshake.Initiator {
		r.want(helloOf(c), aPing(1))
		r.say(aHello(), aPong(1))
	} else {
		r.say(aHello(), aPing(1))
		r.want(helloOf(c), aPong(1))
	}
	e.alive(open)
	if got, want := kinds(e.heard()), []string{"proved", "greeted", "up"}; !slices.Equal(got, want) {
		w.Fatalf("the owner heard %v, want %v", got, want)
	}
	return e, r
}

// Envelopes, as plaintexts.

func helloOf(c *Config) []byte {
	h := c.Hello
	h.Message, h.Assemble, h.Chains = c.Parts.Message, c.Parts.Assemble, c.Parts.Chains
	return envelope.AppendHello(nil, h)
}

func aHello() []byte { return envelope.AppendHello(nil, envelope.Hello{Version: 1, Agent: "raw/1"}) }

// ping returns a ping with the nonce that sessions use: a number in 8 bytes.
func aPing(n uint64) []byte {
	return envelope.Msgpack.AppendPing(nil, binary.BigEndian.AppendUint64(nil, n))
}

func aPong(n uint64) []byte {
	return envelope.Msgpack.AppendPong(nil, binary.BigEndian.AppendUint64(nil, n))
}

func aBye(code envelope.Reason) []byte { return envelope.AppendBye(nil, envelope.Bye{Code: code}) }

func aCancel(id envelope.CallID) []byte { return envelope.AppendCancel(nil, id) }

func aCall(id envelope.CallID, name string, args any) []byte {
	return must(envelope.Msgpack.AppendCall(nil, id, name, envelope.Options{}, args))
}

func aReply(id envelope.CallID, result any) []byte {
	return must(envelope.Msgpack.AppendReply(nil, id, result))
}

func aRefusal(id envelope.CallID, code envelope.Code, text string) []byte {
	return must(envelope.Msgpack.AppendError(nil, id, &envelope.RemoteError{Code: code, Text: text}))
}

func aSend(name string, args any) []byte { return must(envelope.Msgpack.AppendSend(nil, name, args)) }

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
