package demo

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
)

// A line is what the demo prints with --json for each thing that happens.
type line struct {
	Step string  `json:"step"`
	OK   bool    `json:"ok"`
	At   float64 `json:"at_ms"` // since the demo began
	Text string  `json:"text"`  // as it is printed without --json

	Node      string   `json:"node,omitempty"` // who acts: alice, bob or mallory
	Peer      string   `json:"peer,omitempty"` // the node it concerns
	PublicKey string   `json:"public_key,omitempty"`
	Address   string   `json:"address,omitempty"`
	Source    string   `json:"source,omitempty"`
	Interface string   `json:"interface,omitempty"`
	Name      string   `json:"name,omitempty"`
	Args      any      `json:"args,omitempty"`
	Result    any      `json:"result,omitempty"`
	Took      *float64 `json:"took_ms,omitempty"` // how long it took
	Reason    string   `json:"reason,omitempty"`
	Error     string   `json:"error,omitempty"`
}

// A narrator prints the steps of a story with the time since it began.
type narrator struct {
	out   *output.Printer
	step  string // the step that is being taken
	told  string // the step of the line before
	begun time.Time
}

// tell prints what happened. The printer remembers a write that fails.
func (n *narrator) tell(l line, format string, args ...any) {
	l.OK = true
	n.print(l, fmt.Sprintf(format, args...))
}

// tellTimed is tell with the time that it took.
func (n *narrator) tellTimed(l line, took time.Duration, format string, args ...any) {
	ms := control.Milliseconds(took)
	l.Took = &ms
	n.tell(l, "%s (%.2f ms)", fmt.Sprintf(format, args...), float64(took)/float64(time.Millisecond))
}

// fail prints that the step failed.
func (n *narrator) fail(err error) {
	n.print(line{Error: err.Error()}, "failed: "+err.Error())
}

// print prints a line: for people in 80 columns.
func (n *narrator) print(l line, words string) {
	at := time.Since(n.begun)
	l.Step, l.At, l.Text = n.step, control.Milliseconds(at), words
	step := n.step
	if n.told == n.step {
		step = ""
	}
	n.told = n.step
	head := fmt.Sprintf("%4d ms  %-7s ", at.Milliseconds(), step)
	n.out.Print(l, "%s", head+strings.Join(wrap(words, 80-len(head)), "\n"+strings.Repeat(" ", len(head))))
}

// wrap breaks text between words into lines of at most width characters. A longer word has its own line.
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

// asJSON returns v, plain data that always becomes JSON, as text.
func asJSON(v any) string {
	words, _ := text.JSON(v)
	return string(words)
}
