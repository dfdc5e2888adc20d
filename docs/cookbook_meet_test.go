package docs_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/mdns"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func Example_addresses() {
	ctx := context.Background()
	alice, stopAlice := start(peernet.Config{Listen: "127.0.0.1:0"}) // on a network ":7100", a DataDir to keep the key in
	defer stopAlice()
	bob, stopBob := start(peernet.Config{Listen: "127.0.0.1:0"})
	defer stopBob()

	// Keys travel as text: over the phone, in a configuration, as a QR code.
	key, err := identity.ParsePublicKey(bob.PublicKey().String())
	if err != nil {
		fmt.Println(err) // a typing error is caught by the checksum
		return
	}
	if err := alice.Pair(key, "bob"); err != nil {
		fmt.Println(err)
		return
	}
	if err := bob.Pair(alice.PublicKey(), "alice"); err != nil {
		fmt.Println(err)
		return
	}

	// One end dials. It goes on to dial by itself when the link is lost, and the other end needs no address.
	if err := alice.Connect(ctx, key, bob.Addrs()[0].String()); err != nil {
		fmt.Println(err) // says what to do: is it ErrUnreachable, ErrRefused, ErrWrongKey, ErrNotTrusted?
		return
	}
	peer, _ := alice.Peer(key)
	fmt.Println(peer.Label, peer.State)
	// Output: bob connected
}

func Example_discovery() {
	node, err := peernet.New(peernet.Config{
		Listen: ":0", // on all addresses: a node on loopback, as by default, is announced to nobody
		Discovery: []discovery.Provider{
			udp.New(udp.Options{}),
			mdns.New(mdns.Options{}),
		},
	})
	fmt.Println(node.PublicKey().IsZero(), err)
	// Output: false <nil>
}

func Example_severalNodes() {
	ctx := context.Background()
	// Several nodes find each other within one machine, over broadcasts that do not leave it.
	here := udp.Options{Port: 14040, Broadcast: []netip.Addr{netip.MustParseAddr("127.255.255.255")}}
	find := udp.New(here) // one provider serves as many nodes as there are
	alice, stopAlice := start(peernet.Config{Discovery: []discovery.Provider{find}})
	defer stopAlice()
	bob, stopBob := start(peernet.Config{Discovery: []discovery.Provider{find}})
	defer stopBob()

	events := bob.Events(ctx) // before there is anything to tell
	if err := alice.Pair(bob.PublicKey(), "bob"); err != nil {
		fmt.Println(err)
		return
	}
	if err := bob.Pair(alice.PublicKey(), "alice"); err != nil {
		fmt.Println(err)
		return
	}
	for e := range events {
		if e, ok := e.(peernet.Connected); ok {
			fmt.Println("bob is connected to alice:", e.Peer == alice.PublicKey())
			break
		}
	}
	// Output: bob is connected to alice: true
}
