package peers

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// TestARoundTellsWhatCameNearest: of several addresses that did not work, in whatever order they failed.
func TestARoundTellsWhatCameNearest(t *testing.T) {
	addr := netip.MustParseAddrPort("10.0.0.1:1")
	ranked := []error{ErrNoAddress, &DialError{Addr: addr, Err: errors.New("connection refused")}, &DialError{Addr: addr, Err: session.ErrUnanswered},
		&DialError{Addr: addr, Err: handshake.ErrWrongKey}, &RefusedError{Addr: addr, Reason: envelope.ReasonRefused}}
	for i, worse := range ranked {
		for _, better := range ranked[i+1:] {
			for _, order := range [][]error{{worse, better}, {better, worse}} {
				r := &round{last: ErrNoAddress}
				for _, err := range order {
					r.keepError(addr, err)
				}
				if r.last != better {
					t.Errorf("of %v it tells %v", order, r.last)
				}
			}
		}
	}
	r := &round{last: ErrNoAddress}
	second := &DialError{Addr: addr, Err: errors.New("no route")}
	r.keepError(addr, &DialError{Addr: addr, Err: errors.New("connection refused")})
	if r.keepError(addr, second); r.last != error(second) {
		t.Errorf("of two that tell as much it tells %v", r.last)
	}
}

// TestADialErrorNamesTheAddressOnce: the system's own words have it too.
func TestADialErrorNamesTheAddressOnce(t *testing.T) {
	for _, c := range []struct {
		name, addr string
		err        error
		want       string
	}{
		{"as the system says", "[fe80::1%eth0]:7100", &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 7100}, Err: errors.New("no route")},
			"dial [fe80::1%eth0]:7100: no route"},
		{"of another address", "10.0.0.1:1", &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 11}, Err: errors.New("no route")},
			"dial 10.0.0.1:1: dial tcp 10.0.0.1:11: no route"},
		{"of no address", "10.0.0.1:1", &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route")}, "dial 10.0.0.1:1: dial tcp: no route"},
		{"of reading", "10.0.0.1:1", &net.OpError{Op: "read", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}, Err: errors.New("reset")},
			"dial 10.0.0.1:1: read tcp 10.0.0.1:1: reset"},
		{"in other words", "10.0.0.1:1", errors.New("refused"), "dial 10.0.0.1:1: refused"},
	} {
		if got := (&DialError{Addr: netip.MustParseAddrPort(c.addr), Err: c.err}).Error(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
