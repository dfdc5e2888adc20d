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

// noteName is the handler that every character has for what is sent to it.
const noteName = "note"

// A character is a node of the story, and what has happened to it. Only the story's goroutine uses it; the node alone fills
// notes.
type character struct {
	*peernet.Node
	name  string
	key   identity.PublicKey
	addr  netip.AddrPort
	finds *manual.Provider
	notes chan string // what was sent to it

	events  []peernet.Event              // so far
	next    func() (peernet.Event, bool) // the next one; false after the node's end or the story's time
	release func()                       // ends next
}

// join starts the node called name, with a fresh identity. It finds others as config says, and where it is told.
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

// note is the handler for what is sent.
func (c *character) note(_ context.Context, _ peernet.Caller, words string) (any, error) {
	c.notes <- words // has room: the story sends one
	return nil, nil
}

// leave shuts the node down, if it still runs, and lets go of its events.
func (c *character) leave(ctx context.Context) {
	c.Shutdown(ctx)
	c.release()
}

// await returns the first event of type E that has happened to c, or waits for it until ctx ends.
func await[E peernet.Event](ctx context.Context, c *character) (E, error) {
	for i := 0; ; i++ {
		if i == len(c.events) && !c.read() {
			var none E
			return none, fmt.Errorf("%s waits for %q: %w", c.name, none.Kind(), cmp.Or(ctx.Err(), peernet.ErrClosed))
		}
		if e, ok := c.events[i].(E); ok {
			return e, nil
		}
	}
}

// read waits for the next event, and says whether there was one.
func (c *character) read() bool {
	e, ok := c.next()
	if ok {
		c.events = append(c.events, e)
	}
	return ok
}

// count returns how many events of type E have happened to c.
func count[E peernet.Event](c *character) (n int) {
	for _, e := range c.events {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
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

// close stops the nodes that a story that failed left running.
func (s *story) close() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	for _, c := range []*character{s.alice, s.bob} {
		if c != nil {
			c.leave(ctx)
		}
	}
}

// both does act for alice and then for bob.
func (s *story) both(act func(c, other *character) error) error {
	if err := act(s.alice, s.bob); err != nil {
		return err
	}
	return act(s.bob, s.alice)
}

// A gate is a provider that does nothing until the gate is open.
type gate struct {
	discovery.Provider
	open chan struct{}
}

// Run implements discovery.Provider.
func (g *gate) Run(ctx context.Context, self discovery.Self, sight func(discovery.Sighting)) error {
	select {
	case <-g.open:
		return g.Provider.Run(ctx, self, sight)
	case <-ctx.Done():
		return nil
	}
}

// byUDP returns how one node announces itself over UDP, once announce is called, and how the other hears that. Nothing
// leaves this machine. announce is nil where the system does not broadcast on loopback.
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
	closed := &gate{udp.New(options), make(chan struct{})}
	announcing.Discovery = []discovery.Provider{closed}
	hearing.Discovery, hearing.ListenOnly = []discovery.Provider{udp.New(options)}, true
	return announcing, hearing, func() { close(closed.open) }, nil
}
