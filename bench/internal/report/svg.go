package report

import (
	"bytes"
	"fmt"
	"html"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// chartFolder is where charts lie, beside performance.md.
const chartFolder = "charts"

// A Chart shows one value of each runner as a bar.
type Chart struct {
	File   string
	Title  string
	Better string // "more" or "less"
	At     Place
}

// Charts are all of them.
var Charts = []Chart{
	{"calls.svg", "Calls per second, 64 callers, 64 bytes", "more", calls(2, 64, measure.CallsPerSec)},
	{"latency.svg", "Round trip of a call of 64 bytes, p50, µs", "less", calls(2, 1, measure.P50)},
	{"bulk.svg", "Calls of 64 KiB, MB/s", "more", bulk(64<<10, 1)},
	{"sessions.svg", "Sessions set up per second", "more", sessions(4, 1000, measure.SessionsPerSec)},
	{"memory.svg", "Memory of an idle session, both ends, KiB", "less", sessions(4, 1000, measure.IdleKiB)},
	{"line.svg", "A small call beside bulk on 50 Mbit/s, p99, ms", "less", slowLine(measure.SmallP99)},
}

// Sizes in a chart, in pixels.
const (
	chartWidth = 760
	labelWidth = 220
	valueWidth = 90
	rowHeight  = 26
	barHeight  = 16
	headHeight = 44
)

// SVG draws a chart, and reports whether there is anything to draw.
func (r *Report) SVG(c Chart) (svg []byte, found bool) {
	type row struct {
		runner string
		value  float64
	}
	var rows []row
	most := 0.0
	for _, runner := range r.Runners {
		if v, ok := r.Value(c.At, runner); ok {
			rows = append(rows, row{runner, v.Median})
			most = max(most, v.Median)
		}
	}
	if most == 0 {
		return nil, false
	}
	var b bytes.Buffer
	height := headHeight + rowHeight*len(rows) + 8
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n",
		chartWidth, height, chartWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", chartWidth, height)
	fmt.Fprintf(&b, `<text x="12" y="26" font-size="15" fill="#222222">%s (%s is better)</text>`+"\n", html.EscapeString(c.Title), c.Better)
	for i, row := range rows {
		y := headHeight + rowHeight*i
		text := y + barHeight - 3
		width := (chartWidth - labelWidth - valueWidth) * row.value / most
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#222222">%s</text>`+"\n", labelWidth-8, text, html.EscapeString(row.runner))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", labelWidth, y, max(width, 1), barHeight, r.colour(row.runner))
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" fill="#222222">%s</text>`+"\n", labelWidth+max(width, 1)+6, text, number(row.value, c.At.Column.Digits))
	}
	b.WriteString("</svg>\n")
	return b.Bytes(), true
}

// colour is that of a runner's bar.
func (r *Report) colour(runner string) string {
	switch runner {
	case r.Node:
		return "#1b7f4d"
	case r.Floor:
		return "#555555"
	}
	return "#9fb3c8"
}
