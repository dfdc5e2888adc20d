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
	alice, stopAlice := start(peernet.Config{Listen: "127.0.0.1:0"}) // on a network ":7100", and a DataDir to keep the key
	defer stopAlice()
	bob, stopBob := start(peernet.Config{Listen: "127.0.0.1:0"})
	defer stopBob()

	// Keys travel as text: over the phone, in a configuration, as a QR code.
	key, err := identity.ParsePublicKey(bob.PublicKey().String())
	if err != nil {
		fmt.Println(err) // the checksum catches typing errors
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

	// One end dials, and dials again by itself when the connection is lost. The other end needs no address.
	if err := alice.Connect(ctx, key, bob.Addrs()[0].String()); err != nil {
		fmt.Println(err) // ErrUnreachable, ErrRefused, ErrWrongKey or ErrNotTrusted: the text says what to do
		return
	}
	peer, _ := alice.Peer(key)
	fmt.Println(peer.Label, peer.State)
	// Output: bob connected
}

func Example_pairing() {
	ctx := context.Background()
	alice, stopAlice := start(peernet.Config{Name: "Alice"})
	defer stopAlice()
	bob, stopBob := start(peernet.Config{Name: "Bob"})
	defer stopBob()

	offer, err := alice.OfferPairing(ctx, peernet.Introduction{}) // it lasts for two minutes
	if err != nil {
		fmt.Println(err)
		return
	}
	said := offer.Code().Text() // show it to the person here, such as 42-otter-velvet; log it nowhere

	// The person there types it.
	code, err := peernet.ParsePairingCode(said)
	if err != nil {
		fmt.Println(err) // it says which word was meant: ask again
		return
	}
	// Without Addr the node looks on its local networks, until ctx ends.
	at := alice.Addrs()[0].String()
	peer, err := bob.JoinPairing(ctx, code, peernet.Introduction{Addr: at})
	if err != nil {
		fmt.Println(err) // after ErrWrongCode, ErrCodeOver and ErrGuesses it takes a new code
		return
	}
	fmt.Println(peer.Label, "is trusted and connected")
	joined, err := offer.Wait(ctx)
	fmt.Println(joined.Label, "is trusted", err)
	// Output:
	// Alice is trusted and connected
	// Bob is trusted <nil>
}

func Example_discovery() {
	node, err := peernet.New(peernet.Config{
		Listen: ":0", // all addresses; the default is loopback, which is not announced
		Discovery: []discovery.Provider{
			udp.New(udp.Options{}),
			mdns.New(mdns.Options{}),
		},
	})
	fmt.Println(node.PublicKey().IsZero(), err)
	// Output: false <nil>
}

func Example_oneMoreAddress() {
	ctx := context.Background()
	radio := udp.New(udp.Options{Interfaces: []string{"eth0"}})
	alice, stop := start(peernet.Config{Listen: "127.0.0.1:0"}) // in an application with Discovery: radio
	defer stop()

	// A second address, until Close. An address that another program has is an error, and changes nothing.
	l, err := alice.ListenOn(ctx, "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(alice.Listeners()), "addresses")
	if err := l.Close(); err != nil { // peers that connected there stay connected
		fmt.Println(err)
	}
	fmt.Println(len(alice.Listeners()), "address")

	// The machine has joined another network: look for peers there, and no longer on the first one.
	fmt.Println(radio.AddInterface("wlan0"), radio.RemoveInterface("eth0"))
	// Output:
	// 2 addresses
	// 1 address
	// true true
}

func Example_severalNodes() {
	ctx := context.Background()
	// Nodes on one machine find each other by broadcasts that do not leave it.
	here := udp.Options{Port: 14040, Broadcast: []netip.Addr{netip.MustParseAddr("127.255.255.255")}}
	find := udp.New(here) // one provider serves any number of nodes
	alice, stopAlice := start(peernet.Config{Discovery: []discovery.Provider{find}})
	defer stopAlice()
	bob, stopBob := start(peernet.Config{Discovery: []discovery.Provider{find}})
	defer stopBob()

	events := bob.Events(ctx) // before anything happens
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
