// Package report turns what the passes found into medians and ratios, and those into a table, JSON and charts.
package report

import "slices"

// medians returns the medians of f, of o, and of o[i]/f[i]; the last is 0 if f has only zeros. That is not the ratio of the
// medians: a machine whose speed wanders slows both of a pass.
func medians(f, o []float64) (floor, other, ratio float64) {
	var ratios []float64
	for i := range min(len(f), len(o)) {
		if f[i] != 0 {
			ratios = append(ratios, o[i]/f[i])
		}
	}
	return median(f), median(o), median(ratios)
}

// median returns the middle value, or the mean of the two in the middle, or 0 of nothing. It leaves values as they are.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
