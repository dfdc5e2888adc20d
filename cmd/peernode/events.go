package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// An eventLine is one thing that run prints. As JSON the fields keep their names; more may come.
type eventLine struct {
	Event string `json:"event"`
	Time  string `json:"time,omitempty"` // RFC 3339, UTC, to the millisecond; listening has none

	// Of listening, the first line.
	PublicKey string   `json:"public_key,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Control   string   `json:"control,omitempty"` // the path of the control socket

	// Of all that concern a peer.
	Peer    string `json:"peer,omitempty"`
	Label   string `json:"label,omitempty"`
	Address string `json:"address,omitempty"`

	Source string          `json:"source,omitempty"` // found, lost: who says so
	Role   string          `json:"role,omitempty"`   // connected: this node's, initiator or responder
	Name   string          `json:"name,omitempty"`   // connected: what the peer calls itself; received: the handler
	Reason string          `json:"reason,omitempty"` // lost, disconnected, refused
	Text   string          `json:"text,omitempty"`   // disconnected: the peer's own words
	Args   json.RawMessage `json:"args,omitempty"`   // received: what was sent
	Older  string          `json:"older,omitempty"`  // conflict: the addresses of the two nodes that use one key
	Newer  string          `json:"newer,omitempty"`
	Missed int             `json:"missed,omitempty"` // lagged: events that nobody will see

	at  time.Time
	key identity.PublicKey
}

// newEventLine returns the line for e, without label.
func newEventLine(e peernet.Event) eventLine {
	l := eventLine{Event: e.Kind(), at: e.Time()}
	switch e := e.(type) {
	case peernet.Found:
		l.key, l.Address, l.Source = e.Peer, address(e.Addr), e.Source
	case peernet.Lost:
		l.key, l.Address, l.Source, l.Reason = e.Peer, address(e.Addr), e.Source, e.Reason
	case peernet.Connected:
		l.key, l.Address, l.Role, l.Name = e.Peer, address(e.Addr), e.Role, e.Name
	case peernet.Disconnected:
		l.key, l.Address, l.Reason, l.Text = e.Peer, address(e.Addr), e.Reason, e.Text
	case peernet.Paired:
		l.key, l.Label = e.Peer, e.Label
	case peernet.Unpaired:
		l.key = e.Peer
	case peernet.Refused:
		l.key, l.Address, l.Reason = e.Peer, address(e.Addr), e.Reason
	case peernet.IdentityConflict:
		l.key, l.Older, l.Newer = e.Peer, address(e.Older), address(e.Newer)
	case peernet.Lagged:
		l.Missed = e.N
	}
	return l
}

// String returns the line as a person reads it.
func (l eventLine) String() string {
	if l.Event == "listening" {
		return fmt.Sprintf("listening on %s\nkey       %s\ncontrol   %s",
			strings.Join(l.Addresses, ", "), l.PublicKey, oneLine(l.Control))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-12s", l.at.Local().Format("15:04:05.000"), l.Event)
	add := func(format, text string) {
		if text != "" {
			fmt.Fprintf(&b, format, text)
		}
	}
	if !l.key.IsZero() {
		add(" %s", called(l.key, l.Label))
	}
	add(" at %s", l.Address)
	add(": %s", oneLine(l.Reason))
	add(", by %s", l.Source)
	add(", as %s", l.Role)
	if l.Event == "received" {
		add(": %s", oneLine(l.Name))
		add(" %s", string(printableJSON(l.Args)))
	} else {
		add(", calls itself %q", l.Name)
	}
	add(", says %q", l.Text)
	add(" is in use at %s", l.Older)
	add(" and at %s", l.Newer)
	if l.Missed > 0 {
		fmt.Fprintf(&b, " %d events were missed", l.Missed)
	}
	return strings.TrimRight(b.String(), " ")
}

// An eventPrinter prints what happens to a node. Its methods are safe for concurrent use.
type eventPrinter struct {
	*app
	label func(identity.PublicKey) string // ours for a trusted peer, else nothing
	begun chan struct{}                   // closed when the first line is out
}

func newEventPrinter(a *app, node *peernet.Node) *eventPrinter {
	label := func(key identity.PublicKey) string {
		p, _ := node.Peer(key)
		return p.Label
	}
	return &eventPrinter{app: a, label: label, begun: make(chan struct{})}
}

// listening prints the first line. It is called once.
func (p *eventPrinter) listening(key identity.PublicKey, addrs []netip.AddrPort, socket string) error {
	defer close(p.begun)
	return p.line(eventLine{
		Event:     "listening",
		PublicKey: key.String(),
		Addresses: texts(addrs),
		Control:   socket,
	})
}

// stopped prints the last line.
func (p *eventPrinter) stopped() {
	p.line(eventLine{Event: "stopped", at: time.Now()}) // a write that fails is remembered by the output
}

// print prints each of events until they end. It is called after listening.
func (p *eventPrinter) print(events iter.Seq[peernet.Event]) {
	for e := range events {
		p.line(newEventLine(e)) // as above
	}
}

// echo is the handler echo: a call returns what it is called with, a send is printed.
func (p *eventPrinter) echo(ctx context.Context, r *peernet.Request) (any, error) {
	if !r.IsSend() {
		return r.Args(), nil
	}
	args, err := r.Args().MarshalJSON()
	if err != nil {
		return nil, err
	}
	select {
	case <-p.begun:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	from := r.Caller()
	return nil, p.line(eventLine{
		Event:   "received",
		Label:   from.Label,
		Address: address(from.Addr),
		Name:    r.Name(),
		Args:    args,
		at:      time.Now(),
		key:     from.Key,
	})
}

// line completes l and prints it.
func (p *eventPrinter) line(l eventLine) error {
	if !l.key.IsZero() {
		l.Peer = l.key.String()
		if l.Label == "" {
			l.Label = p.label(l.key)
		}
	}
	if !l.at.IsZero() {
		l.Time = l.at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if p.json {
		return p.object(l)
	}
	_, err := fmt.Fprintln(p.out, l)
	return err
}

// address returns a as text, or nothing if there is none.
func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
