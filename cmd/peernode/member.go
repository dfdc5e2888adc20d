package main

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"path/filepath"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// noteName is the handler that every member has for what is sent to it.
const noteName = "note"

// A member is one node of the demo, and what has happened to it. Only the demo's goroutine uses it; notes
// alone is filled by the node's.
type member struct {
	name  string
	node  *peernet.Node
	key   identity.PublicKey
	addr  netip.AddrPort
	finds *manual.Provider
	notes chan string // what was sent to it

	next    func() (peernet.Event, bool) // the next event; false after the node's end or the demo's time
	unused  []peernet.Event              // events that nobody has waited for yet
	met     int                          // connected events so far
	refused int                          // refused events so far
	release func()                       // ends next
}

// A finding is how a member finds others, beside what it is told.
type finding struct {
	by     []discovery.Provider
	silent bool // it announces nothing
}

// newMember starts a node with a fresh identity under dir, which finds others like this and where it is told. Its
// events end with ctx.
func newMember(ctx context.Context, dir, name string, finding finding) (*member, error) {
	m := &member{name: name, finds: manual.New(), notes: make(chan string, 1)}
	node, err := peernet.New(peernet.Config{
		DataDir:   filepath.Join(dir, name),
		Name:      name,
		Discovery: append(finding.by, m.finds),

		ListenOnly: finding.silent,
	})
	if err != nil {
		return nil, err
	}
	if err := node.Handle(noteName, m.note); err != nil {
		return nil, err
	}
	m.node, m.key = node, node.PublicKey()
	m.next, m.release = iter.Pull(node.Events(ctx))
	if err := node.Start(ctx); err != nil {
		m.release()
		return nil, err
	}
	m.addr = node.Addrs()[0]
	return m, nil
}

// note is the handler for what is sent to it.
func (m *member) note(ctx context.Context, r *peernet.Request) (any, error) {
	var words string
	if err := r.Args().Decode(&words); err != nil {
		return nil, err
	}
	select {
	case m.notes <- words:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// await returns the first event of type E that fits and that nobody has waited for before, or waits for it
// until ctx ends.
func await[E peernet.Event](ctx context.Context, m *member, fits func(E) bool) (E, error) {
	for i := 0; ; i++ {
		if i == len(m.unused) && !m.pull() {
			var none E
			return none, fmt.Errorf("%s waits for %q: %w", m.name, none.Kind(), orErr(ctx.Err(), peernet.ErrClosed))
		}
		if e, ok := m.unused[i].(E); ok && fits(e) {
			m.unused = append(m.unused[:i], m.unused[i+1:]...)
			return e, nil
		}
	}
}

// pull waits for the next event, counts it and adds it to unused.
func (m *member) pull() bool {
	e, ok := m.next()
	if !ok {
		return false
	}
	switch e.(type) {
	case peernet.Connected:
		m.met++
	case peernet.Refused:
		m.refused++
	}
	m.unused = append(m.unused, e)
	return true
}

// drain takes what events are left of a node that was shut down, and returns how often it was connected.
func (m *member) drain() int {
	for m.pull() {
	}
	return m.met
}

// stop shuts the node down, if it still runs, and lets go of its events.
func (m *member) stop(ctx context.Context) error {
	defer m.release()
	return m.node.Shutdown(ctx)
}

// orErr returns err, or other if err is nil.
func orErr(err, other error) error {
	if err == nil {
		return other
	}
	return err
}
