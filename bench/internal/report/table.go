package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// WriteText writes the tables of a measure for a terminal: for each case a line for each runner, with the ratio to the floor in
// brackets.
func (r *Report) WriteText(w io.Writer, m measure.Measure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range m.Cases {
		rows := r.rows(m, c)
		if len(rows) == 1 {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", c)
		for _, row := range rows {
			fmt.Fprintln(t, strings.Join(row, "\t")+"\t")
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// WriteBars writes what this node should reach, and whether it does.
func (r *Report) WriteBars(w io.Writer) error {
	rows := r.barRows()
	if len(rows) == 1 {
		return nil
	}
	fmt.Fprintln(w, "\nbars")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// rows returns the heading and a row for each runner that the case was found for.
func (r *Report) rows(m measure.Measure, c measure.Case) [][]string {
	heading := []string{"runner"}
	for _, column := range m.Columns {
		heading = append(heading, column.Name)
	}
	rows := [][]string{heading}
	for _, runner := range r.Runners {
		row := []string{runner}
		any := false
		for _, column := range m.Columns {
			v, found := r.Value(Place{c, column}, runner)
			any = any || found
			row = append(row, r.cell(runner, column, v, found))
		}
		if any {
			rows = append(rows, row)
		}
	}
	return rows
}

// cell shows a value as "224,000 (0.40)".
func (r *Report) cell(runner string, column measure.Column, v Value, found bool) string {
	if !found {
		return "-"
	}
	s := number(v.Median, column.Digits)
	if v.Ratio != 0 && runner != r.Floor {
		s += fmt.Sprintf(" (%.2f)", v.Ratio)
	}
	return s
}

// number shows n with digits after the point, and a comma between thousands.
func number(n float64, digits int) string {
	s := fmt.Sprintf("%.*f", digits, n)
	whole, rest, point := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + rest
	}
	return whole
}
