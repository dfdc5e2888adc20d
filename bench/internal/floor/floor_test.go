package floor

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/flynn/noise"
)

// newPairs returns pairs that the test's end closes.
func newPairs(t *testing.T) *Pairs {
	t.Helper()
	pairs, err := NewPairs()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pairs.Close)
	return pairs
}

// openFloor returns the two ends of a session that the test's end closes.
func openFloor(t *testing.T) (initiator, responder *Session) {
	t.Helper()
	pairs := newPairs(t)
	initiator, responder, err := pairs.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		initiator.Close()
		responder.Close()
	})
	return initiator, responder
}

func TestFloorEchoesEveryPayload(t *testing.T) {
	initiator, _ := openFloor(t)
	sizes := []int{
		0, 1, 64,
		bigFrame - overhead - 1, bigFrame - overhead, bigFrame - overhead + 1,
		readMax, flushSize, 1_000_000, largest + headerSize - overhead,
	}
	const callers, turns = 16, 3
	var running sync.WaitGroup
	for i := range callers {
		running.Go(func() {
			for turn := range turns {
				for _, size := range sizes {
					if size > 64 && i%4 != 0 {
						size = i // many small calls among the large ones
					}
					payload := bytes.Repeat([]byte{byte(1 + i), byte(turn), byte(size)}, size/3+1)[:size]
					reply := initiator.Call(payload)
					if reply.Err != nil {
						t.Errorf("a call of %d bytes: %v", size, reply.Err)
						return
					}
					if !bytes.Equal(reply.Payload, payload) {
						t.Errorf("a call of %d bytes came back changed", size)
					}
					reply.Release()
				}
			}
		})
	}
	running.Wait()
}

func TestFloorRefusesAPayloadThatIsTooLarge(t *testing.T) {
	initiator, _ := openFloor(t)
	if reply := initiator.Call(make([]byte, largest)); !errors.Is(reply.Err, errLength) {
		t.Errorf("got %v, want %v", reply.Err, errLength)
	}
	if reply := initiator.Call([]byte("next")); reply.Err != nil {
		t.Errorf("the next call: %v", reply.Err)
	}
}

func TestFloorFailsCallsWhenTheSessionEnds(t *testing.T) {
	initiator, responder := openFloor(t)
	responder.mu.Lock() // holds the echo back
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			if reply := initiator.Call([]byte("never answered")); !errors.Is(reply.Err, errClosed) {
				t.Errorf("got %v, want %v", reply.Err, errClosed)
			}
		})
	}
	initiator.Close()
	running.Wait()
	responder.mu.Unlock()
}

func TestAPourIsReadAndNotAnswered(t *testing.T) {
	left, right := net.Pipe()
	responder := NewSession(right, Plain(), Plain(), true)
	defer responder.Close()
	pour := NewPour(left, Plain())
	for _, size := range []int{0, 64, bigFrame, 1_000_000} {
		if n, err := pour.Write(make([]byte, size)); n != size || err != nil { // a pipe takes what is read
			t.Errorf("%d bytes of %d, %v", n, size, err)
		}
	}
	if _, err := pour.Write(make([]byte, largest)); !errors.Is(err, errLength) {
		t.Errorf("got %v, want %v", err, errLength)
	}
	_ = pour.Close()
	if _, err := pour.Write([]byte("late")); err == nil {
		t.Error("written after Close")
	}
}

func TestAPlainFloorEchoes(t *testing.T) {
	left, right := net.Pipe()
	initiator, responder := NewSession(left, Plain(), Plain(), false), NewSession(right, Plain(), Plain(), true)
	defer responder.Close()
	defer initiator.Close()
	for _, size := range []int{0, 64, bigFrame, 1_000_000} {
		payload := bytes.Repeat([]byte{7}, size)
		reply := initiator.Call(payload)
		if reply.Err != nil || !bytes.Equal(reply.Payload, payload) {
			t.Errorf("a call of %d bytes: %v, %d bytes", size, reply.Err, len(reply.Payload))
		}
		reply.Release()
	}
}

// The floor brings a Diffie-Hellman and a cipher of its own: the library's own must understand it.
func TestFloorHandshakeIsNoiseXX(t *testing.T) {
	library := noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashSHA256)
	for _, initiator := range []bool{true, false} {
		t.Run(fmt.Sprintf("initiator=%t", initiator), func(t *testing.T) {
			pairs := newPairs(t)
			own, other := pairs.initiator, pairs.responder
			left, right, err := pairs.connect()
			if err != nil {
				t.Fatal(err)
			}
			defer left.Close()
			defer right.Close()
			var (
				running       sync.WaitGroup
				first, second *noise.CipherState
				libraryErr    error
			)
			running.Go(func() {
				first, second, libraryErr = runXX(right, library, other.DHKey, own.Public, !initiator)
			})
			send, recv, err := Handshake(left, own, other.Public, initiator)
			running.Wait()
			if err != nil || libraryErr != nil {
				t.Fatalf("got %v and, from the library's end, %v", err, libraryErr)
			}
			if !initiator {
				first, second = second, first
			}
			for turn := range 3 { // the nonces must count alike
				message := append(make([]byte, 0, 64), "a message"...)
				send.seal(message)
				if got, err := first.Decrypt(nil, nil, message[:len(message)+tagSize]); err != nil || string(got) != "a message" {
					t.Errorf("message %d to the library: got %q, %v", turn, got, err)
				}
				sealed, err := second.Encrypt(nil, nil, []byte("an answer"))
				if err != nil {
					t.Fatal(err)
				}
				if got, err := recv.open(sealed); err != nil || string(got) != "an answer" {
					t.Errorf("message %d from the library: got %q, %v", turn, got, err)
				}
			}
		})
	}
}

func TestFloorRefusesAnotherKey(t *testing.T) {
	for _, wrong := range []string{"initiator", "responder"} {
		t.Run(wrong, func(t *testing.T) {
			pairs := newPairs(t)
			left, right, err := pairs.connect()
			if err != nil {
				t.Fatal(err)
			}
			other, err := NewKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			errs := make(chan error, 2)
			handshake := func(conn net.Conn, own Key, peer []byte, initiator bool) {
				defer conn.Close()
				_, _, err := Handshake(conn, own, peer, initiator)
				errs <- err
			}
			initiator, responder := pairs.initiator, pairs.responder
			if wrong == "initiator" {
				initiator = other
			} else {
				responder = other
			}
			go handshake(right, responder, pairs.initiator.Public, false)
			handshake(left, initiator, pairs.responder.Public, true)
			if first, second := <-errs, <-errs; !errors.Is(first, errOtherKey) && !errors.Is(second, errOtherKey) {
				t.Errorf("got %v and %v, want one %v", first, second, errOtherKey)
			}
		})
	}
}

func TestFloorEndsOnWhatIsNoFrameOfThePeer(t *testing.T) {
	tag := make([]byte, idSize+tagSize)
	for name, b := range map[string][]byte{
		"too short":        binary.BigEndian.AppendUint32(nil, idSize+tagSize-1),
		"too long":         binary.BigEndian.AppendUint32(nil, largest+1),
		"not sealed by it": append(binary.BigEndian.AppendUint32(nil, idSize+tagSize), tag...),
	} {
		t.Run(name, func(t *testing.T) {
			initiator, responder := openFloor(t)
			if _, err := initiator.conn.Write(b); err != nil {
				t.Fatal(err)
			}
			responder.running.Wait()
			initiator.running.Wait()
			if reply := initiator.Call(nil); reply.Err == nil {
				t.Error("the session still serves calls")
			}
		})
	}
}
