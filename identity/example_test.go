package identity_test

import (
	"errors"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func ExampleParsePublicKey() {
	key, err := identity.ParsePublicKey("QUQPACMJGCTVI5ELPXOLIPXXLIG36OQNEY4BV5HLUSUY5KU3JZVA")
	fmt.Println(key, err)

	_, err = identity.ParsePublicKey("pnet1s5s0qzvfxzn4gayt0hwtg0hhtgxm7wsdycup4a8t5j5ca25mfe4qwgsew5")
	fmt.Println(errors.Is(err, identity.ErrKeyChecksum))
	// Output:
	// pnet1s5s0qzvfxzn4gayt0hwtg0hhtgxm7wsdycup4a8t5j5ca25mfe4qwgsew4 <nil>
	// true
}
