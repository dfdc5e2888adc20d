package peertest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// A chat is the program under test: all connected peers hear what one of them says.
type chat struct {
	node *peernet.Node

	mu    sync.Mutex // guards heard
	heard []string
}

// newChat is what the program does with its node, once, before it starts.
func newChat(node *peernet.Node) (*chat, error) {
	c := &chat{node: node}
	return c, peernet.Handle(node, "say", c.hear)
}

func (c *chat) hear(_ context.Context, from peernet.Caller, text string) (struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = append(c.heard, fmt.Sprintf("%s: %s", from.Label, text))
	return struct{}{}, nil
}

func (c *chat) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard)
}

// say returns how many peers were told.
func (c *chat) say(ctx context.Context, text string) (told int) {
	for _, p := range c.node.Peers() {
		if c.node.Send(ctx, p.Key, "say", text) == nil {
			told++
		}
	}
	return told
}

// TestThreeChat is how a program that is built on peernet is tested: what three users hear, also when one is cut off for a
// while and another one's machine crashes. It takes a minute of the bubble's time, and none of ours.
func TestThreeChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		chats := make(map[string]*chat)
		var nodes []*peertest.Node
		for _, name := range []string{"alice", "bob", "carol"} {
			nodes = append(nodes, net.Node(name, peertest.Setup(func(n *peernet.Node) (err error) {
				chats[name], err = newChat(n)
				return err
			})))
		}
		alice, bob, carol := nodes[0], nodes[1], nodes[2]
		net.Trust(nodes...)
		net.Meet(nodes...)
		net.AwaitConnected(nodes...)
		net.Delay(20 * time.Millisecond)

		hears := func(who *peertest.Node, line string) {
			t.Helper()
			net.Await(fmt.Sprintf("%s hears %q", who, line), func() bool { return slices.Contains(chats[who.Name()].lines(), line) })
		}
		start := time.Now()
		if told := chats["alice"].say(t.Context(), "good morning"); told != 2 {
			t.Errorf("alice told %d, want 2", told)
		}
		hears(bob, "alice: good morning")
		hears(carol, "alice: good morning")
		if d := time.Since(start); d != 20*time.Millisecond {
			t.Errorf("heard after %v, want one way of the network", d)
		}

		net.Partition([]*peertest.Node{carol})
		carol.AwaitDisconnected()
		if told := chats["bob"].say(t.Context(), "where is carol?"); told != 1 {
			t.Errorf("bob told %d, want 1", told)
		}
		hears(alice, "bob: where is carol?")
		net.Heal()
		net.AwaitConnected(nodes...)

		bob.Crash()
		bob.AwaitDisconnected()
		bob.Restart()
		net.AwaitConnected(nodes...)
		chats["carol"].say(t.Context(), "I am back")
		hears(alice, "carol: I am back")
		hears(bob, "carol: I am back")
		if got := chats["bob"].lines(); len(got) != 1 {
			t.Errorf("after the restart bob has heard %q, want the last line alone", got)
		}
	})
}
