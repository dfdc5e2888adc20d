package docs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// TestRoomSurvivesAPartition tests the room above with real nodes on a network in memory. It takes minutes of the bubble's
// clock and milliseconds of real time.
func TestRoomSurvivesAPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		rooms := make(map[string]*Room)
		enter := func(name string) *peertest.Node {
			return net.Node(name, peertest.Setup(func(n *peernet.Node) (err error) {
				rooms[name], err = Join(n)
				return err
			}))
		}
		alice, bob := enter("alice"), enter("bob")
		net.Trust(alice, bob)
		net.Meet(alice, bob) // they find each other, as on a real network
		net.AwaitConnected(alice, bob)

		net.Partition([]*peertest.Node{bob}) // alice gets no notice
		time.Sleep(time.Minute)
		if n := rooms["alice"].Say(t.Context(), "anybody here?"); n != 0 {
			t.Errorf("%d heard it", n)
		}
		net.Heal()
		net.AwaitConnected(alice, bob)
		if n := rooms["alice"].Say(t.Context(), "and now?"); n != 1 {
			t.Errorf("%d heard it", n)
		}
		if got := <-rooms["bob"].Heard; got != `alice: "and now?"` {
			t.Errorf("bob heard %s", got)
		}
	})
}
