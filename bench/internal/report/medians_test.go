package report

import (
	"slices"
	"testing"
)

func TestMedians(t *testing.T) {
	for _, test := range []struct {
		name                string
		f, o                []float64
		floor, other, ratio float64
	}{
		{"nothing", nil, nil, 0, 0, 0},
		{"one", []float64{2}, []float64{3}, 2, 3, 1.5},
		{"an even number", []float64{1, 3}, []float64{1, 6}, 2, 3.5, 1.5},
		{"the machine slows down", []float64{100, 50, 10}, []float64{50, 25, 5}, 50, 25, 0.5},
		{"an outlier", []float64{10, 10, 10}, []float64{10, 1, 9}, 10, 9, 0.9},
		{"a floor of zero", []float64{0, 2, 0}, []float64{1, 1, 1}, 0, 1, 0.5},
		{"floors of zero", []float64{0, 0}, []float64{1, 1}, 0, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := slices.Clone(test.f)
			floor, other, ratio := medians(test.f, test.o)
			if floor != test.floor || other != test.other || ratio != test.ratio {
				t.Errorf("got %v, %v, %v, want %v, %v, %v", floor, other, ratio, test.floor, test.other, test.ratio)
			}
			if !slices.Equal(before, test.f) {
				t.Errorf("the values are reordered: %v", test.f)
			}
		})
	}
}
