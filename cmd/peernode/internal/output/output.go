// Package output prints results, as text for people or as one JSON object per line, and writes them and messages to streams
// that may be slow.
package output

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
)

// A Printer prints results. It is safe for concurrent use.
type Printer struct {
	*Stream
	JSON bool // print one JSON object per line, for programs
}

// Print prints a result: v as JSON for programs, or a line of text for people.
func (p *Printer) Print(v any, format string, args ...any) error {
	line, err := p.line(v, format, args...)
	if err != nil {
		return err
	}
	_, err = p.Write(line)
	return err
}

// Object prints v as JSON. It is for callers that have seen that JSON is true.
func (p *Printer) Object(v any) error { return p.Print(v, "%v", v) }

// line returns what Print prints.
func (p *Printer) line(v any, format string, args ...any) ([]byte, error) {
	if !p.JSON {
		return fmt.Appendf(nil, format+"\n", args...), nil
	}
	line, err := text.JSON(v)
	return append(line, '\n'), err
}

// List prints a list: each value as JSON for programs, or for people a table of their cells, with a head unless it is nil.
func List[T any](p *Printer, list []T, head []string, cells func(T) []string) error {
	table := p.Table()
	row := func(cells []string) { fmt.Fprintln(table, strings.Join(cells, "\t")) } // a write that fails fails again in Flush
	if head != nil && !p.JSON {
		row(head)
	}
	for _, v := range list {
		if !p.JSON {
			row(cells(v))
		} else if err := p.Object(v); err != nil {
			return err
		}
	}
	return table.Flush()
}

// Table returns a writer that aligns columns, which end with tabs. It prints when it is flushed.
func (p *Printer) Table() *tabwriter.Writer { return tabwriter.NewWriter(p, 0, 0, 2, ' ', 0) }
