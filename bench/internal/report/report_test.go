package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// filled is a report of two passes, in the second of which the machine was half as fast, and of a runner that failed in the first.
func filled() *Report {
	r := New("floor", "node", []string{"floor", "node", "a & b"})
	for _, at := range []Place{calls(2, 64, measure.CallsPerSec), calls(1, 64, measure.CallsPerSec)} {
		for pass, speed := range []float64{1, 0.5} {
			r.Add(at.Case, "floor", measure.Figures{at.Column.Name: 1_000_000 * speed})
			r.Add(at.Case, "node", measure.Figures{at.Column.Name: 700_000 * speed})
			if pass == 0 {
				r.Add(at.Case, "a & b", nil)
			} else {
				r.Add(at.Case, "a & b", measure.Figures{at.Column.Name: 100_000 * speed})
			}
		}
	}
	return r
}

func callsMeasure(t *testing.T) measure.Measure {
	t.Helper()
	for _, m := range measure.Measures {
		if m.Name == measure.CallsName {
			return m
		}
	}
	t.Fatal("there is no such measure")
	panic("unreachable")
}

func TestRatiosAreThoseOfOnePass(t *testing.T) {
	r, at := filled(), calls(2, 64, measure.CallsPerSec)
	for _, c := range []struct {
		runner        string
		median, ratio float64
	}{
		{"floor", 750_000, 1},
		{"node", 525_000, 0.7},
		{"a & b", 50_000, 0.1}, // to the pass in which it did not fail
	} {
		v, found := r.Value(at, c.runner)
		if !found || v.Median != c.median || v.Ratio != c.ratio {
			t.Errorf("%s: got %+v, %v, want %v and a ratio of %v", c.runner, v, found, c.median, c.ratio)
		}
	}
	if v, found := r.Value(calls(2, 8, measure.CallsPerSec), "node"); found {
		t.Errorf("found %v where nothing was measured", v)
	}
}

func TestTableShowsRatiosBesideValues(t *testing.T) {
	var b strings.Builder
	if err := filled().WriteText(&b, callsMeasure(t)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"GOMAXPROCS 2, callers 64, bytes 64", "calls/s", "750,000", "525,000 (0.70)", "50,000 (0.10)", " -"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), "callers 8,") {
		t.Errorf("the table has a case that was not measured:\n%s", &b)
	}
}

func TestBarsSayWhatIsMet(t *testing.T) {
	var got []string
	for _, row := range filled().barRows()[1:] {
		got = append(got, strings.Join(row, "; "))
	}
	want := []string{
		"calls per second, 64 callers, GOMAXPROCS 2; 750,000; 525,000; 0.70; at least 0.65; yes",
		"the same, two processors over one; 750,000; 525,000; 1.00; at least 1.15; no",
		"calls per second, 64 callers, GOMAXPROCS 1; 750,000; 525,000; 0.70; at least 0.46; yes",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEveryPlaceIsMeasured(t *testing.T) {
	places := make(map[string]Place)
	for _, b := range Bars {
		places[b.Title] = b.At
		if b.Over != (measure.Case{}) {
			places[b.Title+", over"] = Place{b.Over, b.At.Column}
		}
	}
	for _, c := range Charts {
		places[c.File] = c.At
	}
	for _, s := range summary {
		places[s.title] = s.at
	}
	for title, at := range places {
		found := false
		for _, m := range measure.Measures {
			for _, c := range m.Cases {
				for _, column := range m.Columns {
					found = found || at == Place{c, column}
				}
			}
		}
		if !found {
			t.Errorf("%s is shown and never measured: %v, %s", title, at.Case, at.Column.Name)
		}
	}
}

func TestChartIsWellFormed(t *testing.T) {
	svg, found := filled().SVG(Charts[0])
	if !found {
		t.Fatal("nothing is drawn")
	}
	var rects, texts int
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			switch e.Name.Local {
			case "rect":
				rects++
			case "text":
				texts++
			}
		}
	}
	if rects != 1+3 || texts != 1+2*3 {
		t.Errorf("got %d rectangles and %d texts, want a background, a title and three bars with two texts:\n%s", rects, texts, svg)
	}
	if _, found := filled().SVG(Charts[1]); found {
		t.Error("a chart of nothing is drawn")
	}
}

func TestDocsKeepWhatIsAroundTheFigures(t *testing.T) {
	folder := t.TempDir()
	page := filepath.Join(folder, "performance.md")
	after := strings.Repeat("\nafter\n", 1000) // longer than what is written before it
	if err := os.WriteFile(page, []byte("# Before\n\n"+begin+"old\n"+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
	machine := strings.Repeat("a machine with a name ", 20)
	for range 2 { // the second time replaces what the first wrote
		if err := filled().WriteDocs(folder, machine, measure.Measures); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	s := string(text)
	if !strings.HasPrefix(s, "# Before\n\n"+begin) || !strings.HasSuffix(s, end+after) || strings.Contains(s, "old") {
		t.Errorf("the page is now\n%s", s)
	}
	if strings.Count(s, "| node | ") != 3 || strings.Count(s, "charts/calls.svg") != 1 {
		t.Errorf("the page has not each table once:\n%s", s)
	}
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, "|") && utf8.RuneCountInString(line) > 101 {
			t.Errorf("a line is too long: %q", line)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, chartFolder, "calls.svg")); err != nil {
		t.Error(err)
	}
}

func TestDocsNeedTheirMarks(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "performance.md"), []byte("text\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := filled().WriteDocs(folder, "", nil); !errors.Is(err, errNoMarks) {
		t.Errorf("got %v, want %v", err, errNoMarks)
	}
}

func TestJSONHasEveryPass(t *testing.T) {
	var b bytes.Buffer
	if err := filled().WriteJSON(&b, "a machine", measure.Measures); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Machine string
		Found   []struct {
			Case   measure.Case
			Runner string
			Values map[string]Value
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Machine != "a machine" || len(got.Found) != 2*3 {
		t.Fatalf("got %s", &b)
	}
	last := got.Found[4]
	if v := last.Values["calls/s"]; last.Runner != "node" || len(v.Passes) != 2 || v.Ratio != 0.7 {
		t.Errorf("got %+v", last)
	}
}

func TestNumbersHaveCommas(t *testing.T) {
	for _, c := range []struct {
		n      float64
		digits int
		want   string
	}{{0, 0, "0"}, {999, 0, "999"}, {1000, 0, "1,000"}, {1234567.25, 2, "1,234,567.25"}, {-1000, 0, "-1,000"}, {-100, 1, "-100.0"}} {
		if got := number(c.n, c.digits); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
