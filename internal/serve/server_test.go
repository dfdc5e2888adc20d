package serve

import (
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

func TestWaitReturnsWhenNoHandlerRunsAndNoSendWaits(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		open, sends := make(blocker), make(blocker)
		var notes record
		g.handle("wait", open.handle)
		g.handle("hold", sends.handle)
		g.handle("note", notes.handle)
		c := g.open(1)
		c.call("wait", nil)
		c.send("hold", "")
		c.send("note", "1")
		synctest.Wait()
		c.Close(envelope.ReasonShutdown)
		waited := make(chan struct{})
		go func() {
			g.Wait()
			close(waited)
		}()
		for name, end := range map[string]blocker{"call": open, "send": sends} {
			synctest.Wait()
			select {
			case <-waited:
				t.Errorf("Wait returned before the %s had ended", name)
			default:
			}
			close(end)
		}
		<-waited
		if got := notes.all(); len(got) != 1 {
			t.Errorf("handled %q, want what waited", got)
		}
	})
}

func TestDropSendsEndsWhatNothingElseEnds(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		var notes record
		g.handle("wait", waitForEnd)
		g.handle("note", notes.handle)
		for peer := range byte(3) {
			c := g.open(peer)
			c.send("wait", "")
			c.send("note", "1")
			synctest.Wait()
			c.Close(envelope.ReasonShutdown)
		}
		synctest.Wait()
		if n := len(g.peers); n != 3 {
			t.Fatalf("%d peers have sends that run, want 3", n)
		}
		g.DropSends()
		g.Wait()
		if got := notes.all(); len(got) != 0 {
			t.Errorf("handled %q after they were dropped", got)
		}
	})
}

func TestForgettingAPeerLeavesItsSuccessorAlone(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		before := g.open(1)
		before.Close(envelope.ReasonShutdown)
		after := g.open(1)
		if after.peer == before.peer {
			t.Fatal("the peer was not forgotten")
		}
		g.forget(before.peer) // as the last handler of a session that has closed may do late
		if g.peers[after.key] != after.peer {
			t.Error("a peer that is connected was forgotten")
		}
	})
}

func TestPeersAreForgottenOnceNothingIsLeftOfThem(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		g.handle("echo", echo)
		for peer := range byte(100) {
			c := g.open(peer)
			c.call("echo", nil)
			c.send("echo", "")
			synctest.Wait()
			if n := len(g.peers); n != 1 {
				t.Fatalf("%d peers, want the one that is connected", n)
			}
			c.Close(envelope.ReasonShutdown)
			if n := len(g.peers); n != 0 {
				t.Fatalf("%d peers are left", n)
			}
		}
	})
}
