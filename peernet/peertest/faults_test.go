package peertest_test

import (
	"testing"
	"time"

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
