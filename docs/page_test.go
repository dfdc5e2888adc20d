package docs_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A page is wire.md as the tests read it.
type page struct {
	blocks map[string]block
	tables map[string][][]string // rows by the heading above the table and the table's first header cell, as "6.8 code"
}

// A block is a fenced code block that has a name.
type block []item

// An item is one byte string of a block: its first line, the indented lines below it, and its last comment.
type item struct {
	bytes   []byte
	text    string // as it stands on the page, in a block that is not hex
	comment string
}

var (
	fence   = regexp.MustCompile("^```(hex|text) name=([a-z0-9-]+)$")
	section = regexp.MustCompile(`^#+ (?:Appendix )?([0-9A-B](?:[0-9.]*[0-9])?)\b`)
)

// readPage reads wire.md. It ends the test if a block has no name, if two share one, or if a block does not match its fence.
func readPage(t *testing.T) page {
	t.Helper()
	raw, err := os.ReadFile("wire.md")
	if err != nil {
		t.Fatal(err)
	}
	p := page{blocks: map[string]block{}, tables: map[string][][]string{}}
	var number, open, table string
	for i, line := range strings.Split(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case open != "" && line == "```":
			open = ""
		case open == "-": // a block without a name shows a pattern or a layout
		case open != "":
			kind, name, _ := strings.Cut(open, " ")
			if p.blocks[name], err = p.blocks[name].add(kind, line); err != nil {
				t.Fatalf("wire.md:%d: %v", i+1, err)
			}
		case m != nil:
			open = m[1] + " " + m[2]
			if p.blocks[m[2]] != nil {
				t.Fatalf("wire.md:%d: a second block called %s", i+1, m[2])
			}
		case line == "```":
			open = "-"
		case strings.HasPrefix(line, "```"):
			t.Fatalf("wire.md:%d: a fence that is neither plain nor named: %s", i+1, line)
		case strings.HasPrefix(line, "|"):
			cells := row(line)
			if table == "" {
				table = number + " " + cells[0]
			}
			p.tables[table] = append(p.tables[table], cells)
		default:
			table = ""
			if m := section.FindStringSubmatch(line); m != nil {
				number = m[1]
			}
		}
	}
	if open != "" {
		t.Fatalf("wire.md: the block %q does not end", open)
	}
	return p
}

// add returns b extended by one line of the page.
func (b block) add(kind, line string) (block, error) {
	digits, comment, _ := strings.Cut(line, "#")
	comment = strings.TrimSpace(comment)
	if kind == "text" {
		return append(b, item{text: line}), nil
	}
	more, err := decodeHex(digits)
	if err != nil || len(more) == 0 {
		return b, err // nothing but a comment
	}
	if strings.HasPrefix(line, " ") && len(b) > 0 {
		last := &b[len(b)-1]
		last.bytes, last.comment = append(last.bytes, more...), comment
		return b, nil
	}
	return append(b, item{bytes: more, comment: comment}), nil
}

// decodeHex returns the bytes of hex digits with white space, where 78*5000 is a byte that comes many times.
func decodeHex(text string) ([]byte, error) {
	var all []byte
	for _, field := range strings.Fields(text) {
		digits, count, repeated := strings.Cut(field, "*")
		some, err := hex.DecodeString(digits)
		times := 1
		if err == nil && repeated {
			times, err = strconv.Atoi(count)
		}
		if err != nil || times < 1 {
			return nil, fmt.Errorf("%s: %w", field, err)
		}
		all = append(all, bytes.Repeat(some, times)...)
	}
	return all, nil
}

// bytes returns all of the block as one byte string.
func (b block) bytes() []byte {
	var all []byte
	for _, i := range b {
		all = append(all, i.bytes...)
	}
	return all
}

// table returns the rows below the header of a table, at least one.
func (p page) table(t *testing.T, name string) [][]string {
	t.Helper()
	rows := p.tables[name]
	if len(rows) < 3 {
		t.Fatalf("wire.md has no table %q", name)
	}
	return rows[2:]
}

// row returns the cells of a line of a table, without backquotes.
func row(line string) []string {
	line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
	cells := strings.Split(line, "|")
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(c), "`", ""), "\x00", "|")
	}
	return cells
}

// number returns the number that a cell begins with, thousands separated by commas.
func number(t *testing.T, cell string) int {
	t.Helper()
	digits := cell
	if end := strings.IndexFunc(cell, func(r rune) bool { return (r < '0' || r > '9') && r != ',' }); end >= 0 {
		digits = cell[:end]
	}
	n, err := strconv.Atoi(strings.ReplaceAll(digits, ",", ""))
	if err != nil {
		t.Fatalf("%q does not begin with a number", cell)
	}
	return n
}
