package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A card has all that the other end needs: anybody who has it pairs, and dials.
func ExampleNode_PairCard() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, _ := peernet.New(peernet.Config{})
	bob, _ := peernet.New(peernet.Config{})
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)
	for _, n := range []*peernet.Node{alice, bob} {
		if err := n.Start(ctx); err != nil {
			fmt.Println(err)
			return
		}
	}

	card, err := bob.Card("Bob's laptop", bob.Addrs()[0].String()) // shown as a QR code, sent in a mail
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := alice.PairCard(card, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	bob.Pair(alice.PublicKey(), "alice")
	if err := alice.Connect(ctx, key); err != nil {
		fmt.Println(err)
		return
	}
	peer, _ := alice.Peer(key)
	fmt.Println(peer.Label, peer.State)
	// Output: Bob's laptop connected
}

func TestPairCardKeepsToTheRulesOfPair(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	card, err := b.Card("bob")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.PairCard(card, ""); !errors.Is(err, peernet.ErrSelf) {
		t.Errorf("its own card: %v", err)
	}
	if err := a.Pair(startNode(t, peernet.Config{}).PublicKey(), "bob"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.PairCard(card, ""); !errors.Is(err, trust.ErrLabelTaken) {
		t.Errorf("a label that is taken: %v", err)
	}
	if key, err := a.PairCard(card, "bob's other one"); err != nil || key != b.PublicKey() {
		t.Errorf("with a label of ours: %v, %v", key, err)
	}
	if _, err := b.Card("bob", "nowhere"); !errors.Is(err, trust.ErrOptionValue) {
		t.Errorf("a card with a bad address: %v", err)
	}
	if _, err := a.PairCard("peernet:", ""); err == nil {
		t.Error("no card was taken")
	}
}
