package peertest_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// TestFailuresExplainThemselves: what the test's author did not do or got wrong is named.
func TestFailuresExplainThemselves(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(net *peertest.Network)
		words []string
	}{
		{"not trusted", func(net *peertest.Network) { net.AwaitConnected(net.Node("alice"), net.Node("bob")) },
			[]string{"alice and bob are not connected", "alice (10.0.0.1:7100) about bob", "bob (10.0.0.2:7100) about alice", "Network.Trust"}},
		{"not met", func(net *peertest.Network) {
			alice, bob := net.Node("alice"), net.Node("bob")
			net.Trust(alice, bob)
			net.AwaitConnected(alice, bob)
		}, []string{"nobody has said where the peer is", "Network.Meet"}},
		{"cut", func(net *peertest.Network) {
			alice, bob := net.Node("alice"), net.Node("bob")
			net.Trust(alice, bob)
			net.Cut(alice, bob)
			net.Connect(alice, bob)
		}, []string{"alice to bob", "dialling", "nothing passes between them"}},
		{"not running", func(net *peertest.Network) {
			alice, bob := couple(net)
			bob.Stop()
			net.AwaitConnected(alice, bob)
		}, []string{"bob (10.0.0.2:7100) about alice: it does not run"}},
		{"still connected", func(net *peertest.Network) {
			alice, bob := couple(net)
			alice.AwaitDisconnected(bob)
		},
			[]string{"alice and bob are not disconnected", "now connected"}},
		{"condition", func(net *peertest.Network) { net.Await("pigs fly", func() bool { return false }) }, []string{"until pigs fly"}},
		{"event", func(net *peertest.Network) {
			alice, _ := couple(net)
			peertest.AwaitEvent[peernet.Disconnected](alice)
		}, []string{"no event disconnected happened to alice", ": paired Peer:bob", ": connected Peer:bob Addr:10.0.0.2:7100"}},
		{"no event", func(net *peertest.Network) { peertest.AwaitEvent[peernet.Connected](net.Node("alice")) }, []string{"what did: nothing"}},
		{"same name", func(net *peertest.Network) { net.Node("alice"); net.Node("alice") }, []string{`"alice" already`}},
		{"setup", func(net *peertest.Network) {
			net.Node("alice", peertest.Setup(func(*peernet.Node) error { return errors.New("no luck") }))
		}, []string{"set up alice: no luck"}},
		{"configuration", func(net *peertest.Network) {
			net.Node("alice", peertest.Configure(func(c *peernet.Config) { c.Limits.Peers = -1 }))
		}, []string{"make alice", "Limits.Peers"}},
		{"start", func(net *peertest.Network) {
			net.Node("alice", peertest.Configure(func(c *peernet.Config) { c.Listen = "10.0.0.9:1" }))
		}, []string{"start alice", "10.0.0.9"}},
		{"trust", func(net *peertest.Network) {
			alice := net.Node("alice")
			net.Trust(alice, alice)
		}, []string{"alice cannot trust alice"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fails(t, func(_ *testing.T, net *peertest.Network) { c.do(net) })
			r.says(t, c.words...)
			if r.blamed != "" {
				t.Errorf("go test would tell a line of %s, not the test's", r.blamed)
			}
		})
	}
}

// TestNoNodeStartsOnANetworkThatHasEnded: nothing would stop it.
func TestNoNodeStartsOnANetworkThatHasEnded(t *testing.T) {
	for name, start := range map[string]func(net *peertest.Network, alice *peertest.Node){
		"made":      func(net *peertest.Network, _ *peertest.Node) { net.Node("bob") },
		"restarted": func(_ *peertest.Network, alice *peertest.Node) { alice.Restart() },
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, func(t *testing.T, net *peertest.Network) {
				alice := net.Node("alice")
				t.Cleanup(func() { // after the end
					var join sync.WaitGroup
					join.Go(func() { start(net, alice) })
					join.Wait()
				})
			}).says(t, "a network that has ended")
		})
	}
}

func TestLeftoversFailTheTest(t *testing.T) {
	for _, c := range []struct {
		name  string
		leave func(t *testing.T, net *peertest.Network)
		words []string
	}{
		{"nothing", func(_ *testing.T, net *peertest.Network) { couple(net) }, nil},
		{"nothing after a crash", func(_ *testing.T, net *peertest.Network) {
			_, bob := couple(net)
			bob.Crash()
		}, nil},
		{"nothing while cut", func(_ *testing.T, net *peertest.Network) { net.Cut(couple(net)) }, nil},
		{"nothing on a slow network", func(_ *testing.T, net *peertest.Network) {
			couple(net)
			net.Delay(time.Second)
			net.Bandwidth(1)
		}, nil},
		{"listener", func(t *testing.T, net *peertest.Network) {
			net.Node("alice", peertest.Configure(func(c *peernet.Config) {
				if _, err := c.Network.Listen(t.Context(), "tcp", ":80"); err != nil {
					t.Error(err)
				}
			}))
		}, []string{"left open", "1 listeners"}},
		{"handler", func(t *testing.T, net *peertest.Network) {
			forever := make(chan struct{})
			t.Cleanup(func() { close(forever) })
			alice, bob := net.Node("alice"), net.Node("bob", peertest.Setup(func(n *peernet.Node) error {
				return n.Handle("wait", func(context.Context, *peernet.Request) (any, error) {
					<-forever
					return nil, nil
				})
			}))
			net.Trust(alice, bob)
			net.Connect(alice, bob)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := alice.Call(ctx, bob.PublicKey(), "wait", nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("call: %v", err)
			}
		}, []string{"bob did not stop", "handler"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fails(t, c.leave)
			if c.words == nil && (len(r.errors) > 0 || r.ending > time.Second) {
				t.Errorf("failed: %q, and ended after %v, want a second for what the actor library leaves behind", r.errors, r.ending)
			}
			if c.words != nil {
				r.says(t, c.words...)
			}
		})
	}
}

// TestOutputNamesNodes: lines begin with the name of their node, other keys show as names, and the end of the network logs nothing.
func TestOutputNamesNodes(t *testing.T) {
	r := fails(t, func(t *testing.T, net *peertest.Network) {
		alice, bob := couple(net)
		if alice.String() != "alice" || bob.Name() != "bob" {
			t.Errorf("%s and %s", alice, bob.Name())
		}
	})
	out := r.output.String()
	for _, want := range []string{"alice: after=", "bob: after=", "msg=peer peer=bob role=initiator state=connected addr=10.0.0.2:7100\n", "msg=peer peer=alice role=responder state=connected"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output has no %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "stopped") {
		t.Errorf("the output goes on until nodes stop:\n%s", out)
	}
}

// TestLateLinesAreLost: a test that has ended must not be written to.
func TestLateLinesAreLost(t *testing.T) {
	var logger *slog.Logger
	r := fails(t, func(_ *testing.T, net *peertest.Network) {
		net.Node("alice", peertest.Configure(func(c *peernet.Config) { logger = c.Logger }))
	})
	logger.Warn("too late")
	if strings.Contains(r.output.String(), "too late") {
		t.Error("written after the end")
	}
}

// TestEventsComeOnceEachAndInOrder, those too that happened before the test asked.
func TestEventsComeOnceEachAndInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice, bob := couple(net)
		for range 3 {
			net.Reset(alice, bob)
			alice.AwaitDisconnected(bob)
			net.AwaitConnected(alice, bob)
		}
		var last time.Time
		for range 4 {
			e := peertest.AwaitEvent(alice, func(e peernet.Connected) bool { return e.Peer == bob.PublicKey() })
			if e.Time().Before(last) {
				t.Errorf("%v comes after %v", e.Time(), last)
			}
			last = e.Time()
		}
		for range 3 {
			peertest.AwaitEvent[peernet.Disconnected](alice)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			peertest.AwaitEvent(bob, func(e peernet.Disconnected) bool { return e.Reason == "shutdown" })
		}()
		time.Sleep(time.Second)
		alice.Stop()
		<-done
	})
}

func TestAwaitSeesWhatTheProgramDoes(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		start := time.Now()
		net.Await("a minute is almost over", func() bool { return time.Since(start) > 59*time.Second })
		if d := time.Since(start); d > 60*time.Second {
			t.Errorf("took %v", d)
		}
	})
}
