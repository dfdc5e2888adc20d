package peertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

func TestConnectedNodesCallEachOtherInNoTime(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		start := time.Now()
		alice, bob := couple(net)
		calls(t, alice, bob)
		calls(t, bob, alice)
		if d := time.Since(start); d != 0 {
			t.Errorf("took %v of the bubble's time", d)
		}
		if p, _ := alice.Peer(bob.PublicKey()); p.Label != "bob" || p.Addr != bob.Addr() {
			t.Errorf("alice knows bob as %+v", p)
		}
	})
}

func TestMeshIsConnectedWithinMilliseconds(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		net.Node("first")
		start := time.Now()
		mesh := net.Mesh(10, peertest.Setup(echo))
		if d := time.Since(start); d > 5*time.Millisecond {
			t.Errorf("took %v of the bubble's time", d)
		}
		for i, a := range mesh {
			if want := fmt.Sprintf("node%d", i+2); a.Name() != want {
				t.Errorf("node %d is called %s, want %s", i, a, want)
			}
			for _, b := range mesh {
				if a != b {
					calls(t, a, b)
				}
			}
		}
		synctest.Wait()
		for _, a := range mesh {
			if seen := a.Discovered(); len(seen) != len(mesh)-1 {
				t.Errorf("%s sees %d others, want %d", a, len(seen), len(mesh)-1)
			}
		}
	})
}

func TestMeetAndPartAreWhatNodesFind(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice, bob, carol := net.Node("alice"), net.Node("bob"), net.Node("carol")
		net.Trust(alice, bob)
		net.Meet(alice, bob, carol)
		net.AwaitConnected(alice, bob)
		for _, n := range []*peertest.Node{bob, carol} {
			found := peertest.AwaitEvent(alice, func(e peernet.Found) bool { return e.Peer == n.PublicKey() })
			if found.Addr != n.Addr() || found.Source != "manual" {
				t.Errorf("alice has found %s: %+v", n, found)
			}
		}
		net.Part(alice, bob)
		for _, n := range []*peertest.Node{alice, bob} {
			if e := peertest.AwaitEvent[peernet.Lost](n); e.Left != 0 {
				t.Errorf("%s has lost the other: %+v", n, e)
			}
		}
		net.AwaitConnected(alice, bob) // still
		if seen := alice.Discovered(); len(seen) != 1 || seen[0].Peer != carol.PublicKey() || seen[0].Trusted {
			t.Errorf("alice sees %+v, want carol alone", seen)
		}
		if _, ok := peer(alice, carol); ok {
			t.Error("alice knows carol as a peer")
		}
	})
}

func peer(n, o *peertest.Node) (peernet.PeerInfo, bool) { return n.Peer(o.PublicKey()) }

func TestStrangerIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice, mallory := net.Node("alice"), net.Node("mallory")
		if err := mallory.Pair(alice.PublicKey(), "alice"); err != nil {
			t.Fatal(err)
		}
		err := mallory.Connect(t.Context(), alice.PublicKey(), alice.Addr().String())
		if !errors.Is(err, peernet.ErrRefused) {
			t.Errorf("mallory connects: %v, want ErrRefused", err)
		}
		if e := peertest.AwaitEvent[peernet.Refused](alice); e.Peer != mallory.PublicKey() {
			t.Errorf("alice has refused %v", e.Peer)
		}
		alice.AwaitDisconnected(mallory)
	})
}

func TestNodesFindEachOtherByUDP(t *testing.T) {
	byUDP := peertest.Configure(func(c *peernet.Config) { c.Discovery = []discovery.Provider{udp.New(udp.Options{})} })
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice, bob := net.Node("alice", byUDP), net.Node("bob", byUDP)
		net.Trust(alice, bob)
		net.AwaitConnected(alice, bob)
		if e := peertest.AwaitEvent[peernet.Found](alice); e.Source != "udp" || e.Addr != bob.Addr() {
			t.Errorf("%+v", e)
		}
	})
}

// TestTwoNetworksKnowNothingOfEachOther: names, keys and addresses are the same, and what happens to one is nothing to the
// other.
func TestTwoNetworksKnowNothingOfEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		other := peertest.NewNetwork(t)
		alice, bob := couple(net)
		alice2, bob2 := couple(other)
		if alice.PublicKey() != alice2.PublicKey() || bob.Addr() != bob2.Addr() {
			t.Error("the same names are other keys or addresses")
		}
		net.Partition([]*peertest.Node{alice})
		alice.AwaitDisconnected(bob)
		other.AwaitConnected(alice2, bob2)
		calls(t, alice2, bob2)
	})
}

func TestItWorksOnTheRealClock(t *testing.T) {
	for range 3 {
		t.Run("parallel", func(t *testing.T) {
			t.Parallel()
			net := peertest.NewNetwork(t)
			impatient := peertest.Configure(func(c *peernet.Config) {
				c.Timing.PingAfter, c.Timing.Pong, c.Timing.Dial = 50*time.Millisecond, 50*time.Millisecond, time.Second
			})
			mesh := net.Mesh(3, peertest.Setup(echo), impatient)
			net.Cut(mesh[0], mesh[1])
			mesh[0].AwaitDisconnected(mesh[1])
			calls(t, mesh[0], mesh[2])
			net.Heal()
			net.AwaitConnected(mesh...)
			mesh[0].Crash()
			mesh[0].Restart()
			net.AwaitConnected(mesh...)
			calls(t, mesh[0], mesh[1])
		})
	}
}

// TestSeedDecidesHowLongNodesWait: backoff is drawn from it.
func TestSeedDecidesHowLongNodesWait(t *testing.T) {
	healed := func(seed uint64) (took time.Duration) {
		bubble(t, func(t *testing.T, net *peertest.Network) {
			alice, bob := couple(net)
			net.Partition([]*peertest.Node{alice})
			alice.AwaitDisconnected(bob)
			time.Sleep(time.Minute)
			net.Heal()
			start := time.Now()
			net.AwaitConnected(alice, bob)
			took = time.Since(start)
		}, peertest.Seed(seed))
		return took
	}
	first := healed(1)
	if again := healed(1); again != first {
		t.Errorf("%v, and with the same seed %v", first, again)
	}
	var others []time.Duration
	for seed := range uint64(5) {
		others = append(others, healed(seed+2))
	}
	if !slices.ContainsFunc(others, func(d time.Duration) bool { return d != first }) {
		t.Errorf("%v with any seed", first)
	}
}

func TestNamesAreKeysThatStay(t *testing.T) {
	const alice = "pnet15w5e2k7khyjk9a9eaq84gssvs7q7zs6m6evnfvt6m5twpy3rs4lq6mqqpj"
	if got := peertest.KeyPair("alice").PublicKey().String(); got != alice {
		t.Errorf("alice is %s, want %s", got, alice)
	}
	bubble(t, func(t *testing.T, net *peertest.Network) {
		if got := net.Node("alice").PublicKey().String(); got != alice {
			t.Errorf("the node alice is %s, want %s", got, alice)
		}
	})
}

func TestNodesBeyondOneLinkReachEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		first := net.Node("first", peertest.Setup(echo))
		last := first
		for i := range 254 {
			last = net.Node(fmt.Sprint(i))
		}
		if got := last.Addr().String(); got != "10.0.1.1:7100" {
			t.Errorf("the 255th node is at %s", got)
		}
		net.Trust(first, last)
		net.Connect(last, first)
		calls(t, last, first)
	})
}

func TestConfigureChangesTheNode(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		private := peertest.Configure(func(c *peernet.Config) { c.Name, c.Namespace, c.System = "a name", "a namespace", nil })
		everywhere := peertest.Configure(func(c *peernet.Config) { c.Listen, c.Identity = ":9", peertest.KeyPair("somebody") })
		alice, bob := net.Node("alice", private), net.Node("bob", private, everywhere)
		if bob.PublicKey() != peertest.KeyPair("somebody").PublicKey() || bob.Addr().String() != "10.0.0.2:9" {
			t.Errorf("bob is %v at %v", bob.PublicKey(), bob.Addr())
		}
		net.Trust(alice, bob)
		net.Connect(alice, bob)
		if p, _ := peer(bob, alice); p.Name != "a name" {
			t.Errorf("alice calls herself %q", p.Name)
		}
		carol := net.Node("carol")
		net.Trust(alice, carol)
		if err := carol.Connect(t.Context(), alice.PublicKey(), alice.Addr().String()); err == nil {
			t.Error("connected from another namespace")
		}
	})
}

// TestNetworkEndsWithCallsInFlight: their contexts end with the test.
func TestNetworkEndsWithCallsInFlight(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		wait := peertest.Setup(func(n *peernet.Node) error {
			return n.Handle("wait", func(ctx context.Context, _ *peernet.Request) (any, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			})
		})
		alice, bob := net.Node("alice"), net.Node("bob", wait)
		net.Trust(alice, bob)
		net.Connect(alice, bob)
		go func() { _, _ = alice.Call(t.Context(), bob.PublicKey(), "wait", nil) }()
		synctest.Wait()
	})
}
