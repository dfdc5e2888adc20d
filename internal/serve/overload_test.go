package serve

import (
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// TestARefusalSaysWhichLimit: each limit has an answer of its own.
func TestARefusalSaysWhichLimit(t *testing.T) {
	const calls, bytes = minReplies, 1000
	for _, c := range []struct {
		name  string
		reply bool // the calls have returned, and their replies wait
		n     int  // calls before
		args  int  // bytes of arguments of each
		want  func(o *overload) *envelope.RemoteError
	}{
		{"calls", false, calls, 0, func(o *overload) *envelope.RemoteError { return o.calls }},
		{"bytes", false, 1, bytes, func(o *overload) *envelope.RemoteError { return o.bytes }},
		{"replies", true, calls, 0, func(o *overload) *envelope.RemoteError { return o.replies }},
		{"bytes of replies", true, 2, bytes, func(o *overload) *envelope.RemoteError { return o.replyBytes }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, limits(calls, bytes), func(t *testing.T, g *rig) {
				g.handle("echo", echo)
				g.handle("wait", waitForEnd)
				p, name := g.open(1), "wait"
				if c.reply {
					p.full, name = make(chan struct{}), "echo"
					defer close(p.full)
				}
				for range c.n {
					p.call(name, make([]byte, c.args))
					synctest.Wait()
				}
				got := p.wantCode(p.call("echo", make([]byte, 1)), envelope.CodeOverloaded)
				if want := c.want(&g.overload); got.refusal != want {
					t.Errorf("%v, want %v", got.refusal, want)
				}
			})
		})
	}
}
