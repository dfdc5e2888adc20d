package etf

import (
	"slices"
	"testing"
	"time"
)

// TestValuesAreWalkedOnce: a list costs the guard about as much inside twenty maps, one the value of the next, as alone.
func TestValuesAreWalkedOnce(t *testing.T) {
	list := appendList(nil, 100_000)
	for range 100_000 {
		list = append(list, tagInteger, 0, 0, 1, 0)
	}
	list = append(list, tagNil)
	nested := list
	for range 20 {
		b := append(appendMap(nil, 2), tagSmallInteger, 0)
		nested = append(append(b, nested...), tagSmallInteger, 1, tagNil)
	}
	least := func(b []byte) time.Duration {
		var took []time.Duration
		for range 20 {
			start := time.Now()
			if err := guard(b); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(start))
		}
		return slices.Min(took)
	}
	alone, inside := least(list), least(nested)
	t.Logf("%v alone, %v inside", alone, inside)
	if inside > 4*alone {
		t.Errorf("%v alone, %v inside", alone, inside)
	}
}
