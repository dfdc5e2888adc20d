package peertest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// TestRestartedNodeIsTheSameToItsPeers: its key, address, handlers and trust are as before, and its peers come back.
func TestRestartedNodeIsTheSameToItsPeers(t *testing.T) {
	for _, c := range []struct {
		name   string
		reason string // of the end that alice hears of
		end    func(n *peertest.Node)
	}{
		{"stopped by Restart", "shutdown", nil},
		{"stopped before", "shutdown", func(n *peertest.Node) { n.Stop() }},
		{"crashed", "unresponsive", func(n *peertest.Node) { n.Crash() }},
		{"shut down by the program", "shutdown", func(n *peertest.Node) { _ = n.Shutdown(context.Background()) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, net *peertest.Network) {
				alice, bob := couple(net)
				before, key, addr := bob.Node, bob.PublicKey(), bob.Addr()
				net.Meet(alice, bob)
				if c.end != nil {
					c.end(bob)
					alice.AwaitDisconnected(bob)
				}
				bob.Restart()
				if bob.Node == before || bob.PublicKey() != key || bob.Addr() != addr {
					t.Errorf("bob is %v at %v", bob.PublicKey(), bob.Addr())
				}
				if p, ok := peer(bob, alice); !ok || p.Label != "alice" {
					t.Errorf("bob knows alice as %+v, %v", p, ok)
				}
				net.AwaitConnected(alice, bob)
				calls(t, alice, bob)
				calls(t, bob, alice)
				if e := peertest.AwaitEvent[peernet.Disconnected](alice); e.Reason != c.reason {
					t.Errorf("alice heard %+v, want %s", e, c.reason)
				}
			})
		})
	}
}

// TestRestartAtOnceAfterACrashLeavesTheOldSessionBehind: alice does not know that bob was away.
func TestRestartAtOnceAfterACrashLeavesTheOldSessionBehind(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice, bob := couple(net)
		net.Meet(alice, bob)
		bob.Crash()
		bob.Restart()
		net.AwaitConnected(alice, bob)
		calls(t, alice, bob)
		calls(t, bob, alice)
	})
}

func TestPeersOfACrashedNodeFindOutByThemselves(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice, bob := couple(net)
		start := time.Now()
		bob.Crash()
		bob.Crash()
		bob.Stop()
		if p, _ := peer(alice, bob); p.State != peernet.StateConnected {
			t.Errorf("alice is told that bob crashed: %+v", p)
		}
		if _, err := alice.Call(t.Context(), bob.PublicKey(), "echo", 1); !errors.Is(err, peernet.ErrLinkLost) || !peernet.Sent(err) {
			t.Errorf("a call to the crashed node: %v", err)
		}
		if d := time.Since(start); d != 25*time.Second {
			t.Errorf("the call failed after %v", d)
		}
		if _, err := bob.Call(t.Context(), alice.PublicKey(), "echo", 1); !errors.Is(err, peernet.ErrClosed) {
			t.Errorf("a call by the crashed node: %v", err)
		}
	})
}

// TestStopWaitsNotLongForASilentPeer: Timing.Linger bounds it, and the test does not fail.
func TestStopWaitsNotLongForASilentPeer(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice, bob := couple(net)
		bob.Crash()
		if d := took(alice.Stop); d > 30*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

// TestCrashEndsHandlers that watch their context, of calls and of sends.
func TestCrashEndsHandlers(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		ended := make(chan bool, 2)
		wait := peertest.Setup(func(n *peernet.Node) error {
			return n.Handle("wait", func(ctx context.Context, r *peernet.Request) (any, error) {
				<-ctx.Done()
				ended <- r.IsSend()
				return nil, ctx.Err()
			})
		})
		alice, bob := net.Node("alice"), net.Node("bob", wait)
		net.Trust(alice, bob)
		net.Connect(alice, bob)
		go func() { _, _ = alice.Call(t.Context(), bob.PublicKey(), "wait", nil) }()
		if err := alice.Send(t.Context(), bob.PublicKey(), "wait", nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		bob.Crash()
		if first := <-ended; first == <-ended {
			t.Error("one handler ended twice")
		}
	})
}

// TestDataDirOutlivesARestart: what its peers file says then is what counts.
func TestDataDirOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice := net.Node("alice", peertest.Configure(func(c *peernet.Config) { c.DataDir = dir }))
		bob := net.Node("bob")
		net.Trust(alice, bob)
		net.Connect(alice, bob)
		alice.Stop()
		if err := os.WriteFile(filepath.Join(dir, "peers"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		alice.Restart()
		if p := alice.Trusted(); len(p) != 0 {
			t.Errorf("alice trusts %v", p)
		}
	})
}

func TestSightingsHoldOverRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice, bob := net.Node("alice"), net.Node("bob")
		alice.Finds(bob)
		peertest.AwaitEvent[peernet.Found](alice)
		alice.Restart()
		peertest.AwaitEvent[peernet.Found](alice)
		alice.Stop()
		alice.Loses(bob)
		alice.Restart()
		synctest.Wait()
		if seen := alice.Discovered(); len(seen) != 0 {
			t.Errorf("alice sees %+v", seen)
		}
	})
}
