package demo

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// noteName is the handler that every character has for messages.
const noteName = "note"

// A character is a node of the story, with the events that have happened to it. Only the story's goroutine uses it; the
// node's handler fills notes.
type character struct {
	*peernet.Node
	name  string
	key   identity.PublicKey
	addr  netip.AddrPort
	finds *manual.Provider
	notes chan string // messages that were sent to it

	events  []peernet.Event              // so far
	next    func() (peernet.Event, bool) // waits for the next one; false after the node's end or the story's time
	release func()                       // ends next
}

// join starts the node called name, with a fresh identity. It finds others as config says, and where finds tells it.
func (s *story) join(ctx context.Context, name string, config peernet.Config) (*character, error) {
	c := &character{name: name, finds: manual.New(), notes: make(chan string, 1)}
	config.DataDir, config.Name, config.Discovery = filepath.Join(s.dir, name), name, append(config.Discovery, c.finds)
	node, err := peernet.New(config)
	if err != nil {
		return nil, err
	}
	c.Node, c.key = node, node.PublicKey()
	if err := peernet.Handle(c.Node, noteName, c.note); err != nil {
		return nil, err
	}
	c.next, c.release = iter.Pull(c.Events(ctx))
	if err := c.Start(ctx); err != nil {
		c.release()
		return nil, err
	}
	c.addr = c.Addrs()[0]
	s.tell(line{Node: name, PublicKey: c.key.String(), Address: c.addr.String()}, "%s listens on %s; its new key is %s", name, c.addr, c.key)
	return c, nil
}

// note is the handler for messages.
func (c *character) note(_ context.Context, _ peernet.Caller, words string) (any, error) {
	c.notes <- words // has room: the story sends one
	return nil, nil
}

// leave shuts the node down, if it still runs, and ends next.
func (c *character) leave(ctx context.Context) {
	c.Shutdown(ctx)
	c.release()
}

// await returns the first event of type E that has happened to c, or waits for it until ctx ends.
func await[E peernet.Event](ctx context.Context, c *character) (e E, err error) {
	for len(happened[E](c)) == 0 {
		if !c.read() {
			return e, fmt.Errorf("%s waits for %q: %w", c.name, e.Kind(), cmp.Or(ctx.Err(), peernet.ErrClosed))
		}
	}
	return happened[E](c)[0], nil
}

// read waits for the next event and keeps it. It returns false if there are no more.
func (c *character) read() bool {
	e, ok := c.next()
	if ok {
		c.events = append(c.events, e)
	}
	return ok
}

// happened returns the events of type E that have happened to c.
func happened[E peernet.Event](c *character) (events []E) {
	for _, e := range c.events {
		if e, ok := e.(E); ok {
			events = append(events, e)
		}
	}
	return events
}

// greet is a handler that greets its caller.
func greet(_ context.Context, from peernet.Caller, words string) (string, error) {
	return words + ", " + from.Label, nil
}

// add is a handler that adds numbers.
func add(_ context.Context, _ peernet.Caller, terms []int) (sum int, err error) {
	for _, t := range terms {
		sum += t
	}
	return sum, nil
}

// close stops the nodes that still run because the story has failed.
func (s *story) close() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	for _, c := range []*character{s.alice, s.bob} {
		if c != nil {
			c.leave(ctx)
		}
	}
}

// both calls act for alice and then for bob.
func (s *story) both(act func(c, other *character) error) error {
	if err := act(s.alice, s.bob); err != nil {
		return err
	}
	return act(s.bob, s.alice)
}

// A delayed is a provider that does nothing until begin is closed.
type delayed struct {
	discovery.Provider
	begin chan struct{}
}

// Run implements discovery.Provider.
func (d *delayed) Run(ctx context.Context, self discovery.Self, sight func(discovery.Sighting)) error {
	select {
	case <-d.begin:
		return d.Provider.Run(ctx, self, sight)
	case <-ctx.Done():
		return nil
	}
}

// byUDP returns the settings of a node that announces itself over UDP as soon as announce is called, and of a node that hears
// that. No packet leaves this machine. announce is nil where the system does not broadcast on loopback.
func byUDP() (announcing, hearing peernet.Config, announce func(), err error) {
	if runtime.GOOS != "linux" {
		return announcing, hearing, nil, nil
	}
	free, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return announcing, hearing, nil, err
	}
	port := free.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	free.Close()
	options := udp.Options{Port: port, Broadcast: []netip.Addr{netip.AddrFrom4([4]byte{127, 255, 255, 255})}}
	waiting := &delayed{udp.New(options), make(chan struct{})}
	announcing.Discovery = []discovery.Provider{waiting}
	hearing.Discovery, hearing.ListenOnly = []discovery.Provider{udp.New(options)}, true
	return announcing, hearing, func() { close(waiting.begin) }, nil
}
