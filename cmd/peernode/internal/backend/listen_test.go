package backend

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestInterfaceNamesAreBounded(t *testing.T) {
	for _, name := range []string{"", strings.Repeat("x", maxInterfaceName+1)} {
		if _, err := (Backend{}).AddInterface(t.Context(), control.Request{Name: name}); !errors.Is(err, control.ErrRequest) {
			t.Errorf("a name of %d bytes: %v", len(name), err)
		}
	}
}

// TestChosenInterfacesAreBounded: those that the node was started with count too, and one that is removed makes room. One that is neither
// chosen nor there cannot be removed.
func TestChosenInterfacesAreBounded(t *testing.T) {
	flags := []string{"nosuch-a", "nosuch-b"}
	b := New(nil, &Run{Interfaces: flags, Config: peernet.Config{Discovery: []discovery.Provider{udp.New(udp.Options{Interfaces: flags})}}})
	change := func(do func(Backend, string) (control.InterfaceChange, error), name, want string) {
		t.Helper()
		if c, err := do(b, name); err != nil || c.Change != want {
			t.Fatalf("%s: got %q (%v), want %q", name, c.Change, err, want)
		}
	}
	add := func(b Backend, name string) (control.InterfaceChange, error) {
		return b.AddInterface(t.Context(), control.Request{Name: name})
	}
	remove := func(b Backend, name string) (control.InterfaceChange, error) {
		return b.RemoveInterface(t.Context(), control.Request{Name: name})
	}
	for i := len(flags); i < maxInterfaces; i++ {
		change(add, fmt.Sprintf("nosuch%d", i), added)
	}
	if _, err := add(b, "nosuch"); !errors.Is(err, failure.ErrInterfacesFull) {
		t.Errorf("one more: %v", err)
	}
	change(add, "nosuch-a", unchanged)
	change(remove, "nosuch", unchanged)
	change(remove, "nosuch-a", removed)
	change(remove, "nosuch-a", unchanged)
	change(add, "nosuch", added)
}

func TestAddressesThatOverlap(t *testing.T) {
	for _, c := range []struct {
		has, at string
		want    bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"127.0.0.1:80", ":80", true},
		{"127.0.0.1:80", "0.0.0.0:80", true},
		{"[::]:80", "127.0.0.1:80", true},
		{"[::1]:80", "localhost:80", true},
	} {
		if got := overlaps(netip.MustParseAddrPort(c.has), c.at); got != c.want {
			t.Errorf("%s and %s: %v", c.has, c.at, got)
		}
	}
}
