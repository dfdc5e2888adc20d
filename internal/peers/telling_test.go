package peers

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// TestARoundTellsWhatCameNearest: of several addresses that did not work, in whatever order they failed.
func TestARoundTellsWhatCameNearest(t *testing.T) {
	addr := netip.MustParseAddrPort("10.0.0.1:1")
	ranked := []error{ErrNoAddress, &DialError{addr, errors.New("connection refused")}, &DialError{addr, session.ErrUnanswered},
		&DialError{addr, handshake.ErrWrongKey}, &RefusedError{Addr: addr, Reason: envelope.ReasonRefused}}
	for i, worse := range ranked {
		for _, better := range ranked[i+1:] {
			for _, order := range [][]error{{worse, better}, {better, worse}} {
				r := &round{last: ErrNoAddress}
				for _, err := range order {
					r.blame(addr, err)
				}
				if r.last != better {
					t.Errorf("of %v it tells %v", order, r.last)
				}
			}
		}
	}
	r := &round{last: ErrNoAddress}
	second := &DialError{addr, errors.New("no route")}
	r.blame(addr, &DialError{addr, errors.New("connection refused")})
	if r.blame(addr, second); r.last != error(second) {
		t.Errorf("of two that tell as much it tells %v", r.last)
	}
}
