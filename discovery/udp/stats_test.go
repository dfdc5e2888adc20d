package udp

import (
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
)

// TestCountsAreTheNumbersOfStats: one that is added to Stats must not be forgotten.
func TestCountsAreTheNumbersOfStats(t *testing.T) {
	p := New(Options{})
	c := &p.counters
	for i, n := range []*atomic.Uint64{&c.sent, &c.sendErrors, &c.heard, &c.own, &c.junk, &c.offLink, &c.unknown, &c.excess, &c.otherErrors} {
		n.Store(uint64(i + 1))
	}
	counts, upper := p.Counts(), regexp.MustCompile(`([a-z])([A-Z])`)
	s := reflect.ValueOf(p.Stats())
	numbers := 0
	for i := range s.NumField() {
		if s.Field(i).Kind() != reflect.Uint64 {
			continue
		}
		numbers++
		name := strings.ToLower(upper.ReplaceAllString(s.Type().Field(i).Name, "${1}_$2"))
		if n := s.Field(i).Uint(); n == 0 || counts[name] != n {
			t.Errorf("%s is %d, in Stats %d", name, counts[name], n)
		}
	}
	if len(counts) != numbers {
		t.Errorf("%d counts, %d numbers in Stats", len(counts), numbers)
	}
}
