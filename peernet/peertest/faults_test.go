package peertest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// took returns how long f takes.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func TestDelayIsFelt(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice, bob, carol := net.Node("alice"), net.Node("bob"), net.Node("carol")
		nodes := []*peertest.Node{alice, bob, carol}
		net.Trust(nodes...)
		net.Delay(time.Millisecond, nodes...)
		if d := took(func() { net.Connect(nodes...) }); d != 3*6*time.Millisecond {
			t.Errorf("three connections took %v, want six ways each", d)
		}
		for _, c := range []struct {
			name   string
			change func()
			to     *peertest.Node
			want   time.Duration
		}{
			{"two", func() { net.Delay(40*time.Millisecond, alice, bob) }, bob, 80 * time.Millisecond},
			{"not the third", func() {}, carol, 2 * time.Millisecond},
			{"all", func() { net.Delay(time.Second) }, bob, 2 * time.Second},
			{"of all two", func() { net.Delay(0, alice, carol) }, carol, 0},
		} {
			c.change()
			if rtt, err := alice.Ping(t.Context(), c.to.PublicKey()); rtt != c.want || err != nil {
				t.Errorf("%s: a ping to %s took %v, %v, want %v", c.name, c.to, rtt, err, c.want)
			}
		}
	})
}

func TestBandwidthIsFelt(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice, bob := couple(net)
		call := func() {
			t.Helper()
			data := make([]byte, 100_000)
			if got, err := peernet.Call[[]byte](t.Context(), alice.Node, bob.PublicKey(), "echo", data); len(got) != len(data) || err != nil {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		}
		if d := took(call); d != 0 {
			t.Errorf("without a limit a call took %v", d)
		}
		net.Bandwidth(100_000)
		if d := took(call); d < 2*time.Second || d > 2100*time.Millisecond {
			t.Errorf("a call took %v, want 1s each way and a little", d)
		}
		net.Bandwidth(0)
		if d := took(call); d != 0 {
			t.Errorf("again without a limit a call took %v", d)
		}
	})
}

// TestSlowPeerHoldsUpItsOwnStreamAlone throttles the link to one of two peers, and cuts it in the middle of a stream.
func TestSlowPeerHoldsUpItsOwnStreamAlone(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		take := peertest.Setup(func(n *peernet.Node) error {
			return peernet.HandleDuplex(n, "take", func(ctx context.Context, _ peernet.Caller, _ any, in *peernet.In[[]byte], _ *peernet.Out[int]) error {
				for _, err := range in.All(ctx) {
					if err != nil {
						return err
					}
				}
				return nil
			})
		})
		alice, slow, fast := net.Node("alice"), net.Node("slow", take), net.Node("fast", take)
		net.Trust(alice, slow, fast)
		net.Connect(alice, slow)
		net.Connect(alice, fast)
		net.Bandwidth(100_000, alice, slow)
		pour := func(to *peertest.Node) (time.Duration, error) {
			start := time.Now()
			s, err := peernet.OpenStream[[]byte, int](t.Context(), alice.Node, to.PublicKey(), "take", nil)
			if err != nil {
				return 0, err
			}
			defer s.Close()
			for range 100 {
				if err := s.Send(t.Context(), make([]byte, 10_000)); err != nil {
					return time.Since(start), err
				}
			}
			if err := s.CloseSend(t.Context()); err != nil {
				return time.Since(start), err
			}
			err = s.Wait(t.Context())
			return time.Since(start), err
		}
		type result struct {
			took time.Duration
			err  error
		}
		done := make(chan result)
		go func() {
			took, err := pour(slow)
			done <- result{took, err}
		}()
		time.Sleep(time.Second)
		if took, err := pour(fast); took != 0 || err != nil {
			t.Errorf("beside a slow peer a stream took %v, %v", took, err)
		}
		if r := <-done; r.took < 10*time.Second || r.took > 11*time.Second || r.err != nil {
			t.Errorf("1 MB at 100 kB/s took %v, %v", r.took, r.err)
		}
		go func() {
			took, err := pour(slow)
			done <- result{took, err}
		}()
		time.Sleep(3 * time.Second)
		net.Cut(alice, slow) // in the middle: soon healed, it costs time alone, less what was on its way
		time.Sleep(5 * time.Second)
		net.Heal()
		if r := <-done; r.took < 14*time.Second || r.took > 17*time.Second || r.err != nil {
			t.Errorf("with a pause of 5 s it took %v, %v", r.took, r.err)
		}
		go func() {
			took, err := pour(slow)
			done <- result{took, err}
		}()
		time.Sleep(3 * time.Second)
		net.Reset(alice, slow)
		if r := <-done; r.took != 3*time.Second || !errors.Is(r.err, peernet.ErrLinkLost) {
			t.Errorf("a stream whose link is reset ended after %v with %v", r.took, r.err)
		}
	})
}

// TestNodesFindEachOtherThroughLoss: an announce that is lost is followed by others.
func TestNodesFindEachOtherThroughLoss(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		net.Lose(0.3)
		announce := peertest.Configure(func(c *peernet.Config) { c.Discovery = []discovery.Provider{udp.New(udp.Options{})} })
		alice, bob := net.Node("alice", announce), net.Node("bob", announce)
		net.Trust(alice, bob)
		if d := took(func() { net.AwaitConnected(alice, bob) }); d > 30*time.Second {
			t.Errorf("it took %v", d)
		}
		net.Lose(1) // what is connected stays so
		time.Sleep(time.Minute)
		if _, err := alice.Ping(t.Context(), bob.PublicKey()); err != nil {
			t.Error(err)
		}
	})
}

// TestCutsAreNoticedAndHealed: after 25 s of silence, and within half a minute.
func TestCutsAreNoticedAndHealed(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  func(net *peertest.Network, alice, bob *peertest.Node)
	}{
		{"Cut", func(net *peertest.Network, alice, bob *peertest.Node) { net.Cut(bob, alice) }},
		{"Partition", func(net *peertest.Network, alice, bob *peertest.Node) {
			net.Partition([]*peertest.Node{alice}, []*peertest.Node{bob})
		}},
		{"Partition from the rest", func(net *peertest.Network, alice, _ *peertest.Node) { net.Partition([]*peertest.Node{alice}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, net *peertest.Network) {
				alice, bob := couple(net)
				c.cut(net, alice, bob)
				if d := took(func() { alice.AwaitDisconnected(bob) }); d != 25*time.Second {
					t.Errorf("noticed after %v", d)
				}
				for _, n := range []*peertest.Node{alice, bob} {
					if e := peertest.AwaitEvent[peernet.Disconnected](n); e.Reason != "unresponsive" {
						t.Errorf("%s heard %+v", n, e)
					}
				}
				time.Sleep(time.Hour)
				net.Heal()
				if d := took(func() { net.AwaitConnected(alice, bob) }); d > 36*time.Second {
					t.Errorf("healed after %v", d)
				}
				calls(t, alice, bob)
			})
		})
	}
}

func TestGroupsOfAPartitionStayTogether(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		mesh := net.Mesh(4, peertest.Setup(echo))
		net.Partition(mesh[:2], mesh[2:])
		mesh[0].AwaitDisconnected(mesh[2])
		mesh[1].AwaitDisconnected(mesh[3])
		calls(t, mesh[0], mesh[1])
		calls(t, mesh[2], mesh[3])
	})
}

func TestResetIsNoticedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, net *peertest.Network) {
		alice, bob := couple(net)
		net.Reset(alice, bob)
		for _, n := range []*peertest.Node{alice, bob} {
			if e := peertest.AwaitEvent[peernet.Disconnected](n); e.Reason != "lost" {
				t.Errorf("%s heard %+v", n, e)
			}
		}
		net.AwaitConnected(alice, bob)
		calls(t, bob, alice)
	})
}
