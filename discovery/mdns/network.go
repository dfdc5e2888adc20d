package mdns

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/grandcat/zeroconf"
	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// askFor is how long a question is open in the library. It has been sent twice by then; the answers are multicast, and
// heard by the listener, which knows their interface.
const askFor = 250 * time.Millisecond

// A link is what a run has on the network: ears and a announcer. Its methods are for one goroutine.
type link interface {
	// hears returns what is heard.
	hears() <-chan heard

	// fails receives why the link cannot be used any more.
	fails() <-chan error

	// ask asks everybody who is there. It does not wait for answers.
	ask()

	// lookUp asks about a few instances. It does not wait for answers.
	lookUp(list []wanted)

	// contradict announces us at once, if what was heard takes back records that are ours.
	contradict(heard)

	// close says goodbye, but for what the next link goes on to say (nil: nothing), and waits until nothing is left.
	close(next link)
}

// A network is the link over multicast DNS: a listener and a responder of our own, and the library's resolver.
type network struct {
	*listener
	using     []discovery.Interface
	responder *responder // nil: we only listen

	ctx      context.Context // of questions
	cancel   context.CancelFunc
	asking   sync.Mutex // held while a question is open
	question sync.WaitGroup
}

// openNetwork begins to listen on interfaces, at least one, and to announce the node there.
func (p *Provider) openNetwork(ctx context.Context, self discovery.Self, using []discovery.Interface) (link, error) {
	l, err := listen(ctx, self, using, &p.counters)
	if err != nil {
		return nil, &NetworkError{"listen on UDP port 5353", err}
	}
	n := &network{listener: l, using: using}
	n.ctx, n.cancel = context.WithCancel(context.Background()) // ends with close
	if announces(self, using) {
		n.responder = respond(self, using, p.random, &p.counters, n.say)
		l.begin(n.responder.ask)
	} else {
		l.begin(nil)
	}
	return n, nil
}

// announces reports whether a node that uses these interfaces is announced.
func announces(self discovery.Self, using []discovery.Interface) bool {
	return self.Port != 0 && !self.ListenOnly && len(leading(using, self.Addr)) > 0
}

func (n *network) hears() <-chan heard { return n.heard }
func (n *network) fails() <-chan error { return n.failed }

// say sends a message on an interface.
func (n *network) say(index int, m *dns.Msg) {
	b, err := m.Pack()
	if err != nil {
		n.counters.Count(func(s *Stats) { s.SendErrors, s.LastError = s.SendErrors+1, err })
		return
	}
	n.send(index, b)
}

func (n *network) lookUp(list []wanted) {
	m := queryFor(list)
	for _, i := range n.using {
		n.say(i.Index, m)
	}
}

func (n *network) contradict(h heard) {
	if n.responder != nil {
		n.responder.contradict(h)
	}
}

func (n *network) ask() {
	if !n.asking.TryLock() {
		return // one is open
	}
	n.question.Go(func() {
		defer n.asking.Unlock()
		if err := n.browse(); err != nil && n.ctx.Err() == nil {
			select {
			case n.failed <- &NetworkError{"ask", err}:
			default:
			}
		}
	})
}

// browse asks with a resolver of its own: each is good for one question.
func (n *network) browse() error {
	var families zeroconf.IPType
	if n.hasFamily(false) {
		families |= zeroconf.IPv4
	}
	if n.hasFamily(true) {
		families |= zeroconf.IPv6
	}
	var interfaces []net.Interface
	for _, i := range n.using {
		interfaces = append(interfaces, lan.System(i))
	}
	r, err := zeroconf.NewResolver(zeroconf.SelectIfaces(interfaces), zeroconf.SelectIPTraffic(families))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(n.ctx, askFor)
	defer cancel()
	entries := make(chan *zeroconf.ServiceEntry)
	err = r.Browse(ctx, serviceType, domain, entries)
	for range entries { // the library closes it at the end, and waits for ever for a reader until then
	}
	return err
}

func (n *network) close(next link) {
	n.cancel()
	n.question.Wait()
	if n.responder != nil {
		var goesOn *responder
		if next, ok := next.(*network); ok {
			goesOn = next.responder
		}
		n.responder.close(goesOn)
	}
	n.listener.close()
}
