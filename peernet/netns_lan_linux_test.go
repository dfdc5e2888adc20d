package peernet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// TestNodesOnALANFindEachOther has nodes on hosts of their own, which trust each other and are told nothing else.
func TestNodesOnALANFindEachOther(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		for _, way := range []string{"udp", "mdns"} {
			t.Run("ThreeBy-"+way, func(t *testing.T) { // alone, as its time is what counts
				startMesh(t, way)
			})
		}
		for name, f := range map[string]func(*testing.T){
			"UnderAFlood":             func(t *testing.T) { floodFirst(t, soonEnough, 1, portClosed, portDropped) },
			"UnderAFloodOfSilence":    func(t *testing.T) { floodFirst(t, soonEnough, 1, portSilent) },
			"UnderAFloodFromAHundred": func(t *testing.T) { floodFirst(t, eventually, 100, portClosed) },
			"FloodedWhileConnected":   floodLater,
			"FloodedWithNobodyThere":  func(t *testing.T) { floodOfOneWhoIsAway(t, portClosed, portDropped, portSilent) },
			"PrivateNodesAreNotSeen":  privately,
			"WhoCrashesIsLost":        crash,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t)
			})
		}
	})
}

// startMesh starts three nodes, and waits until each is connected to each other one.
func startMesh(t *testing.T, way string) {
	var nodes []*hosted
	hosts, _ := netns.NewLAN(t, 3)
	for i, h := range hosts {
		others := slices.DeleteFunc([]int{1, 2, 3}, func(n int) bool { return n == i+1 })
		nodes = append(nodes, startHosted(t, h, hostedConfig{Number: i + 1, Trusts: others, Way: way}))
	}
	netns.Within(t, "three nodes, from the start of the last to a mesh by "+way, meet(t, nodes[0].Began, nodes...)-nodes[2].Began.Sub(nodes[0].Began), time.Second)
}

func crash(t *testing.T) {
	hosts, _ := netns.NewLAN(t, 2)
	a := startHosted(t, hosts[0], hostedConfig{Number: 1, Trusts: []int{2}, Way: "udp"})
	b := startHosted(t, hosts[1], hostedConfig{Number: 2, Trusts: []int{1}, Way: "udp"})
	meet(t, b.Began, a, b)
	a.tells("found", b, b.Began) // a node that was dialled may not have heard the other yet
	killed := time.Now()
	hosts[1].Kill()
	_, took := a.tells("disconnected", b, killed)
	netns.Within(t, "the end of a process is noticed", took, time.Second)
	s, took := a.tells("lost", b, killed)
	netns.Within(t, "a node that has crashed is lost", took, 15*time.Second)
	if s.Reason != "expired" || took < 10*time.Second {
		t.Errorf("lost after %v: %+v", took, s)
	}
}
