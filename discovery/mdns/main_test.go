package mdns

import (
	"net/netip"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// nodeVariable is set where the test binary is to be a node in a namespace, and holds its nodeConfig.
const nodeVariable = "PEERNET_TEST_MDNS_NODE"

func TestMain(m *testing.M) {
	if config := os.Getenv(nodeVariable); config != "" {
		os.Exit(beNode(config))
	}
	goleak.VerifyTestMain(m)
}

// key returns a key for each number.
func key(n int) identity.PublicKey { return identity.PublicKey{0: byte(n), 1: byte(n >> 8), 31: 9} }

// listens returns the Self.Listens of a node that listens on addresses.
func listens(at ...netip.AddrPort) func() []netip.AddrPort {
	return func() []netip.AddrPort { return at }
}

// self is the key of the node in these tests.
var self = key(1_000)
