package udp

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestCountsAreTheNumbersOfStats: one that is added to Stats must not be forgotten.
func TestCountsAreTheNumbersOfStats(t *testing.T) {
	p := New(Options{})
	p.counters.Count(func(s *Stats) {
		for i, v := 0, reflect.ValueOf(s).Elem(); i < v.NumField(); i++ {
			if v.Field(i).Kind() == reflect.Uint64 {
				v.Field(i).SetUint(uint64(i + 1))
			}
		}
	})
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
