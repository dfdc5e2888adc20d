package session

import (
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// situations are the states of a session, told apart where the same message means something else. A session that is
// over has no actor left that could get a message.
var situations = [...]struct {
	name    string
	state   state
	arrange func(w *world) (*end, *raw)
}{
	{"handshaking", handshaking, func(w *world) (*end, *raw) { return w.connect(w.config(ours, theirs), handshake.Responder) }},
	{"proved", proved, func(w *world) (*end, *raw) { return w.detained(handshake.Responder) }},
	{"open, not up", open, func(w *world) (*end, *raw) {
		e, r := w.connect(w.config(ours, theirs), handshake.Responder)
		r.Handshake()
		r.want(helloOf(e.config))
		return e, r
	}},
	{"open", open, func(w *world) (*end, *raw) { return w.open(handshake.Responder) }},
	{"draining, our bye said", draining, func(w *world) (*end, *raw) {
		e, r := w.open(handshake.Responder)
		e.tell(Close{Reason: envelope.ReasonIdle})
		r.want(aBye(envelope.ReasonIdle))
		return e, r
	}},
	{"draining, both byes said", draining, func(w *world) (*end, *raw) {
		e, r := w.open(handshake.Responder)
		e.served.serve(nil)
		r.say(aCall(9, "slow", nil), aBye(envelope.ReasonIdle))
		r.want(aBye(envelope.ReasonIdle))
		return e, r
	}},
	{"ending", ending, func(w *world) (*end, *raw) {
		e, r := w.open(handshake.Responder)
		e.tell(Close{Reason: envelope.ReasonBusy})
		r.want(aBye(envelope.ReasonBusy))
		return e, r
	}},
}

// What a cell of the table may say besides the new state, the owner's events (+), the frames for the peer (>) and what
// the handlers get (*).
const (
	ignored = ""
	never   = "-" // cannot come: nothing that would post it runs
)

// messages are all that a session can be told, and for each situation what it does about them.
var messages = []struct {
	name  string
	give  func(e *end, r *raw)
	cells [len(situations)]string
}{
	// Commands.
	{"admit", tells(admit{}), [...]string{
		ignored, "open >hello", ignored, ignored, ignored, ignored, ignored}},
	{"Close for a half-close", tells(Close{Reason: envelope.ReasonShutdown}), [...]string{
		"over +ended handshake", "ending >bye shutdown", "draining >bye shutdown", "draining >bye shutdown", ignored, ignored, ignored}},
	{"Close at once", tells(Close{Reason: envelope.ReasonRevoked}), [...]string{
		"over +ended handshake", "ending >bye revoked", "ending >bye revoked", "ending +ending revoked >bye revoked", "ending >bye revoked", "ending >bye revoked", ignored}},
	{"Probe", tells(Probe{Within: time.Minute}), [...]string{
		"handshaking +probed dead", "proved +probed dead", "open >ping", "open >ping", "draining >ping", "draining >ping", "ending +probed dead"}},
	{"Check", tells(Check{}), [...]string{
		ignored, ignored, "open >ping", "open >ping", "draining >ping", "draining >ping", ignored}},

	// From the peer, by way of the reader.
	{"hello", says(aHello()), [...]string{
		never, ignored, "open +greeted +up", ignored, ignored, ignored, ignored}},
	{"ping", says(aPing(5)), [...]string{
		never, ignored, "open +up >pong", "open >pong", "draining >pong", "draining >pong", ignored}},
	{"pong", says(aPong(5)), [...]string{
		never, ignored, "open +up", ignored, ignored, ignored, ignored}},
	{"call", says(aCall(1, "echo", nil)), [...]string{
		never, ignored, "open +up >reply *call", "open >reply *call", "draining >reply *call", "ending >bye protocol", ignored}},
	{"reply to nothing", says(aReply(5, nil)), [...]string{
		never, ignored, "open +up", ignored, ignored, ignored, ignored}},
	{"send", says(aSend("note", nil)), [...]string{
		never, ignored, "open +up *send", "open *send", "draining *send", "ending >bye protocol", ignored}},
	{"cancel", says(aCancel(9)), [...]string{
		never, ignored, "open +up *cancel", "open *cancel", "draining *cancel", "draining *cancel", ignored}},
	{"unknown protocol name", says(aSend("$/later", nil)), [...]string{
		never, ignored, "open +up", ignored, ignored, ignored, ignored}},
	{"bye of a half-close", says(aBye(envelope.ReasonRotated)), [...]string{
		never, ignored, "ending +half-closed rotated >bye rotated", "ending +half-closed rotated >bye rotated", "ending", ignored, ignored}},
	{"bye of an immediate close", says(aBye(envelope.ReasonConflict)), [...]string{
		never, ignored, "over +ended conflict by peer", "over +ended conflict by peer", "over +ended conflict by peer", "over +ended conflict by peer", ignored}},
	{"malformed envelope", says([]byte{0x90}), [...]string{
		never, ignored, "ending >bye protocol", "ending +ending protocol >bye protocol", "ending >bye protocol", "ending >bye protocol", ignored}},

	// From its goroutines.
	{"handshakeDone, with an error", func(_ *end, r *raw) { r.Write([]byte("GET ")) }, [...]string{
		"over +ended handshake", never, never, never, never, never, never}},
	{"violated", tells(violated{errTest}), [...]string{
		never, never, "ending >bye protocol", "ending +ending protocol >bye protocol", "ending >bye protocol", "ending >bye protocol", ignored}},
	{"readEnded", func(_ *end, r *raw) { r.halfClose() }, [...]string{
		"over +ended handshake", ignored, "over +ended lost", "over +ended lost", "over +ended lost", "over +ended idle by peer", "over +ended busy"}},
	{"writeEnded, with an error", breakWrites, [...]string{
		never, never, "open +up", ignored, ignored, ignored, never}}, // for a second: see TestFailedWriteWithoutABye
	{"checkDrained", tells(checkDrained{}), [...]string{
		never, never, ignored, ignored, ignored, ignored, ignored}},
	{"Probed", tells(Probed{Alive: true}), [...]string{
		never, never, "open +probed alive", "open +probed alive", "draining +probed alive", "draining +probed alive", "ending +probed alive"}},

	// From its timers.
	{"upDeadline", tells(upDeadline{}), [...]string{
		"over +ended handshake", "ending >bye unresponsive", "ending >bye unresponsive", ignored, ignored, ignored, ignored}},
	{"livenessDue", ticks, [...]string{
		never, never, never, "open >ping", "draining >ping", "draining >ping", ignored}},
	{"lingerOver", lingers, [...]string{
		never, never, "over +ended lost", "over +ended lost", "ending", "ending", "over +ended busy"}},
}

func tells(m any) func(*end, *raw) {
	return func(e *end, _ *raw) {
		if a, ok := m.(admit); ok {
			a.owner = e.owner
			m = a
		}
		e.tell(m)
	}
}

func says(plain []byte) func(*end, *raw) {
	return func(_ *end, r *raw) {
		if r.Send == nil {
			return
		}
		r.say(plain)
	}
}

// breakWrites makes the session's next write fail, and has it write.
func breakWrites(e *end, r *raw) {
	_ = e.link.conn.(interface{ CloseWrite() error }).CloseWrite()
	r.say(aPing(5))
}

// lingers tells the session that its time is over. If it is ending, its last word was taken a moment ago, and the time passes.
func lingers(e *end, _ *raw) {
	is := handshaking
	e.look(func(s *session) { is = s.state })
	e.tell(lingerOver{})
	if is == ending {
		time.Sleep(lingerAfterBye)
	}
}

// ticks lets the time pass after which a session looks whether its peer is alive. One that is ending would be over by then.
func ticks(e *end, _ *raw) {
	is := handshaking
	e.look(func(s *session) { is = s.state })
	if is == ending {
		e.tell(livenessDue{})
		return
	}
	time.Sleep(e.config.PingAfter)
}

// TestEveryMessageInEveryState holds the table.
func TestEveryMessageInEveryState(t *testing.T) {
	for i, situation := range situations {
		for _, m := range messages {
			want := m.cells[i]
			if want == never {
				continue
			}
			if want == ignored {
				want = situation.state.String()
			}
			t.Run(situation.name+"/"+m.name, func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) {
					e, r := situation.arrange(w)
					e.alive(situation.state)
					before, handled := len(e.heard()), e.served.handled()
					m.give(e, r)
					synctest.Wait()
					if got := e.cellFor(r, before, handled); got != want {
						t.Errorf("%s, want %s", got, want)
					}
				})
			})
		}
	}
}

// handled names what was handed to the handlers so far.
func (s *stub) handled() string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Repeat(" *call", len(s.calls)) + strings.Repeat(" *send", len(s.sends)) + strings.Repeat(" *cancel", len(s.cancels))
}

// cellFor returns what the cell of the table should say.
func (e *end) cellFor(r *raw, events int, handled string) string {
	e.Helper()
	all := e.heard()
	text := "over"
	if len(all) == 0 || !strings.HasPrefix(kinds(all)[len(all)-1], "ended") {
		e.look(func(s *session) { text = s.state.String() })
	}
	for _, k := range kinds(all)[events:] {
		text += " +" + k
	}
	for _, k := range r.available() {
		text += " >" + k
	}
	return text + strings.Replace(e.served.handled(), handled, "", 1)
}

// available names the frames that have come.
func (r *raw) available() (names []string) {
	r.Helper()
	if r.Recv == nil {
		return nil
	}
	_ = r.Conn.SetReadDeadline(time.Now().Add(1))
	for {
		plain, err := r.Next()
		if err != nil {
			if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
				_ = r.Conn.SetReadDeadline(time.Time{})
			}
			return names
		}
		var e envelope.Envelope
		if err := envelope.Msgpack.Parse(plain, &e); err != nil {
			r.Fatal(err)
		}
		name := e.Kind.String()
		if e.Kind == envelope.KindSend {
			name = strings.TrimPrefix(string(e.Name), "$/")
		}
		if string(e.Name) == envelope.NameBye {
			b, err := envelope.ParseBye(e.Args)
			if err != nil {
				r.Fatal(err)
			}
			name += " " + string(b.Code)
		}
		names = append(names, name)
	}
}
