package peernet_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestComparisonHasEveryFigure(t *testing.T) {
	first, second := floorSubject(t), floorSubject(t)
	defer first.close()
	defer second.close()
	c := compare(t, first, second, 4, 64, 3, 20*time.Millisecond)
	checkComparison(t, figureColumns, c, "cpu-µs/call")
}

func TestComparisonOfSessionsHasEveryFigure(t *testing.T) {
	o := floorOpener(t)
	defer o.close()
	c := compareSessions(t, o, o, 2, 20, 3)
	checkComparison(t, costColumns, c)
	for _, cost := range []sessionCost{c.floor, c.other} {
		if math.Round(cost.goroutines) != 4 { // a leak from one round would be subtracted from the next
			t.Errorf("a session has %v goroutines, want 2 for each end", cost.goroutines)
		}
	}
}

// checkComparison fails unless all values of c but those in mayBeZero were measured and are in the table.
func checkComparison[F any](t *testing.T, columns []column[F], c comparison[F], mayBeZero ...string) {
	t.Helper()
	var b strings.Builder
	if err := printComparisons(&b, columns, c, c); err != nil {
		t.Fatal(err)
	}
	table := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(table) != 1+3+3 {
		t.Fatalf("got %d lines, want a heading and three for each comparison:\n%s", len(table), &b)
	}
	for _, column := range columns {
		if !strings.Contains(table[0], column.unit) {
			t.Errorf("the heading lacks %s:\n%s", column.unit, &b)
		}
		for _, values := range []F{c.floor, c.other, c.ratio} {
			if *column.of(&values) <= 0 && !slices.Contains(mayBeZero, column.unit) {
				t.Errorf("%s was not measured:\n%s", column.unit, &b)
			}
		}
	}
}

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
