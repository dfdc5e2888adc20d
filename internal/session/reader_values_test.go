package session

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/frame"
)

// TestBufferOfValuesIsReadBeforeItIsGivenBack: beside a session that receives values, another one gets a value and then a large
// send, which is decrypted into the buffer for values. Nothing of one session may be seen in the other.
func TestBufferOfValuesIsReadBeforeItIsGivenBack(t *testing.T) {
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, _ := dataTarget(t, true)
		other := bytes.Repeat([]byte{0xEE}, 30_000)
		for !stop.Load() {
			v := r.hold(other) // writes into a buffer from the pool
			v.Release()
			r.releaseValues()
		}
	}()
	torn := 0
	for range 300 {
		r, s := dataTarget(t, true)
		s.in.granted += 1 << 20
		s.in.window += 1 << 20
		r = newReader(r.Link, channel.NewCipherState([32]byte{1}), nil)
		send := channel.NewCipherState([32]byte{1})
		r.buf = newReadBuffer(busyRead)
		for _, p := range [][]byte{aData(ofPeer(1), make([]byte, 30_000)), aSend("x", make([]byte, 30_000))} {
			r.buf.b = must(send.Seal(frame.AppendHeader(r.buf.b, len(p)+channel.Overhead), p))
		}
		b, err := r.decode()
		if err != nil {
			torn++ // a frame that was valid does not parse
			continue
		}
		for _, e := range b.envelopes {
			if bytes.Contains(e.Args, []byte{0xEE, 0xEE, 0xEE, 0xEE}) {
				torn++
			}
		}
	}
	stop.Store(true)
	<-done
	if torn > 0 {
		t.Errorf("%d envelopes have bytes of another session", torn)
	}
}
