package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// The lines of docs/performance.md between which WriteDocs writes.
const (
	begin = "<!-- figures: begin -->\n"
	end   = "<!-- figures: end -->\n"
)

var errNoMarks = errors.New("performance.md has no lines between which figures belong")

// WriteDocs writes the charts into a folder and the tables into its performance.md.
func (r *Report) WriteDocs(folder, machine string, measures []measure.Measure) error {
	page := filepath.Join(folder, "performance.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(text, []byte(begin))
	_, after, foundEnd := bytes.Cut(rest, []byte(end))
	if !found || !foundEnd {
		return errNoMarks
	}
	if err := os.MkdirAll(filepath.Join(folder, chartFolder), 0o755); err != nil {
		return err
	}
	var charts []Chart
	for _, c := range Charts {
		svg, found := r.SVG(c)
		if !found {
			continue
		}
		charts = append(charts, c)
		if err := os.WriteFile(filepath.Join(folder, chartFolder, c.File), svg, 0o644); err != nil {
			return err
		}
	}
	figures := []byte(begin + "\n" + r.markdown(machine, charts, measures) + end)
	return os.WriteFile(page, slices.Concat(before, figures, after), 0o644)
}

// markdown returns the tables and links to the charts.
func (r *Report) markdown(machine string, charts []Chart, measures []measure.Measure) string {
	var b strings.Builder
	b.WriteString(wrap(machine) + "\n")
	section(&b, "Beside what a user would pick instead", r.summaryRows())
	for _, c := range charts {
		fmt.Fprintf(&b, "![%s](%s/%s)\n\n", c.Title, chartFolder, c.File)
	}
	section(&b, "The bars", r.barRows())
	for _, m := range measures {
		section(&b, "`"+m.Name+"`", r.caseRows(m))
	}
	return b.String()
}

// section writes a heading and a table, unless the table has only its own heading.
func section(b *strings.Builder, title string, rows [][]string) {
	if len(rows) < 2 {
		return
	}
	fmt.Fprintf(b, "### %s\n\n", title)
	for i, row := range rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|---" + strings.Repeat("|---", len(row)-1) + "|\n")
		}
	}
	b.WriteString("\n")
}

// caseRows returns a heading, and a row for each case of the floor and of this node: the whole, with all runners, is what the command
// prints. A column in which nothing was found is left out.
func (r *Report) caseRows(m measure.Measure) [][]string {
	columns := make([]measure.Column, 0, len(m.Columns))
	for _, column := range m.Columns {
		if r.hasColumn(m, column) {
			columns = append(columns, column)
		}
	}
	m.Columns = columns
	var rows [][]string
	for _, c := range m.Cases {
		for i, row := range r.rows(m, c) {
			switch {
			case i == 0 && rows == nil:
				rows = append(rows, append([]string{"case"}, row...))
			case row[0] == r.Floor || row[0] == r.Node:
				_, name, _ := strings.Cut(c.String(), ": ")
				rows = append(rows, append([]string{name}, row...))
			}
		}
	}
	return rows
}

func (r *Report) hasColumn(m measure.Measure, column measure.Column) bool {
	for _, c := range m.Cases {
		for _, runner := range []string{r.Floor, r.Node} {
			if _, found := r.Value(Place{c, column}, runner); found {
				return true
			}
		}
	}
	return false
}

// wrap breaks prose into lines of at most 100 characters.
func wrap(prose string) string {
	const width = 100
	var b strings.Builder
	room := 0
	for _, word := range strings.Fields(prose) {
		n := len([]rune(word))
		switch {
		case b.Len() == 0:
		case n+1 > room:
			b.WriteString("\n")
			room = width
		default:
			b.WriteString(" ")
			room--
		}
		if b.Len() == 0 {
			room = width
		}
		b.WriteString(word)
		room -= n
	}
	return b.String() + "\n"
}
