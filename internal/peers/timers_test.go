package peers

import (
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

// TestConnectedPeerHasOneTimer dials an address that was sighted, and lets a session come up: the timers of the round and of the
// place are of no use any more.
func TestConnectedPeerHasOneTimer(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		c := &kit.CountingClock{Clock: clock.System}
		r.look(func(p *peer) { p.Config.Clock = c })
		r.tell(sighted(x))
		if n := c.Waiting(); n < 2 {
			t.Errorf("%d timers while an address is dialled: the test shows nothing", n)
		}
		r.won(x, "a").shake().says(aHello(1))
		if got := r.state(); got != "connected a" {
			t.Fatal(got)
		}
		if n := c.Waiting(); n != 1 { // for what is due next of the session
			t.Errorf("%d timers wait, want 1", n)
		}
	})
}
