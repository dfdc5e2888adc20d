package mdns

import (
	"context"
	"sync"
	"time"

	"github.com/grandcat/zeroconf"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// askFor is how long a question is open in the library. It has been sent twice by then; the answers are multicast, and
// heard by the listener, which knows their interface.
const askFor = 250 * time.Millisecond

// A link is what a run has on the network: ears and a voice. Its methods are for one goroutine.
type link interface {
	// hears returns what is heard.
	hears() <-chan heard

	// fails receives why the link cannot be used any more.
	fails() <-chan error

	// ask asks everybody who is there. It does not wait for answers.
	ask()

	// insist makes our own server, if there is one, announce us at once. It does not wait.
	insist()

	// close says goodbye, waits until the link is silent, and returns when what it has left behind ends.
	close() (ends time.Time)
}

// A network is the link over multicast DNS: a listener of our own, and the library's server and resolver.
type network struct {
	*listener
	using     []discovery.Interface
	instance  string
	goodbye   []byte
	announcer interface{ close() (ends time.Time) } // nil: we only listen

	ctx      context.Context // of questions
	cancel   context.CancelFunc
	asking   chan struct{} // has room for one question of each kind
	insists  chan struct{}
	question sync.WaitGroup
}

// open begins to listen on interfaces, at least one, and to announce the node there.
func open(ctx context.Context, self discovery.Self, using []discovery.Interface) (link, error) {
	l, err := listen(ctx, self, using)
	if err != nil {
		return nil, &NetworkError{"listen on UDP port 5353", err}
	}
	n := &network{listener: l, using: using, instance: instanceOf(self.Key),
		asking: make(chan struct{}, 1), insists: make(chan struct{}, 1)}
	n.ctx, n.cancel = context.WithCancel(context.Background()) // ends with close
	if announces(self, using) {
		var a *announcer
		if n.goodbye, err = goodbye(self); err == nil {
			a, err = announce(self, using)
		}
		if err != nil {
			n.close()
			return nil, &NetworkError{"announce", err}
		}
		n.announcer = a
	}
	return n, nil
}

// announces reports whether a node that uses these interfaces is announced.
func announces(self discovery.Self, using []discovery.Interface) bool {
	return self.Port != 0 && !self.ListenOnly && len(leading(using, self.Addr)) > 0
}

func (n *network) hears() <-chan heard { return n.heard }
func (n *network) fails() <-chan error { return n.failed }

func (n *network) ask() {
	n.begin(n.asking, func(ctx context.Context, r *zeroconf.Resolver, entries chan<- *zeroconf.ServiceEntry) error {
		return r.Browse(ctx, serviceType, domain, entries)
	})
}

func (n *network) insist() {
	if n.announcer == nil {
		return
	}
	n.begin(n.insists, func(ctx context.Context, r *zeroconf.Resolver, entries chan<- *zeroconf.ServiceEntry) error {
		return r.Lookup(ctx, n.instance, serviceType, domain, entries)
	})
}

// begin asks a question, unless one of its kind is open.
func (n *network) begin(room chan struct{}, send func(context.Context, *zeroconf.Resolver, chan<- *zeroconf.ServiceEntry) error) {
	select {
	case room <- struct{}{}:
	default:
		return
	}
	n.question.Go(func() {
		defer func() { <-room }()
		if err := n.send(send); err != nil && n.ctx.Err() == nil {
			select {
			case n.failed <- &NetworkError{"ask", err}:
			default:
			}
		}
	})
}

// send sends a question with a resolver of its own: each is good for one.
func (n *network) send(send func(context.Context, *zeroconf.Resolver, chan<- *zeroconf.ServiceEntry) error) error {
	var families zeroconf.IPType
	if n.ipv4 {
		families |= zeroconf.IPv4
	}
	if n.ipv6 {
		families |= zeroconf.IPv6
	}
	r, err := zeroconf.NewResolver(zeroconf.SelectIfaces(system(n.using)), zeroconf.SelectIPTraffic(families))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(n.ctx, askFor)
	defer cancel()
	entries := make(chan *zeroconf.ServiceEntry)
	err = send(ctx, r, entries)
	for range entries { // the library closes it at the end, and waits for ever for a reader until then
	}
	return err
}

func (n *network) close() (ends time.Time) {
	n.cancel()
	n.question.Wait()
	if n.announcer != nil {
		ends = n.announcer.close()
		n.say(n.goodbye) // nothing is said any more that could follow this one
	}
	n.listener.close()
	return ends
}
