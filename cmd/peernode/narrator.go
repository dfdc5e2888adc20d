package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
)

// A demoLine is what demo prints with --json: one for each thing that happened, in order.
type demoLine struct {
	Step string  `json:"step"`
	OK   bool    `json:"ok"`
	At   float64 `json:"at_ms"` // since the demo began
	Text string  `json:"text"`  // as demo prints it without --json

	Node      string   `json:"node,omitempty"` // who acts: alice, bob or mallory
	Peer      string   `json:"peer,omitempty"` // the node it concerns
	PublicKey string   `json:"public_key,omitempty"`
	Address   string   `json:"address,omitempty"`
	Source    string   `json:"source,omitempty"`
	Interface string   `json:"interface,omitempty"`
	Name      string   `json:"name,omitempty"`
	Args      any      `json:"args,omitempty"`
	Result    any      `json:"result,omitempty"`
	Took      *float64 `json:"took_ms,omitempty"` // a round trip, or how long it took
	Reason    string   `json:"reason,omitempty"`
	Error     string   `json:"error,omitempty"`
}

// A narrator prints the steps of a demo with the time since it began.
type narrator struct {
	*app
	step  string // the step that is being taken
	told  string // the step that was told of last
	begun time.Time
}

func newNarrator(a *app) *narrator { return &narrator{app: a, begun: time.Now()} }

// tell prints what happened, in lines of 80 columns. A write that fails is remembered by the output.
func (n *narrator) tell(l demoLine, format string, args ...any) {
	l.OK = true
	n.print(l, fmt.Sprintf(format, args...))
}

// failed prints that the step failed.
func (n *narrator) failed(err error) {
	n.print(demoLine{Error: err.Error()}, "failed: "+err.Error())
}

func (n *narrator) print(l demoLine, text string) {
	at := time.Since(n.begun)
	if n.json {
		l.Step, l.At, l.Text = n.step, control.Milliseconds(at), text
		n.object(l)
		return
	}
	head := fmt.Sprintf("%4d ms  %-7s ", at.Milliseconds(), n.step)
	if n.told == n.step {
		head = fmt.Sprintf("%4d ms  %-7s ", at.Milliseconds(), "")
	}
	n.told = n.step
	fmt.Fprintln(n.out, head+strings.Join(wrap(text, 80-len(head)), "\n"+strings.Repeat(" ", len(head))))
}

// wrap breaks text between words into lines of at most width characters; a longer word has a line of its own.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch joined := line + " " + word; {
		case line == "":
			line = word
		case utf8.RuneCountInString(joined) <= width:
			line = joined
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// span returns d as a person reads it.
func span(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// spanned returns d as the field took_ms holds it.
func spanned(d time.Duration) *float64 {
	ms := control.Milliseconds(d)
	return &ms
}

// asJSON returns v as JSON.
func asJSON(v any) string {
	text, err := marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
