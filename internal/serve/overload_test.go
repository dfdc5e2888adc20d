package serve

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// TestARefusalSaysWhichLimit: each limit has an answer of its own.
func TestARefusalSaysWhichLimit(t *testing.T) {
	const most, bytes = minReplies, 1000 // of calls, and of streams
	plain, stream := envelope.Options{}, envelope.Options{IsStream: true}
	for _, c := range []struct {
		name  string
		as    envelope.Options
		reply bool // the calls have returned, and their replies wait
		n     int  // calls before
		args  int  // bytes of arguments of each
		want  func(o *overload) *envelope.RemoteError
	}{
		{"calls", plain, false, most, 0, func(o *overload) *envelope.RemoteError { return o.calls }},
		{"bytes", plain, false, 1, bytes, func(o *overload) *envelope.RemoteError { return o.bytes }},
		{"replies", plain, true, most, 0, func(o *overload) *envelope.RemoteError { return o.replies }},
		{"bytes of replies", plain, true, 2, bytes, func(o *overload) *envelope.RemoteError { return o.replyBytes }},
		{"streams", stream, false, most, 0, func(o *overload) *envelope.RemoteError { return o.streams }},
		{"bytes of streams", stream, false, 1, bytes, func(o *overload) *envelope.RemoteError { return o.reserved }},
		{"replies of streams", stream, true, most, 0, func(o *overload) *envelope.RemoteError { return o.streamReplies }},
		{"bytes of replies of streams", stream, true, 1, bytes, func(o *overload) *envelope.RemoteError { return o.reserved }},
	} {
		t.Run(c.name, func(t *testing.T) {
			change := func(g *Config) { g.Calls, g.CallBytes, g.Streams, g.StreamBytes = most, bytes, most, bytes }
			bubble(t, change, func(t *testing.T, g *rig) {
				g.handle("echo", echo)
				g.handle("wait", waitForEnd)
				p, name := g.open(1), "wait"
				full := make(chan struct{})
				release := sync.OnceFunc(func() { close(full) })
				defer release()
				if c.reply {
					p.full, name = full, "echo"
				}
				for range c.n {
					p.call(name, make([]byte, c.args), c.as)
					synctest.Wait()
				}
				got := p.wantCode(p.call("echo", make([]byte, 1), c.as), envelope.CodeOverloaded)
				if want := c.want(&g.overload); got.refusal != want {
					t.Errorf("%v, want %v", got.refusal, want)
				}
				if !c.reply {
					return
				}
				// What streams fill leaves calls alone, and the other way round.
				other := plain
				if !c.as.IsStream {
					other = stream
				}
				id := p.call("echo", make([]byte, 1), other)
				if a := p.answered(); len(a) != 0 {
					t.Errorf("the other kind is refused: %v", a[0].refusal)
				}
				release()
				if !slices.ContainsFunc(p.answered(), func(a answer) bool { return a.id == id && a.refusal == nil }) {
					t.Error("the other kind is not answered")
				}
			})
		})
	}
}
