package session

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// TestLargeValuesKeepTheirPlace among what comes in the same read: values of all sizes, the end, and what only the actor may handle.
// What was read stays as it came, whoever releases it and whatever arrives later.
func TestLargeValuesKeepTheirPlace(t *testing.T) {
	for name, releases := range map[string]bool{"kept": false, "released": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				taken := make(chan *Stream, 1)
				e, r := w.open(handshake.Responder, w.streaming(taken), func(c *Config) { c.StreamBytes = 1 << 30 })
				r.say(aStream(1, "take", 100, nil))
				r.want(aCredit(ofOurs(1), testWindow))
				s := <-taken
				s.mu.Lock()
				s.in.granted += 10 << 20 // the window is not what is tested
				s.in.window += 10 << 20
				s.mu.Unlock()
				e.link.counters.ReserveStream(10<<20, 1<<30)
				if releases {
					s.ReleasesValues()
				}
				var plain [][]byte
				sizes := []int{10, 20_000, 32_000, 5000, 100, 32_000, 31_000, 17_000, 3, 9000}
				for i, n := range sizes {
					plain = append(plain, aData(ofPeer(1), bytes.Repeat([]byte{byte(i + 1)}, n)))
					if i == 4 {
						plain = append(plain, envelope.AppendCancel(nil, 77))
					}
				}
				plain = append(plain, anEnd(ofPeer(1)))
				for range 3 { // the last read meets what was released
					r.say(plain[:len(plain)-1]...)
					for i, n := range sizes {
						v, err := s.RecvValue(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						got, err := envelope.NewRaw(envelope.Msgpack, v.Bytes()).Binary()
						if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte(i + 1)}, n)) {
							t.Fatalf("value %d has %d bytes that begin with %.10x, %v", i, len(got), got, err)
						}
						if releases {
							v.Release()
						}
					}
				}
				r.say(plain[len(plain)-1])
				synctest.Wait()
				if _, err := s.RecvValue(t.Context()); err != io.EOF {
					t.Errorf("at the end: %v", err)
				}
			})
		})
	}
}
