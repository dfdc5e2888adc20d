package text

import (
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

const (
	bobKey   = "pnet1s5s0qzvfxzn4gayt0hwtg0hhtgxm7wsdycup4a8t5j5ca25mfe4qwgsew4"
	carolKey = "pnet1m60dkltm0hqmf56mv8pweep4xulcxs7gtduxwnddl3lpgmug9d8s2sumpy"
)

// testKey parses a key.
func testKey(t *testing.T, text string) identity.PublicKey {
	t.Helper()
	key, err := identity.ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// errNoPrefix is what FindPrefix returns for a text that is not the beginning of a key.
var errNoPrefix = errors.New("not the beginning of a key")

func TestPeerIsFoundByTheBeginningOfItsKey(t *testing.T) {
	bob, carol := trust.Peer{Key: testKey(t, bobKey)}, trust.Peer{Key: testKey(t, carolKey)}
	twin := bob
	twin.Key[31] ^= 1 // differs near the end of the text
	for _, c := range []struct {
		name, text string
		peers      []trust.Peer
		want       string
		err        error
	}{
		{"8 characters", bobKey[:13], []trust.Peer{carol, bob}, bobKey, nil},
		{"as it is shown", bob.Key.Short(), []trust.Peer{carol, bob}, bobKey, nil},
		{"in capitals", "PNET1S5S0QZVF", []trust.Peer{carol, bob}, bobKey, nil},
		{"all but the last", bobKey[:62], []trust.Peer{carol, bob}, bobKey, nil},
		{"the whole", bobKey, []trust.Peer{carol, bob}, "", errNoPrefix},
		{"7 characters", bobKey[:12], []trust.Peer{carol, bob}, "", errNoPrefix},
		{"without pnet1", bobKey[5:20], []trust.Peer{carol, bob}, "", errNoPrefix},
		{"of no peer", bobKey[:13], []trust.Peer{carol}, "", trust.ErrNotFound},
		{"longer than a key", bobKey + "q", []trust.Peer{bob}, "", errNoPrefix},
		{"of two", bobKey[:13], []trust.Peer{bob, carol, twin}, "", ErrAmbiguousPrefix},
		{"nothing", "", []trust.Peer{bob}, "", errNoPrefix},
	} {
		p, err := FindPrefix(c.peers, c.text, errNoPrefix)
		if err == nil && p.Key.String() != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: got %v (%v), want %q (%v)", c.name, p.Key, err, c.want, c.err)
		}
	}
}
