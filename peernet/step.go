package peernet

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Step is something that happened to a peer.
type Step struct {
	At     time.Time
	State  PeerState      // after it
	Addr   netip.AddrPort // of the peer; zero if it does not matter
	Source string         // the provider, if an address was heard or is gone
	Reason string         // why, as part of a sentence; may hold what the peer said, so print it quoted or to people
	Times  int            // occurrences; neighbours with the same number repeated as a group
	Last   time.Time      // the last time; At is the first
}

// String says on one line what happened, and at which address.
func (s Step) String() string {
	reason := oneLine(s.Reason) // it may hold what the peer said
	switch {
	case s.Addr.IsValid() && s.Source != "":
		return fmt.Sprintf("%s at %v by %s", reason, s.Addr, s.Source)
	case s.Source != "":
		return fmt.Sprintf("%s by %s", reason, s.Source)
	case !s.Addr.IsValid() || hasAddress(reason, s.Addr):
		return inState(s.State, reason)
	case s.State == StateDialling && reason == string(s.State):
		return fmt.Sprintf("%s %v", reason, s.Addr)
	}
	if rest, ok := strings.CutPrefix(reason, "disconnected"); ok {
		return inState(s.State, fmt.Sprintf("disconnected from %v%s", s.Addr, rest))
	}
	return inState(s.State, fmt.Sprintf("at %v: %s", s.Addr, reason))
}

// oneLine returns text as it is, or quoted if it has characters that do not print.
func oneLine(text string) string {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// inState returns reason after the state that it led to, unless reason begins with the state.
func inState(state PeerState, reason string) string {
	if strings.HasPrefix(reason, string(state)) {
		return reason
	}
	return fmt.Sprintf("%s: %s", state, reason)
}

// hasAddress says whether text holds the address a, and not only as a part of another.
func hasAddress(text string, a netip.AddrPort) bool {
	return regexp.MustCompile(`(^|[^0-9.])` + regexp.QuoteMeta(a.String()) + `($|[^0-9])`).MatchString(text)
}

// ago rounds an age for people: to the millisecond if it is short, else to the second.
func ago(d time.Duration) time.Duration {
	d = max(0, d)
	if d > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
