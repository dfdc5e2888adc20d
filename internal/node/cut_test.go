package node

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// TestConnectionCutThroughoutTheHandshake: wherever that is, it is dialled again, and one session comes of it.
func TestConnectionCutThroughoutTheHandshake(t *testing.T) {
	const handshakeBytes = 36 + 100 + 68 + 120 // and the first words of each side
	for i, how := range []string{"reset", "silence"} {
		t.Run(how, func(t *testing.T) {
			for first := i; first < handshakeBytes; first += 3 * perBubble {
				inBubble(t, func(t *testing.T, b *bubble) {
					for n := first; n < min(first+3*perBubble, handshakeBytes); n += 3 {
						cutAt(b.world(uint64(n)), time.Duration(n)*time.Millisecond, how)
					}
				})
			}
		})
	}
}

// cutAt lets two nodes connect at one byte per millisecond, and breaks the connection after some time.
func cutAt(w *world, after time.Duration, how string) {
	x, y := w.pair()
	w.net.SetTrickle(1, time.Millisecond)
	x.finds(y)
	time.Sleep(after)
	synctest.Wait()
	if how == "reset" {
		if w.net.Reset(x.host, y.host) == 0 {
			w.Errorf("seed %d: there was no connection to cut", w.seed)
		}
		w.net.SetTrickle(0, 0)
		time.Sleep(10 * time.Second)
	} else {
		w.net.Cut(x.host, y.host)
		time.Sleep(time.Minute)
		w.net.SetTrickle(0, 0)
		w.net.Heal(x.host, y.host)
		time.Sleep(time.Minute)
	}
	up := take[peers.Up](x)
	if x.link(y) == nil || y.link(x) == nil || len(up) == 0 || len(up) > 2 {
		w.Fatalf("seed %d: cut by %s after %v: connected %v, %d times up", w.seed, how, after, x.link(y) != nil, len(up))
	}
	works(x, y)
	if s := w.net.Stats(); s.Conns != 2 {
		w.Errorf("seed %d: cut by %s after %v: %d ends of connections are open", w.seed, how, after, s.Conns)
	}
	w.end()
}

func TestLostLinkIsDialledAgain(t *testing.T) {
	for _, how := range []string{"reset", "silence"} {
		t.Run(how, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				for seed := range uint64(10) {
					w := b.world(seed)
					x, y := w.pair()
					x.dials(y)
					one(x, y)
					time.Sleep(time.Hour)
					call := make(chan error, 1)
					go func() { call <- x.call(y, "wait") }()
					synctest.Wait()
					reason := session.ReasonLost
					began := time.Now()
					if how == "reset" {
						w.net.Reset(x.host, y.host)
					} else {
						reason = envelope.ReasonUnresponsive
						w.net.Cut(x.host, y.host)
					}
					err := answer(w, call)
					if l := (*session.LinkError)(nil); !errors.As(err, &l) || l.Reason != reason || !l.Sent {
						t.Errorf("the call: %v", err)
					}
					if took := time.Since(began); how == "reset" && took != 0 || took > 25*time.Second {
						t.Errorf("seen after %v", took)
					}
					time.Sleep(time.Minute)
					if d := only[peers.Down](x); d.Reason != reason || d.ByPeer {
						t.Errorf("told %+v", d)
					}
					w.net.Heal(x.host, y.host)
					time.Sleep(time.Minute)
					if d := only[peers.Down](y); d.Reason != reason {
						t.Errorf("told %+v", d)
					}
					one(x, y)
					w.end()
				}
			})
		})
	}
}

// TestPeerThatFallsAgainAndAgainIsDialledLessAndLess: the connection is good, and each session is short.
func TestPeerThatFallsAgainAndAgainIsDialledLessAndLess(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		x.dials(y)
		end := time.Now().Add(10 * time.Minute)
		for time.Now().Before(end) {
			time.Sleep(50 * time.Millisecond)
			synctest.Wait()
			w.net.Reset(x.host, y.host)
		}
		if n := y.counters.Connections.Load(); n < 20 || n > 80 {
			t.Errorf("%d dials in ten minutes, want one in 15 s on average in the long run", n)
		}
		time.Sleep(time.Minute)
		take[peers.Up](x)
		take[peers.Down](x)
		time.Sleep(time.Minute) // a session that lasts makes that good
		w.net.Reset(x.host, y.host)
		time.Sleep(time.Second)
		if only[peers.Up](x); x.link(y) == nil {
			t.Error("not connected within a second of the end of a session that lasted")
		}
		w.end()
	})
}
