package peertest_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

func greet(_ context.Context, from peernet.Caller, greeting string) (string, error) {
	return greeting + ", " + from.Label, nil
}

func TestGreeting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		alice := net.Node("alice")
		bob := net.Node("bob", peertest.Setup(func(n *peernet.Node) error {
			return peernet.Handle(n, "greet", greet) // what the program under test does with its node
		}))
		net.Trust(alice, bob)
		net.Connect(alice, bob)
		net.Delay(40*time.Millisecond, alice, bob)

		start := time.Now()
		reply, err := peernet.Call[string](t.Context(), alice.Node, bob.PublicKey(), "greet", "hello")
		if err != nil || reply != "hello, alice" || time.Since(start) != 80*time.Millisecond {
			t.Errorf("%q, %v, after %v", reply, err, time.Since(start))
		}

		net.Partition([]*peertest.Node{bob})
		bob.AwaitDisconnected(alice)
		net.Heal()
		net.AwaitConnected(alice, bob)
	})
}

// TestDocumentationShowsTestGreeting, as it is above.
func TestDocumentationShowsTestGreeting(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(b), "//\n", "//\t\n")
	}
	_, code, _ := strings.Cut(read("greeting_test.go"), "func TestGreeting(")
	code, _, found := strings.Cut(code, "\n}\n")
	shown := "func TestGreeting(" + code + "\n}\n"
	if doc := strings.ReplaceAll(read("doc.go"), "//\t", ""); !found || !strings.Contains(doc, shown) {
		t.Errorf("doc.go does not show\n%s", shown)
	}
}
