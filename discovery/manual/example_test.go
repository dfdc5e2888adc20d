package manual_test

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

func Example() {
	bob := identity.PublicKey{31: 9}
	office, train := netip.MustParseAddrPort("10.0.0.7:7100"), netip.MustParseAddrPort("192.0.2.7:7100")
	provider := manual.New(manual.At(bob, office))

	ctx, cancel := context.WithCancel(context.Background())
	began := make(chan struct{}, 4)
	go func() {
		<-began
		provider.Updated(bob, office, train)
		provider.Lost(bob, train)
		cancel()
	}()
	err := provider.Run(ctx, discovery.Self{}, func(s discovery.Sighting) { // a node with this provider does that
		fmt.Println(s.Addr, cmp.Or(s.Gone, "found"))
		began <- struct{}{}
	})
	fmt.Println(err)
	// Output:
	// 10.0.0.7:7100 found
	// 192.0.2.7:7100 found
	// 10.0.0.7:7100 withdrawn
	// 192.0.2.7:7100 goodbye
	// <nil>
}
