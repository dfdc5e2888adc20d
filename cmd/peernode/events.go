package main

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A labeller returns this node's label for a peer: nothing if it has none, or is not trusted.
type labeller func(identity.PublicKey) string

// newLabeller returns the one that asks node.
func newLabeller(node *peernet.Node) labeller {
	return func(key identity.PublicKey) string {
		p, _ := node.Peer(key)
		return p.Label
	}
}

// newEvent returns e as it is printed, and told over the control socket.
func newEvent(e peernet.Event, label labeller) control.Event {
	l := control.Event{Kind: e.Kind(), Time: timestamp(e.Time())}
	var key identity.PublicKey
	switch e := e.(type) {
	case peernet.Found:
		key, l.Address, l.Source, l.Interface = e.Peer, address(e.Addr), e.Source, e.Interface
	case peernet.Updated:
		key, l.Address, l.Source, l.Interface = e.Peer, address(e.Addr), e.Source, e.Interface
	case peernet.Lost:
		key, l.Address, l.Source, l.Reason, l.Left = e.Peer, address(e.Addr), e.Source, e.Reason, &e.Left
	case peernet.Connected:
		key, l.Address, l.Role, l.Name = e.Peer, address(e.Addr), e.Role, e.Name
	case peernet.Disconnected:
		key, l.Address, l.Reason, l.Text = e.Peer, address(e.Addr), e.Reason, e.Text
	case peernet.Paired:
		key, l.Label = e.Peer, e.Label
	case peernet.Unpaired:
		key = e.Peer
	case peernet.Refused:
		key, l.Address, l.Reason = e.Peer, address(e.Addr), e.Reason
	case peernet.IdentityConflict:
		key, l.Older, l.Newer = e.Peer, address(e.Older), address(e.Newer)
	case peernet.Lagged:
		l.Missed = e.N
	}
	if !key.IsZero() {
		l.Peer = key.String()
		if l.Label == "" {
			l.Label = label(key)
		}
	}
	return l
}

// An eventLine is an event as a person reads it.
type eventLine control.Event

// String returns the line, or for listening the lines.
func (l eventLine) String() string {
	if l.Kind == "listening" {
		return fmt.Sprintf("listening on %s\nkey       %s\ncontrol   %s",
			strings.Join(l.Addresses, ", "), l.PublicKey, oneLine(l.Control))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-12s", timeOfDay(l.Time), l.Kind)
	add := func(format, text string) {
		if text != "" {
			fmt.Fprintf(&b, format, text)
		}
	}
	name := peerName(l.Peer, l.Label)
	switch l.Kind {
	case "found", "updated", "lost", "refused", "unpaired":
		if l.Label == "" { // it may be a stranger's
			name = l.Peer
		}
	}
	add(" %s", name)
	add(" at %s", l.Address)
	add(": %s", oneLine(l.Reason))
	add(", by %s", l.Source)
	add(" on %s", oneLine(l.Interface))
	if l.Left != nil && *l.Left > 0 {
		fmt.Fprintf(&b, ", still seen in %s", count(*l.Left, "other way"))
	}
	add(", as %s", l.Role)
	if l.Kind == "received" {
		add(": %s", oneLine(l.Name))
		add(" %s", string(printableJSON(l.Args)))
	} else {
		add(", calls itself %q", l.Name)
	}
	add(", says %q", l.Text)
	if add(" is in use at %s", l.Older); l.Older != "" {
		add(" and at %s", l.Newer)
	} else {
		add(" is in use twice, says the peer at %s", l.Newer)
	}
	if l.Missed > 0 {
		fmt.Fprintf(&b, " %d events were missed", l.Missed)
	}
	return strings.TrimRight(b.String(), " ")
}

// count returns how many of what there are.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// event prints e.
func (a *app) event(e control.Event) error {
	if a.json {
		return a.object(e)
	}
	_, err := fmt.Fprintln(a.out, eventLine(e))
	return err
}

// An eventPrinter prints what happens to a node. Its methods are safe for concurrent use.
type eventPrinter struct {
	*app
	label labeller
	begun chan struct{} // closed when the first line is out
}

func newEventPrinter(a *app, label labeller) *eventPrinter {
	return &eventPrinter{app: a, label: label, begun: make(chan struct{})}
}

// listening prints the first line. It is called once.
func (p *eventPrinter) listening(key identity.PublicKey, addrs []netip.AddrPort, socket string) error {
	defer close(p.begun)
	return p.event(control.Event{
		Kind:      "listening",
		PublicKey: key.String(),
		Addresses: texts(addrs),
		Control:   socket,
	})
}

// stopped prints the last line, if there was a first.
func (p *eventPrinter) stopped() {
	select {
	case <-p.begun:
	default:
		return
	}
	p.event(control.Event{Kind: "stopped", Time: timestamp(time.Now())}) // a write that fails is remembered by the output
}

// print prints each of events until they end. It is called after listening.
func (p *eventPrinter) print(events iter.Seq[peernet.Event]) {
	for e := range events {
		p.event(newEvent(e, p.label)) // as above
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
	return nil, p.event(control.Event{
		Kind:    "received",
		Time:    timestamp(time.Now()),
		Peer:    from.Key.String(),
		Label:   from.Label,
		Address: address(from.Addr),
		Name:    r.Name(),
		Args:    args,
	})
}

// timestamp returns t as events hold it.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// timeOfDay returns the local time of day of an event's timestamp.
func timeOfDay(stamp string) string {
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return oneLine(stamp)
	}
	return t.Local().Format("15:04:05.000")
}

// address returns a as text, or nothing if there is none.
func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
