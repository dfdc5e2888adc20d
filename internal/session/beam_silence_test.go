package session

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// silent starts a session with a BEAM node that is up, and hears nothing more. It returns when it came up.
func (w *world) silent(c *Config) (*end, *script, time.Time) {
	w.Helper()
	e, r := w.beam(c, handshake.Responder)
	r.want(beamPing(1))
	r.say(beamPong(1))
	return e, r, time.Now()
}

// callFor begins a call that is given up after d; 0: never.
func (e *end) callFor(d time.Duration, args any) {
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if d > 0 {
		ctx, cancel = context.WithTimeout(ctx, d)
	}
	go func() {
		defer cancel()
		_, _ = e.link.Call(ctx, "slow", "", args)
	}()
}

// TestASilentBEAMNodeIsGivenUp, whatever the program asks of it meanwhile. Calls that began before the first ping without a pong
// put that off: each for as long as its caller waits, and all together for ten minutes.
func TestASilentBEAMNodeIsGivenUp(t *testing.T) {
	for _, c := range []struct {
		name        string
		call        func(e *end)
		least, most time.Duration
	}{
		{"nothing is asked", func(*end) {}, 25 * time.Second, 25 * time.Second},
		{"one call a second, each for 20 s", func(e *end) {
			for range 100 {
				e.callFor(20*time.Second, nil)
				time.Sleep(time.Second)
			}
		}, 40 * time.Second, 45 * time.Second},
		{"one call without a limit", func(e *end) { e.callFor(0, nil) }, maxExcused, maxExcused + 15*time.Second},
		{"a call without a limit every minute", func(e *end) {
			for range 20 {
				e.callFor(0, nil)
				time.Sleep(time.Minute)
			}
		}, maxExcused, maxExcused + 15*time.Second},
		{"one that begins during the silence", func(e *end) {
			time.Sleep(16 * time.Second)
			e.callFor(0, nil)
		}, 25 * time.Second, 25 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r, start := w.silent(w.beamConfig())
				go c.call(e)
				for {
					if _, err := r.Read(); err != nil {
						break
					}
				}
				if took := time.Since(start); took < c.least || took > c.most {
					t.Errorf("given up after %v, want %v to %v", took, c.least, c.most)
				}
				_ = r.Conn.Close()
				if end := e.ended(); end.Reason != envelope.ReasonUnresponsive {
					t.Errorf("ended: %+v", end)
				}
				time.Sleep(time.Hour) // for the calls to come
			})
		})
	}
}

// TestAWriteToABusyBEAMNodeMayStall: it takes nothing while a handler runs, for longer than WriteStall, and goes on then.
func TestAWriteToABusyBEAMNodeMayStall(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var allowed net.Conn
		config := w.beamConfig()
		config.AllowStall = func(c net.Conn) { allowed = c }
		e, r, _ := w.silent(config)
		if allowed != e.link.conn {
			t.Error("the system may still end the connection")
		}
		for range 5 {
			e.callFor(2*time.Minute, make([]byte, 300_000)) // more than the connection takes
		}
		time.Sleep(100 * time.Second)
		e.alive(open)
		for id := byte(1); id <= 5; {
			b, err := r.Read()
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > 300_000 {
				r.say("836803" + "77057265706c79" + "61" + string("0123456789"[id/10]) + string("0123456789"[id%10]) + "6802" + "77026f6b" + "6a")
				id++
			}
		}
		e.alive(open)
		if n := e.link.InFlight(); n != 0 {
			t.Errorf("%d calls have no answer", n)
		}
	})
}

// TestNativeConnectionsMayNotStall: the system goes on to end those.
func TestNativeConnectionsMayNotStall(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.open(handshake.Responder, func(c *Config) { c.AllowStall = func(net.Conn) { t.Error("the option is cleared") } })
	})
}

// TestALargeCallToABEAMNodeIsTakenBack if it is given up before it leaves: it was not sent. Small ones, and those that have left,
// may have been carried out.
func TestALargeCallToABEAMNodeIsTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r, _ := w.silent(w.beamConfig())
		ctx, cancel := context.WithCancel(t.Context())
		left := e.goCall(ctx, "x", make([]byte, 300_000)) // fills the connection
		queued := e.goCall(ctx, "x", make([]byte, 300_000))
		small := e.goCall(ctx, "x", nil)
		cancel()
		for c, want := range map[*calling]bool{left: true, queued: false, small: true} {
			if err, ok := c.wait(t).(*AbandonedError); !ok || err.Sent != want {
				t.Errorf("%+v, want Sent %v", c.err, want)
			}
		}
		large := 0
		for {
			b, err := r.Read()
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > 300_000 {
				large++
			} else if len(b) < 40 && b[2] == 4 { // the small call, behind both
				break
			}
		}
		if large != 1 {
			t.Errorf("%d large calls have left", large)
		}
	})
}

// TestASuspectNameIsNotSent: a send by a name whose calls have closed two sessions fails as a call does.
func TestASuspectNameIsNotSent(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r, _ := w.silent(w.beamConfig())
		names := e.config.Dialects.Names(theirs.PublicKey())
		names.Suspect("1", "unknown")
		names.Suspect("2", "unknown")
		if err := e.link.Send(t.Context(), "unknown", nil); !errors.Is(err, ErrMaybeNoHandler) || Unsent(err) {
			t.Error(err)
		}
		if err := e.link.Send(t.Context(), "x", nil); err != nil {
			t.Error(err)
		}
		r.want("836803" + "770473656e64" + "770178" + "77036e696c")
	})
}

// TestSendsBeforeACloseAreSuspect: no answer tells whether the peer knows a name that is only sent by, so the end of the session
// shortly after a send counts against its name.
func TestSendsBeforeACloseAreSuspect(t *testing.T) {
	for _, c := range []struct {
		name      string
		after     time.Duration
		isSuspect bool
	}{
		{"at once", 0, true},
		{"long after", sendMayClose + 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r, _ := w.silent(w.beamConfig())
				names := e.config.Dialects.Names(theirs.PublicKey())
				names.Suspect("an earlier one", "x")
				for _, name := range []string{"y", "x"} {
					if err := e.link.Send(t.Context(), name, nil); err != nil {
						t.Fatal(err)
					}
					_, _ = r.Read()
				}
				time.Sleep(c.after)
				_ = r.Conn.Close()
				e.ended()
				if got := names.IsSuspect("x"); got != c.isSuspect {
					t.Errorf("x is suspect: %v", got)
				}
				if names.IsSuspect("y") {
					t.Error("y is suspect after one session")
				}
			})
		})
	}
}

// TestNamesOfSendsAreBounded: the latest are kept, each once.
func TestNamesOfSendsAreBounded(t *testing.T) {
	var n sentNames
	at := time.Unix(0, 0)
	for i := range 3 * maxSentNames {
		n.record(strconv.Itoa(i), at)
	}
	n.record(strconv.Itoa(2*maxSentNames), at)
	if len(n.list) != maxSentNames || n.list[0].name != strconv.Itoa(2*maxSentNames+1) || n.list[maxSentNames-1].name != strconv.Itoa(2*maxSentNames) {
		t.Errorf("%d names are kept, %s to %s", len(n.list), n.list[0].name, n.list[len(n.list)-1].name)
	}
}
