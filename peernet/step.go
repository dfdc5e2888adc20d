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
	Addr   netip.AddrPort // where, if it happened somewhere
	Source string         // who said so, of an address that was heard or is gone
	Reason string         // why, as part of a sentence; may hold what the peer said, so print it quoted or to people
	Times  int            // how often; if more than once, then nothing came between but the steps beside it, as often
	Last   time.Time      // the last time; At is the first
}

// String says what happened, and where, on one line.
func (s Step) String() string {
	reason := oneLine(s.Reason) // it may hold what the peer said
	switch {
	case s.Addr.IsValid() && s.Source != "":
		return fmt.Sprintf("%s at %v by %s", reason, s.Addr, s.Source)
	case !s.Addr.IsValid() || names(reason, s.Addr):
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

// inState returns reason after the state that it led to, unless it begins with that.
func inState(state PeerState, reason string) string {
	if strings.HasPrefix(reason, string(state)) {
		return reason
	}
	return fmt.Sprintf("%s: %s", state, reason)
}

// names says whether text holds the address a itself, and not as a part of another.
func names(text string, a netip.AddrPort) bool {
	return regexp.MustCompile(`(^|[^0-9.])` + regexp.QuoteMeta(a.String()) + `($|[^0-9])`).MatchString(text)
}

// ago returns how long ago something was, as a person reads it: to the millisecond if it was just now, else to the second.
func ago(d time.Duration) time.Duration {
	d = max(0, d)
	if d > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
