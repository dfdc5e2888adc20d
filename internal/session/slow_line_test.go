package session

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// slowLine is a line of 50 Mbit/s, in bytes a second.
const slowLine = 50_000_000 / 8

// limitsUnsent lets the connections of memnet hold as little as the system would.
func limitsUnsent(c *Config) {
	c.LimitUnsent = func(conn net.Conn, n int) { conn.(*memnet.Conn).SetUnsentLimit(n) }
}

// TestLargeCallsDoNotHoldUpSmallOnes has four callers of 1 MB that never pause, on a line of 50 Mbit/s that delays nothing else,
// and measures a small call and a ping beside them, in virtual time. One direction is full if the answers are small. If they are as
// large, both are as full as callers make them that wait for their answers.
func TestLargeCallsDoNotHoldUpSmallOnes(t *testing.T) {
	const callers, size = 4, 1_000_000
	looks := 200
	if raceEnabled {
		looks = 40 // a megabyte takes its time there
	}
	for name, isEcho := range map[string]bool{"small answers": false, "large answers": true} {
		t.Run(name, func(t *testing.T) {
			if raceEnabled && !isEcho {
				t.Skip("the race detector sees both directions with large answers")
			}
			bubble(t, func(t *testing.T, w *world) {
				a, b := w.both(limitsUnsent)
				b.served.serve(func(s *stub, m envelope.Envelope) {
					if isEcho || len(m.Args) < 1000 {
						echo(s, m)
					} else {
						s.reply(m.ID, nil, nil)
					}
				})
				w.network.SetRate(slowLine)
				stop := make(chan struct{})
				var large atomic.Int64
				var join sync.WaitGroup
				for range callers {
					join.Go(func() {
						for args := make([]byte, size); ; {
							if _, err := a.link.Call(t.Context(), "large", "", args); err != nil {
								t.Error(err)
								return
							}
							large.Add(1)
							select {
							case <-stop:
								return
							default:
							}
						}
					})
				}
				time.Sleep(time.Second)
				start, before := time.Now(), large.Load()
				var calls, pings []time.Duration
				for i := range looks {
					begun := time.Now()
					if _, err := a.link.Call(t.Context(), "small", "", "answer"); err != nil {
						t.Fatal(err)
					}
					calls = append(calls, time.Since(begun))
					begun = time.Now()
					if _, err := a.link.Ping(t.Context()); err != nil {
						t.Fatal(err)
					}
					pings = append(pings, time.Since(begun))
					time.Sleep(time.Duration(i%13) * time.Millisecond)
				}
				used := float64(large.Load()-before) * size / time.Since(start).Seconds() / slowLine
				close(stop)
				join.Wait()
				wantQuick(t, "a small call", calls, 6*time.Millisecond, 15*time.Millisecond)
				wantQuick(t, "a ping", pings, 6*time.Millisecond, 15*time.Millisecond)
				t.Logf("large calls fill %.2f of the line", used)
				if !isEcho && !raceEnabled && used < 0.9 { // of few looks it says little
					t.Errorf("large calls fill %.2f of the line, want 0.9", used)
				}
			})
		})
	}
}

// TestStreamsDoNotHoldUpSmallCalls is the same beside four streams that are always full.
func TestStreamsDoNotHoldUpSmallCalls(t *testing.T) {
	const streams, size = 4, 30_000
	looks := 200
	if raceEnabled {
		looks = 40
	}
	bubble(t, func(t *testing.T, w *world) {
		near, far := w.pipe()
		ca, cb := w.config(ours, theirs), w.config(theirs, ours)
		taken := make(chan *Stream, streams)
		for _, c := range []*Config{ca, cb} {
			limitsUnsent(c)
			w.streaming(taken)(c)
		}
		b := w.spawn(cb, far, handshake.Responder, false)
		a := w.spawn(ca, near, handshake.Initiator, false)
		a.alive(open)
		b.alive(open)
		w.network.SetRate(slowLine)
		ctx, cancel := context.WithCancel(t.Context())
		var moved atomic.Int64
		var join sync.WaitGroup
		for range streams {
			s, err := a.link.OpenStream(ctx, StreamCall{Name: "take", Window: testWindow})
			if err != nil {
				t.Fatal(err)
			}
			theirs := <-taken
			join.Go(func() {
				for {
					v, err := theirs.Recv(ctx)
					if err != nil {
						return
					}
					moved.Add(int64(len(v)))
				}
			})
			join.Go(func() {
				for args := make([]byte, min(size, MostBinary(s.Takes()))); s.Send(ctx, args) == nil; {
				}
			})
		}
		time.Sleep(time.Second)
		start, before := time.Now(), moved.Load()
		var calls, pings []time.Duration
		for i := range looks {
			begun := time.Now()
			if _, err := a.link.Call(t.Context(), "plain", "", "answer"); err != nil {
				t.Fatal(err)
			}
			calls = append(calls, time.Since(begun))
			begun = time.Now()
			if _, err := a.link.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			pings = append(pings, time.Since(begun))
			time.Sleep(time.Duration(i%13) * time.Millisecond)
		}
		used := float64(moved.Load()-before) / time.Since(start).Seconds() / slowLine
		cancel()
		join.Wait()
		wantQuick(t, "a small call", calls, 6*time.Millisecond, 15*time.Millisecond)
		wantQuick(t, "a ping", pings, 6*time.Millisecond, 15*time.Millisecond)
		if t.Logf("streams fill %.2f of the line", used); !raceEnabled && used < 0.9 {
			t.Errorf("streams fill %.2f of the line, want 0.9", used)
		}
	})
}

// wantQuick fails if the middle of times is above median, or the worst of a hundred above worst.
func wantQuick(t *testing.T, what string, times []time.Duration, median, worst time.Duration) {
	t.Helper()
	slices.Sort(times)
	p50, p99 := times[len(times)/2], times[len(times)*99/100]
	text := fmt.Sprintf("%s: p50 %v, p99 %v, at most %v", what, p50, p99, times[len(times)-1])
	t.Log(text)
	if p50 > median || p99 > worst {
		t.Errorf("%s; want p50 of at most %v, p99 of at most %v", text, median, worst)
	}
}
