package handshake_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Two nodes that trust each other shake hands. The connection between them is a buffer.
func Example() {
	alice, err := identity.GenerateKeyPair(nil)
	if err != nil {
		log.Fatal(err)
	}
	bob, err := identity.GenerateKeyPair(nil)
	if err != nil {
		log.Fatal(err)
	}
	initiator, err := handshake.New(handshake.Config{
		Role:    handshake.Initiator,
		Static:  alice,
		Expect:  bob.PublicKey(),
		Trusted: func(k identity.PublicKey) bool { return k == bob.PublicKey() },
	})
	if err != nil {
		log.Fatal(err)
	}
	responder, err := handshake.New(handshake.Config{
		Role:    handshake.Responder,
		Static:  bob,
		Trusted: func(k identity.PublicKey) bool { return k == alice.PublicKey() },
	})
	if err != nil {
		log.Fatal(err)
	}

	var connection bytes.Buffer
	var body [handshake.Message2Size]byte // the longest of them
	for from, to := initiator, responder; !responder.Done(); from, to = to, from {
		message, err := from.Write(nil)
		if err != nil {
			log.Fatal(err)
		}
		connection.Write(frame.Append(nil, message))

		_, size := to.Next()
		if err := frame.ReadExact(&connection, body[:size]); err != nil {
			log.Fatal(err)
		}
		if err := to.Read(body[:size]); err != nil {
			log.Fatal(err)
		}
		fmt.Println(size, "bytes")
	}

	a, b := initiator.Result(), responder.Result()
	fmt.Println("alice met bob:", a.Remote == bob.PublicKey())
	fmt.Println("bob met alice:", b.Remote == alice.PublicKey())
	fmt.Println("they share keys:", a.SendKey() == b.RecvKey() && a.RecvKey() == b.SendKey())
	// Output:
	// 32 bytes
	// 96 bytes
	// 64 bytes
	// alice met bob: true
	// bob met alice: true
	// they share keys: true
}
