package serve

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

func TestSendsAreHandledInOrderOneAtATime(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		var running, most atomic.Int64
		var notes record
		g.handle("note", func(ctx context.Context, r *Request) (any, error) {
			most.Store(max(most.Load(), running.Add(1)))
			runtime.Gosched()
			defer running.Add(-1)
			return notes.handle(ctx, r)
		})
		c := g.open(1)
		var want []string
		for i := range 500 {
			want = append(want, strconv.Itoa(i))
			c.send("note", want[i])
			if i%50 == 0 {
				synctest.Wait()
			}
		}
		if got := notes.all(); !slices.Equal(got, want) {
			t.Errorf("handled %q", got)
		}
		if n := most.Load(); n != 1 {
			t.Errorf("%d at a time", n)
		}
		if a := c.answered(); len(a) != 0 {
			t.Errorf("a send was answered: %+v", a)
		}
	})
}

func TestSendsOfOnePeerDelayNobodyElse(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		open := make(blocker)
		var notes record
		g.handle("wait", open.handle)
		g.handle("note", notes.handle)
		g.handle("echo", echo)
		c, other := g.open(1), g.open(2)
		c.send("wait", "")
		c.send("note", "behind it")
		other.send("note", "another peer's")
		if got := notes.all(); !slices.Equal(got, []string{"another peer's"}) {
			t.Errorf("handled %q", got)
		}
		c.wantCode(c.call("echo", nil), "")
		close(open)
		if got := notes.all(); len(got) != 2 {
			t.Errorf("handled %q", got)
		}
	})
}

func TestSendThatFailsDoesNotStopTheQueue(t *testing.T) {
	bubble(t, func(c *Config) { c.Sends = 2 }, func(t *testing.T, g *rig) {
		var notes record
		g.handle("note", notes.handle)
		g.handle("error", func(context.Context, *Request) (any, error) { return nil, errHandler })
		g.handle("panic", explode)
		g.handle("exit", func(context.Context, *Request) (any, error) { runtime.Goexit(); return nil, nil })
		if err := g.Add(&Registration{Name: "secret", Handler: echo, Allow: allow(false)}); err != nil {
			t.Fatal(err)
		}
		c := g.open(1)
		for range 3 { // if one of them kept its room, there would be none left
			for _, name := range []string{"error", "panic", "exit", "secret", "nobody"} {
				c.send(name, "")
				c.send("note", name)
				synctest.Wait()
			}
		}
		if got := notes.all(); len(got) != 15 || g.count(counters.SendsDropped) != 0 {
			t.Errorf("handled %q, dropped %d", got, g.count(counters.SendsDropped))
		}
		if n := len(g.log.Lines("handler panicked")); n != 6 {
			t.Errorf("%d incidents are logged, want 6", n)
		}
		if a := c.answered(); len(a) != 0 {
			t.Errorf("a send was answered: %+v", a)
		}
	})
}

func TestSendsAreBoundedPerPeerNotPerSession(t *testing.T) {
	for name, test := range map[string]struct {
		sends, bytes int
		args         []string // of sends to a handler that does not return
		want         int      // of them have room
	}{
		"number":                {3, 1000, []string{"", "", "", "", ""}, 3},
		"bytes":                 {100, 10, []string{"1234", "123456", "1", "", "1"}, 3}, // the empty one needs none
		"one larger than all":   {100, 10, []string{"12345678901", "1234567890", "1"}, 1},
		"smaller ones still go": {100, 10, []string{"1234567", "1234567", "123"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(c *Config) { c.Sends, c.SendBytes = test.sends, test.bytes }, func(t *testing.T, g *rig) {
				open := make(blocker)
				var handled atomic.Int64
				g.handle("wait", func(ctx context.Context, r *Request) (any, error) {
					defer handled.Add(1)
					return open.handle(ctx, r)
				})
				sessions := []*caller{g.open(1), g.open(1)}
				other := g.open(2)
				time.Sleep(deferSends)
				for i, args := range test.args {
					sessions[i%2].send("wait", args)
					synctest.Wait()
				}
				if got, want := g.count(counters.SendsDropped), len(test.args)-test.want; got != uint64(want) {
					t.Errorf("dropped %d, want %d", got, want)
				}
				other.send("wait", "") // has room of its own
				close(open)
				synctest.Wait()
				if got, want := handled.Load(), test.want+1; got != int64(want) {
					t.Errorf("handled %d, want %d", got, want)
				}
				sessions[0].send("wait", strings.Repeat("x", min(test.bytes, 10)))
				synctest.Wait()
				if got, want := handled.Load(), test.want+2; got != int64(want) {
					t.Errorf("handled %d, want %d: the room has not come back", got, want)
				}
			})
		})
	}
}

func TestDropsAreLoggedOnceAMinute(t *testing.T) {
	bubble(t, func(c *Config) { c.Sends = 1 }, func(t *testing.T, g *rig) {
		open := make(blocker)
		g.handle("wait", open.handle)
		c := g.open(1)
		logged := func() []string { return g.log.Lines("level=WARN") }
		c.send("wait", "")
		for range 10 {
			c.send("wait", "")
		}
		if lines := logged(); len(lines) != 1 || !strings.Contains(lines[0], "dropped=1 limit=Limits.SendsPerPeer value=1\n") {
			t.Errorf("logged %q, want the first one", lines)
		}
		time.Sleep(time.Minute - time.Nanosecond)
		c.send("wait", "")
		if lines := logged(); len(lines) != 1 {
			t.Errorf("logged %q within a minute", lines)
		}
		time.Sleep(time.Nanosecond)
		c.send("wait", "")
		if lines := logged(); len(lines) != 2 || !strings.Contains(lines[1], "dropped=11 ") {
			t.Errorf("logged %q, want a second line with those since", lines)
		}
		if g.count(counters.SendsDropped) != 12 {
			t.Errorf("dropped %d, want 12", g.count(counters.SendsDropped))
		}
		close(open)
	})
}

// TestLinesAboutDropsAddUp: when no drop follows, and when the peer leaves.
func TestLinesAboutDropsAddUp(t *testing.T) {
	for name, wait := range map[string]time.Duration{"the flood is over": 2 * time.Minute, "the peer leaves at once": 0} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(c *Config) { c.Sends = 1 }, func(t *testing.T, g *rig) {
				open := make(blocker)
				g.handle("wait", open.handle)
				c := g.open(1)
				for range 1 + 18969 {
					c.send("wait", "")
				}
				time.Sleep(wait)
				if wait == 0 {
					close(open)
					c.Close(envelope.ReasonShutdown)
					synctest.Wait()
				} else {
					defer close(open)
				}
				lines := g.log.Lines("level=WARN")
				if len(lines) != 2 || !strings.Contains(lines[0], "dropped=1 ") || !strings.Contains(lines[1], "dropped=18968\n") {
					t.Errorf("logged %q, want 1 drop and then 18968", lines)
				}
			})
		})
	}
}

// TestOrderAcrossSessions plays scripts. "open A" opens a session of the peer; "A 1" sends 1 over it; "bye A" is the
// peer's bye; "end A" is its end, "revoke A" its end with what it brought discarded; "wait D" lets time pass;
// "= 1 2" checks all that was handled so far.
func TestOrderAcrossSessions(t *testing.T) {
	for name, script := range map[string]string{
		"one session":                "open A; A 1; = 1; A 2; bye A; = 1 2",
		"one after another":          "open A; A 1; end A; open B; B 2; = 1 2",
		"older half-closed first":    "open A; open B; A 1; B 2; A 3; B 4; =; bye A; = 1 3 2 4; B 5; = 1 3 2 4 5",
		"newer half-closed first":    "open A; open B; A 1; B 2; A 3; B 4; =; bye B; = 2 4 1 3; A 5; = 2 4 1 3 5",
		"older ends first":           "open A; open B; A 1; B 2; A 3; B 4; =; end A; = 1 3 2 4; B 5; = 1 3 2 4 5",
		"newer ends first":           "open A; open B; A 1; B 2; A 3; B 4; =; end B; = 2 4 1 3",
		"half-closed, then ended":    "open A; open B; A 1; B 2; bye B; = 2 1; end B; = 2 1; A 3; = 2 1 3",
		"half-closed twice":          "open A; open B; open C; A 1; bye A; bye A; B 2; C 3; = 1; bye B; = 1 2 3",
		"neither half-closed":        "open A; open B; B 1; A 2; B 3; A 4; wait 1.999999999s; =; wait 1ns; = 1 2 3 4; A 5; B 6; = 1 2 3 4 5 6",
		"half-closed after the wait": "open A; open B; B 1; A 2; wait 2s; = 1 2; A 3; B 4; A 5; bye B; = 1 2 3 4 5",
		"nothing comes":              "open A; open B; wait 2s; A 1; B 2; = 1 2",
		"the second is too new":      "open A; A 1; = 1; open B; A 2; B 3; = 1; bye A; = 1 2 3",
		"only one has sends":         "open A; open B; B 1; =; bye A; = 1",
		"revoked":                    "open A; open B; A 1; B 2; A 3; B 4; revoke A; = 2 4",
		"both revoked":               "open A; open B; A 1; B 2; revoke B; revoke A; = 1",
		"half-closed, then revoked":  "open A; open B; A 1; B 2; bye B; = 2 1; revoke B; = 2 1",
		"third session":              "open A; open B; A 1; wait 1s; open C; C 2; wait 1s; =; wait 1s; = 1 2",
		"third, after a seal":        "open A; open B; A 1; B 2; bye A; = 1 2; open C; C 3; B 4; = 1 2; bye B; = 1 2 4 3",
		"deferred, then nobody":      "open A; open B; A 1; B 2; end A; end B; = 1 2",
		"deferred, then come back":   "open A; open B; A 1; B 2; end B; end A; open C; C 3; = 2 1 3",
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, g *rig) { play(t, g, script) })
		})
	}
}

// A lateClock is one whose timers cannot be stopped any more when one tries.
type lateClock struct{ clock.Clock }

func (c lateClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.Clock.AfterFunc(d, f)
	return func() bool { return false }
}

func TestTimerOfAnEarlierHoldDoesNotEndALaterOne(t *testing.T) {
	for _, script := range []string{
		"open A; open B; A 1; wait 1s; open C; C 2; wait 1s; =; wait 1s; = 1 2",
		"open A; open B; end B; A 1; = 1; wait 1s; open C; A 2; C 3; wait 1s; = 1; bye C; = 1 3 2; wait 1s",
	} {
		bubble(t, func(c *Config) { c.Clock = lateClock{c.Clock} }, func(t *testing.T, g *rig) {
			play(t, g, script)
			time.Sleep(deferSends)
		})
	}
}

func play(t *testing.T, g *rig, script string) {
	var notes record
	g.handle("note", notes.handle)
	sessions := make(map[string]*caller)
	for step := range strings.SplitSeq(script, "; ") {
		synctest.Wait()
		word, rest, _ := strings.Cut(step, " ")
		switch word {
		case "open":
			sessions[rest] = g.open(1)
		case "bye":
			sessions[rest].EndRequests()
		case "end":
			sessions[rest].Close(envelope.ReasonShutdown)
		case "revoke":
			sessions[rest].Close(envelope.ReasonRevoked)
		case "wait":
			d, err := time.ParseDuration(rest)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(d)
		case "=":
			if got := notes.all(); !slices.Equal(got, strings.Fields(rest)) {
				t.Fatalf("handled %q, want %q", got, rest)
			}
		default:
			sessions[word].send("note", rest)
		}
	}
}

// TestOrderHoldsThoughTheFirstHandlerIsSlow half-closes both sessions while their sends still wait for their turn.
func TestOrderHoldsThoughTheFirstHandlerIsSlow(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		open := make(blocker)
		var notes record
		g.handle("wait", open.handle)
		g.handle("note", notes.handle)
		a := g.open(1)
		a.send("wait", "")
		a.send("note", "1")
		b := g.open(1)
		a.send("note", "4")
		b.send("note", "2")
		b.send("note", "3")
		b.EndRequests()
		a.send("note", "5")
		a.Close(envelope.ReasonShutdown)
		b.Close(envelope.ReasonShutdown)
		c := g.open(1) // the peer comes back before its sends are handled
		c.send("note", "6")
		if got := notes.all(); len(got) != 0 {
			t.Fatalf("handled %q while another send runs", got)
		}
		close(open)
		if got, want := notes.all(), []string{"1", "2", "3", "4", "5", "6"}; !slices.Equal(got, want) {
			t.Errorf("handled %q, want %q", got, want)
		}
	})
}

// TestSendersOrderIsKept lets a sender move from one session to another, as wire.md §7.4 demands, while the network
// delivers what is in both in any order.
func TestSendersOrderIsKept(t *testing.T) {
	for seed := range uint64(200) {
		bubble(t, nil, func(t *testing.T, g *rig) {
			random := rand.New(rand.NewPCG(seed, 0))
			var notes record
			g.handle("note", notes.handle)
			streams := [][]string{{}, {}} // in the order in which the sender uses them
			n := random.IntN(20)
			var want []string
			for i := range n {
				want = append(want, strconv.Itoa(i))
			}
			cut := random.IntN(n + 1)
			streams[0] = append(slices.Clone(want[:cut]), "bye")
			streams[1] = slices.Clone(want[cut:])
			sessions := make([]*caller, 2)
			first := random.IntN(2) // the two ends may disagree about which is the newer
			sessions[first] = g.open(1)
			sessions[1-first] = g.open(1)
			for len(streams[0])+len(streams[1]) > 0 {
				i := random.IntN(2)
				if len(streams[i]) == 0 {
					continue
				}
				if streams[i][0] == "bye" {
					if random.IntN(2) == 0 {
						sessions[i].EndRequests()
					} else {
						sessions[i].Close(envelope.ReasonShutdown)
					}
				} else {
					sessions[i].send("note", streams[i][0])
				}
				streams[i] = streams[i][1:]
				time.Sleep(time.Duration(random.IntN(int(deferSends) / 21))) // all within the time that sends are deferred
			}
			if got := notes.all(); !slices.Equal(got, want) {
				t.Errorf("seed %d: handled %q", seed, got)
			}
		})
	}
}

func TestHeldSendsTakeRoomLikeAnyOthers(t *testing.T) {
	bubble(t, func(c *Config) { c.Sends = 3 }, func(t *testing.T, g *rig) {
		var notes record
		g.handle("note", notes.handle)
		a, b := g.open(1), g.open(1)
		for i := range 3 {
			a.send("note", fmt.Sprint("a", i))
			b.send("note", fmt.Sprint("b", i))
		}
		if got := notes.all(); len(got) != 0 || g.count(counters.SendsDropped) != 3 {
			t.Errorf("handled %q, dropped %d, want 3", got, g.count(counters.SendsDropped))
		}
		b.Close(envelope.ReasonRevoked) // gives its room back
		a.send("note", "last")
		if got, want := notes.all(), []string{"a0", "a1", "last"}; !slices.Equal(got, want) {
			t.Errorf("handled %q, want %q", got, want)
		}
	})
}

func TestSendThatRunsIsCancelledWhenItsSessionIsDiscarded(t *testing.T) {
	for name, discard := range map[string]bool{"ended": false, "discarded": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, g *rig) {
				var ended atomic.Bool
				reason := envelope.ReasonShutdown
				if discard {
					reason = envelope.ReasonRevoked
				}
				var notes record
				stop := make(chan struct{})
				g.handle("wait", func(ctx context.Context, _ *Request) (any, error) {
					select {
					case <-ctx.Done():
						ended.Store(true)
					case <-stop:
					}
					return nil, nil
				})
				g.handle("note", notes.handle)
				a, b := g.open(1), g.open(1)
				time.Sleep(deferSends)
				a.send("wait", "")
				a.send("note", "a")
				b.send("note", "b")
				synctest.Wait()
				b.Close(reason) // not what runs
				synctest.Wait()
				if ended.Load() {
					t.Fatal("cancelled with another session")
				}
				a.Close(reason)
				synctest.Wait()
				if ended.Load() != discard {
					t.Errorf("cancelled: %v, want %v", ended.Load(), discard)
				}
				close(stop)
				if got := notes.all(); (len(got) == 0) != discard {
					t.Errorf("handled %q", got)
				}
			})
		})
	}
}
