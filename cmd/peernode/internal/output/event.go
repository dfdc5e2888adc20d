package output

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
)

// Event prints an event.
func (p *Printer) Event(e control.Event) error { return p.Print(e, "%s", eventText(e)) }

// DropEvents makes Event drop events that are not read in time. When there is room again, the event that lagged returns says
// how many were dropped.
func (p *Printer) DropEvents(lagged func(n int) control.Event) {
	p.Drop(func(n int) []byte {
		e := lagged(n)
		line, _ := p.line(e, "%s", eventText(e)) // an event is plain data, which always becomes JSON
		return line
	})
}

// eventText returns an event as text for people: several lines for listening, one for the others.
func eventText(e control.Event) string {
	if e.Kind == "listening" {
		return fmt.Sprintf("listening on %s\nkey       %s\ncontrol   %s",
			strings.Join(e.Addresses, ", "), e.PublicKey, text.OneLine(e.Control))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-12s", timeOfDay(e.Time), e.Kind)
	if about := tunnelText(e); about != "" {
		return b.String() + " " + about
	}
	add := func(format, value string) {
		if value != "" {
			fmt.Fprintf(&b, format, value)
		}
	}
	name := text.PeerName(e.Peer, e.Label)
	switch e.Kind {
	case "found", "updated", "lost", "refused", "unpaired", "blocked", "unblocked", "guest_connected", "guest_disconnected":
		if e.Label == "" { // the key may not be trusted: show it whole
			name = e.Peer
		}
	}
	if e.Kind == "discovery" {
		return b.String() + " " + e.Source + " " + text.Problem(e.Doing, e.Interface, e.Reason)
	}
	add(" %s", name)
	add(" at %s", e.Address)
	add(": %s", text.OneLine(e.Reason))
	add(", by %s", e.Source)
	add(" on %s", text.OneLine(e.Interface))
	if e.Left != nil && *e.Left > 0 {
		fmt.Fprintf(&b, ", still seen in %s", text.Count(*e.Left, "other way"))
	}
	add(", as %s", e.Role)
	if e.Kind == "received" {
		add(": %s", text.OneLine(e.Name))
		add(" %s", string(text.PrintableJSON(e.Args)))
	} else {
		add(", calls itself %q", e.Name)
	}
	add(", says %q", e.Text)
	if !e.Until.IsZero() {
		add(" until %s", e.Until.Local().Format(time.DateTime))
	}
	if add(" is in use at %s", e.Older); e.Older != "" {
		add(" and at %s", e.Newer)
	} else if add(" is in use twice, says %s", text.PeerName(e.By, e.ByLabel)); e.By != "" {
		add(" at %s", e.Newer)
	}
	if e.Missed > 0 {
		fmt.Fprintf(&b, " %d events were missed", e.Missed)
	}
	return strings.TrimRight(b.String(), " ")
}

// timeOfDay returns the local time of day of an event's timestamp.
func timeOfDay(stamp string) string {
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return text.OneLine(stamp)
	}
	return t.Local().Format("15:04:05.000")
}
