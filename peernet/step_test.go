package peernet

import (
	"net/netip"
	"testing"
	"time"
)

func TestStepsSayWhereTheyHappened(t *testing.T) {
	here := netip.MustParseAddrPort("10.0.0.7:7100")
	for _, c := range []struct {
		name string
		step Step
		want string
	}{
		{"heard of", Step{State: StateFound, Addr: here, Source: "mdns", Reason: "heard"}, "heard at 10.0.0.7:7100 by mdns"},
		{"nowhere", Step{State: StateUnknown, Reason: "no address is known"}, "unknown: no address is known"},
		{"dialling", Step{State: StateDialling, Addr: here, Reason: "dialling 10.0.0.7:7100"}, "dialling 10.0.0.7:7100"},
		{"dialling, in a word", Step{State: StateDialling, Addr: here, Reason: "dialling"}, "dialling 10.0.0.7:7100"},
		{"dialling, nowhere", Step{State: StateDialling, Reason: "dialling"}, "dialling"},
		{"handshake", Step{State: StateDialling, Addr: here, Reason: "handshake with 10.0.0.7:7100"}, "dialling: handshake with 10.0.0.7:7100"},
		{"connected", Step{State: StateConnected, Addr: here, Reason: "initiator at 10.0.0.7:7100"}, "connected: initiator at 10.0.0.7:7100"},
		{"failed there", Step{State: StateBackingOff, Addr: here, Reason: "connection refused"}, "backing off: at 10.0.0.7:7100: connection refused"},
		{"failed, and says so", Step{State: StateBackingOff, Addr: here, Reason: "dial 10.0.0.7:7100: refused"}, "backing off: dial 10.0.0.7:7100: refused"},
		{"failed, another named", Step{State: StateBackingOff, Addr: here, Reason: "not as 10.0.0.7:71001"}, "backing off: at 10.0.0.7:7100: not as 10.0.0.7:71001"},
		{"failed, one like it named", Step{State: StateBackingOff, Addr: here, Reason: "not as 110.0.0.7:7100"}, "backing off: at 10.0.0.7:7100: not as 110.0.0.7:7100"},
		{"ended there", Step{State: StateBackingOff, Addr: here, Reason: "disconnected: shutdown"}, "backing off: disconnected from 10.0.0.7:7100: shutdown"},
		{"ended", Step{State: StateFound, Reason: "disconnected: shutdown"}, "found: disconnected: shutdown"},
		{"what a peer says", Step{State: StateFound, Reason: "two\nlines"}, `found: "two\nlines"`},
	} {
		if got := c.step.String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAgesAreAsPreciseAsPeopleNeed(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:             "0s",
		1234 * time.Microsecond:  "1ms",
		9999 * time.Millisecond:  "9.999s",
		61500 * time.Millisecond: "1m2s",
	} {
		if got := ago(d).String(); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
