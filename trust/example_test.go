package trust_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

func Example() {
	folder, err := os.MkdirTemp("", "peernet")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)

	peers, err := trust.Open(filepath.Join(folder, "peers"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer peers.Watch(func(c trust.Change) { fmt.Println(c.Kind, c.Peer.Label) })()

	key, err := identity.ParsePublicKey("pnet1s5s0qzvfxzn4gayt0hwtg0hhtgxm7wsdycup4a8t5j5ca25mfe4qwgsew4")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := peers.Add(trust.Peer{Key: key, Label: "Ada's laptop"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(peers.Contains(key))

	content, _ := os.ReadFile(filepath.Join(folder, "peers"))
	fmt.Print(string(content))

	peer, err := peers.Find("Ada's laptop")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := peers.Remove(peer.Key); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(peers.Contains(key))
	// Output:
	// added Ada's laptop
	// true
	// pnet1s5s0qzvfxzn4gayt0hwtg0hhtgxm7wsdycup4a8t5j5ca25mfe4qwgsew4 Ada's laptop
	// removed Ada's laptop
	// false
}
