package docs_test

import (
	"context"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A Room is a chat among connected peers. It needs no server: each message is sent to every peer.
type Room struct {
	node  *peernet.Node
	Heard chan string // buffered: sends of one peer wait for each other, and too many are dropped
}

// Join returns the room of a node.
func Join(node *peernet.Node) (*Room, error) {
	r := &Room{node: node, Heard: make(chan string, 100)}
	err := peernet.Handle(node, "chat.say", func(ctx context.Context, from peernet.Caller, text string) (struct{}, error) {
		select {
		case r.Heard <- fmt.Sprintf("%s: %q", from.Label, text): // the peer's text: quote it
		case <-ctx.Done():
		}
		return struct{}{}, nil
	})
	return r, err
}

// Say sends text to all connected peers and returns how many they were. It does not say whether they read it.
func (r *Room) Say(ctx context.Context, text string) (reached int) {
	for _, o := range peernet.SendMany(ctx, r.node, r.node.Connected(), "chat.say", text) {
		if o.Err == nil {
			reached++
		}
	}
	return reached
}

func Example_chat() {
	ctx := context.Background()
	alice, bob, stop := couple()
	defer stop()

	atAlice, err := Join(alice)
	if err != nil {
		fmt.Println(err)
		return
	}
	atBob, err := Join(bob)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("reached", atAlice.Say(ctx, "anybody here?"))
	fmt.Println(<-atBob.Heard)
	atBob.Say(ctx, "me")
	fmt.Println(<-atAlice.Heard)
	// Output:
	// reached 1
	// alice: "anybody here?"
	// bob: "me"
}

// Watch keeps a list of the peers that are there and calls changed for each difference. It returns when ctx ends.
func Watch(ctx context.Context, node *peernet.Node, changed func(who identity.PublicKey, there bool)) {
	events := node.Events(ctx) // before the first look, so that no change is missed
	there := make(map[identity.PublicKey]bool)
	look := func() {
		now := make(map[identity.PublicKey]bool)
		for _, p := range node.Peers() {
			now[p.Key] = p.State == peernet.StateConnected
		}
		for who := range there {
			if !now[who] {
				delete(there, who)
				changed(who, false)
			}
		}
		for who, is := range now {
			if is && !there[who] {
				there[who] = true
				changed(who, true)
			}
		}
	}
	look()
	for e := range events {
		switch e.(type) {
		case peernet.Connected, peernet.Disconnected, peernet.Unpaired, peernet.Lagged: // Lagged: some were missed
			look()
		}
	}
}

func Example_presence() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	alice, stopAlice := start(peernet.Config{})
	defer stopAlice()
	bob, stopBob := start(peernet.Config{})
	introduce(alice, "alice", bob, "bob")

	changes := make(chan string)
	go Watch(ctx, alice, func(who identity.PublicKey, there bool) {
		peer, _ := alice.Peer(who)
		changes <- fmt.Sprintln(peer.Label, "is there:", there)
	})
	fmt.Print(<-changes)
	stopBob()
	fmt.Print(<-changes)
	// Output:
	// bob is there: true
	// bob is there: false
}
