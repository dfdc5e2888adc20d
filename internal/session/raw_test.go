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

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A raw is a peer in the hands of a test, which decides about every byte that it sends and when it reads.
type raw struct {
	*world
	conn       net.Conn
	noise      *handshake.State
	send, recv *channel.CipherState // once the handshake is done
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
	r := &raw{world: w, conn: mine}
	r.begin(role.Opposite(), theirs, c.Static.PublicKey())
	return w.spawn(c, its, role, false), r
}

// begin makes the handshake that the raw end will do.
func (r *raw) begin(role handshake.Role, keys identity.KeyPair, expect identity.PublicKey) {
	r.Helper()
	c := handshake.Config{Role: role, Static: keys}
	if role == handshake.Initiator {
		c.Expect = expect
	}
	r.noise = newHandshake(r, c)
}

// message returns the frame of the handshake message that is due to be written.
func (r *raw) message() []byte {
	r.Helper()
	_, size := r.noise.Next()
	b, err := r.noise.Write(frame.AppendHeader(nil, size))
	if err != nil {
		r.Fatal(err)
	}
	return b
}

// hearMessage reads the handshake message that is due.
func (r *raw) hearMessage() {
	r.Helper()
	_, size := r.noise.Next()
	var b [handshake.Message2Size]byte
	if err := frame.ReadExact(r.conn, b[:size]); err != nil {
		r.Fatalf("reading a handshake message: %v", err)
	}
	if err := r.noise.Read(b[:size]); err != nil {
		r.Fatal(err)
	}
}

// handshake does the handshake.
func (r *raw) handshake() {
	r.Helper()
	for !r.noise.Done() {
		if write, _ := r.noise.Next(); write {
			r.write(r.message())
		} else {
			r.hearMessage()
		}
	}
	r.keys()
}

// keys takes the keys of a handshake that is done.
func (r *raw) keys() {
	r.send = channel.NewCipherState(r.noise.Result().SendKey())
	r.recv = channel.NewCipherState(r.noise.Result().RecvKey())
}

// write writes bytes as they are.
func (r *raw) write(b []byte) {
	r.Helper()
	if _, err := r.conn.Write(b); err != nil {
		r.Fatalf("writing: %v", err)
	}
}

// frames returns each plaintext sealed, in a frame.
func (r *raw) frames(plain ...[]byte) []byte {
	r.Helper()
	var out []byte
	for _, p := range plain {
		out = frame.AppendHeader(out, len(p)+channel.Overhead)
		var err error
		if out, err = r.send.Seal(out, p); err != nil {
			r.Fatal(err)
		}
	}
	return out
}

// say sends envelopes in one write, and lets the session do what it does about them.
func (r *raw) say(plain ...[]byte) {
	r.Helper()
	r.write(r.frames(plain...))
	synctest.Wait()
}

// hear returns the plaintext of the next frame. The error is that of the connection.
func (r *raw) hear() ([]byte, error) {
	r.Helper()
	var header [frame.HeaderSize]byte
	if _, err := io.ReadFull(r.conn, header[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(header[:]))
	if _, err := io.ReadFull(r.conn, body); err != nil {
		r.Fatalf("reading the body of a frame: %v", err)
	}
	plain, err := r.recv.Open(nil, body)
	if err != nil {
		r.Fatalf("opening a frame of %d bytes: %v", len(body), err)
	}
	return plain, nil
}

// want fails unless the next frames hold exactly these plaintexts.
func (r *raw) want(plain ...[]byte) {
	r.Helper()
	for _, want := range plain {
		if got, err := r.hear(); err != nil || !bytes.Equal(got, want) {
			r.Fatalf("heard %.300x, %v\nwant  %.300x", got, err, want)
		}
	}
}

// wantEnd fails unless the stream ends here, in an orderly way.
func (r *raw) wantEnd() {
	r.Helper()
	if got, err := r.hear(); err != io.EOF {
		r.Fatalf("heard %.300x, %v, want the end of the stream", got, err)
	}
}

// wantReset fails unless the connection was reset and nothing was sent before.
func (r *raw) wantReset() {
	r.Helper()
	if n, err := r.conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		r.Fatalf("read %d bytes, %v, want a reset", n, err)
	}
}

// rest returns all that still comes until the connection ends.
func (r *raw) rest() (all [][]byte) {
	r.Helper()
	for {
		plain, err := r.hear()
		if err != nil {
			return all
		}
		all = append(all, plain)
	}
}

// hangUp closes the raw end.
func (r *raw) hangUp() {
	_ = r.conn.Close()
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
	r.handshake()
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

func helloOf(c *Config) []byte { return envelope.AppendHello(nil, c.Hello) }

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
