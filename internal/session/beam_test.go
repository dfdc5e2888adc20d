package session

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

// beamConfig is that of a node that speaks both dialects.
func (w *world) beamConfig() *Config {
	c := w.config(ours, theirs)
	c.Dialects = dialects.Open(dialects.Config{Speaks: []handshake.Dialect{handshake.Native, handshake.BEAM}, Clock: w.clock})
	return c
}

// A script is a BEAM node's end of a session, byte by byte.
type script struct {
	*kit.RawPeer
	t *testing.T
}

// beam starts a session in BEAM of that role, and does its handshake.
func (w *world) beam(c *Config, role handshake.Role) (*end, *script) {
	w.Helper()
	near, far := w.pipe()
	e := w.spawnIn(handshake.BEAM, c, near, role, false)
	r := &script{RawPeer: kit.NewRawPeer(w.T, far, role.Opposite(), theirs, ours.PublicKey()), t: w.T}
	config := handshake.Config{Role: role.Opposite(), Dialect: handshake.BEAM, Static: theirs, Trusted: func(identity.PublicKey) bool { return true }}
	if role == handshake.Responder {
		config.Expect = ours.PublicKey()
	}
	var err error
	if r.Noise, err = handshake.New(config); err != nil {
		w.Fatal(err)
	}
	w.conns = append(w.conns, far)
	r.Handshake()
	return e, r
}

// want fails unless the next frames hold these terms, in hexadecimal digits.
func (r *script) want(terms ...string) {
	r.t.Helper()
	for _, want := range terms {
		got, err := r.Read()
		if err != nil {
			r.t.Fatalf("%v, want %s", err, want)
		}
		if hex.EncodeToString(got) != want {
			r.t.Fatalf("got %x, want %s", got, want)
		}
	}
}

// say sends terms.
func (r *script) say(terms ...string) {
	r.t.Helper()
	for _, text := range terms {
		b, err := hex.DecodeString(text)
		if err != nil {
			r.t.Fatal(err)
		}
		r.Write(r.Frames(b))
	}
	synctest.Wait()
}

// Terms as OTP 26 writes them: an atom is 77 and its length, a binary 6d and four bytes of length, a tuple 68 and its arity.
const (
	pingHead = "836802" + "770470696e67" + "6d00000008"
	pongHead = "836802" + "7704706f6e67" + "6d00000008"
)

func nonce(n byte) string { return "00000000000000" + hex.EncodeToString([]byte{n}) }

func beamPing(n byte) string { return pingHead + nonce(n) }

func beamPong(n byte) string { return pongHead + nonce(n) }

// TestASessionInBEAM is the exchange of whole sessions in both roles, byte by byte: pings until the first pong and nothing before;
// a call each way, an error each way, a send each way, a ping each way; no hello, no bye and no word under $/.
func TestASessionInBEAM(t *testing.T) {
	const (
		callOut  = "836804" + "770463616c6c" + "6101" + "77046563686f" + "6d000000026869"        // {call, 1, echo, <<"hi">>}
		replyIn  = "836803" + "77057265706c79" + "6101" + "6802" + "77026f6b" + "6d000000026869" // {reply, 1, {ok, <<"hi">>}}
		call2Out = "836804" + "770463616c6c" + "6102" + "77046563686f" + "77036e696c"            // {call, 2, echo, nil}
		errorIn  = "836803" + "77057265706c79" + "6102" + "6802" + "77056572726f72" + "770e" +   // {reply, 2, {error, no_such_handle}}
			"6e6f5f737563685f68616e646c65"
		sendOut = "836803" + "770473656e64" + "77046e6f7465" + "6103" // {send, note, 3}
	)
	replyOut := "836803" + "77057265706c79" + "6e0800ffffffffffffffff" + "6802" + "77026f6b" + "6a" // {reply, 2^64-1, {ok, []}}
	callIn := "836804" + "770463616c6c" + "6e0800ffffffffffffffff" + "77046563686f" + "6a"          // {call, 2^64-1, echo, []}
	for _, role := range []handshake.Role{handshake.Initiator, handshake.Responder} {
		t.Run(role.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.beam(w.beamConfig(), role)
				r.want(beamPing(1))
				time.Sleep(readyPing)
				r.want(beamPing(2))
				if got, want := kinds(e.heard()), []string{"proved"}; !slices.Equal(got, want) {
					t.Errorf("the owner heard %v, want %v", got, want)
				}
				r.say(beamPong(1)) // of a ping that the session has forgotten: the peer has accepted all the same
				if got, want := kinds(e.heard()), []string{"proved", "up"}; !slices.Equal(got, want) {
					t.Errorf("the owner heard %v, want %v", got, want)
				}
				if d := e.link.Dialect(); d != handshake.BEAM {
					t.Errorf("the dialect is %v", d)
				}
				result := make(chan error, 1)
				call := func(args any) {
					go func() {
						raw, err := e.link.Call(t.Context(), "echo", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", args)
						var text string
						if err == nil {
							err = raw.Decode(&text)
						}
						if err == nil && text != "hi" {
							err = errors.New(text)
						}
						result <- err
					}()
				}
				call([]byte("hi"))
				r.want(callOut)
				r.say(replyIn)
				if err := <-result; err != nil {
					t.Error(err)
				}
				call(nil)
				r.want(call2Out)
				r.say(errorIn)
				if err := <-result; !errors.Is(err, envelope.ErrNoHandler) {
					t.Error(err)
				}
				if err := e.link.Send(t.Context(), "note", 3); err != nil {
					t.Error(err)
				}
				r.want(sendOut)
				e.served.serve(func(s *stub, e envelope.Envelope) { s.reply(e.ID, envelope.NewRaw(s.link.Codec(), e.Args), nil) })
				r.say(callIn)
				r.want(replyOut)
				r.say(beamPing(9))
				r.want(beamPong(9))
			})
		})
	}
}

// TestABEAMSessionThatGetsNoPongEnds: it is pinged every 5 ms, and later four times a second, for as long as a handshake may take.
func TestABEAMSessionThatGetsNoPongEnds(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.beam(w.beamConfig(), handshake.Initiator)
		pings := 0
		for {
			b, err := r.Read()
			if err != nil {
				break
			}
			if !bytes.HasPrefix(b, mustHex(t, pingHead)) {
				t.Fatalf("%x", b)
			}
			pings++
		}
		if least, most := firstPings, firstPings+int(10*time.Second/lateReadyPing)+1; pings < least || pings > most {
			t.Errorf("%d pings, want %d to %d", pings, least, most)
		}
		_ = r.Conn.Close()
		if end := e.ended(); end.Reason != envelope.ReasonUnresponsive || end.WasUp {
			t.Errorf("ended: %+v", end)
		}
	})
}

// TestACancelledCallToABEAMNodeIsForgotten: nothing is sent, and a reply that comes late is dropped.
func TestACancelledCallToABEAMNodeIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.beam(w.beamConfig(), handshake.Responder)
		r.want(beamPing(1))
		r.say(beamPong(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { _, _ = r.Read() }()
		if _, err := e.link.Call(ctx, "slow", "", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		r.say("836803"+"77057265706c79"+"6101"+"6802"+"77026f6b"+"6101", beamPing(9))
		r.want(beamPong(9))
		e.alive(open)
	})
}

// TestACloseByABEAMNodeIsExplained: it says nothing itself.
func TestACloseByABEAMNodeIsExplained(t *testing.T) {
	for _, c := range []struct {
		name    string
		up      bool
		calling bool
		want    error
	}{
		{"before the session is up", false, false, ErrNotAccepted},
		{"while nothing is asked", true, false, nil},
		{"while a call waits", true, true, ErrMaybeNoHandler},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.beam(w.beamConfig(), handshake.Initiator)
				r.want(beamPing(1))
				result := make(chan error, 1)
				if c.up {
					r.say(beamPong(1))
				}
				if c.calling {
					go func() {
						_, err := e.link.Call(context.Background(), "unknown", "", nil)
						result <- err
					}()
					_, _ = r.Read()
				}
				_ = r.Conn.Close()
				if c.calling {
					if err := <-result; !errors.Is(err, c.want) || !errors.Is(err, ErrLinkLost) {
						t.Errorf("the call: %v", err)
					}
				}
				if end := e.ended(); end.Reason != ReasonLost || !errors.Is(end.Err, c.want) {
					t.Errorf("ended: %+v", end)
				}
			})
		})
	}
}

func mustHex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
