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

// An access is how a run uses the network. Its methods are for one goroutine, and none waits for others but close.
type access interface {
	// hears returns what is heard.
	hears() <-chan heard

	// asks returns the questions about the node.
	asks() <-chan asked

	// fails receives why the access cannot be used any more.
	fails() <-chan error

	// say sends a message on an interface.
	say(index int, m *dns.Msg)

	// ask asks everybody who is there. The answers are heard.
	ask()

	// close waits until nothing of it is left.
	close()
}

// A network is the access to multicast DNS: a listener of our own, and the library's resolver.
type network struct {
	*listener
	using []discovery.Interface

	ctx      context.Context // of questions
	cancel   context.CancelFunc
	asking   sync.Mutex // held while a question is open
	question sync.WaitGroup
}

// openNetwork begins to listen on interfaces, at least one.
func (p *Provider) openNetwork(ctx context.Context, self discovery.Self, using []discovery.Interface) (access, error) {
	l, err := listen(ctx, self, using, &p.counters)
	if err != nil {
		return nil, listenError(err)
	}
	n := &network{listener: l, using: using}
	n.ctx, n.cancel = context.WithCancel(context.Background()) // ends with close
	return n, nil
}

func (n *network) hears() <-chan heard { return n.heard }
func (n *network) asks() <-chan asked  { return n.asked }
func (n *network) fails() <-chan error { return n.failed }

func (n *network) say(index int, m *dns.Msg) {
	b, err := m.Pack()
	if err != nil {
		n.counters.Count(func(s *Stats) { s.SendErrors, s.LastError = s.SendErrors+1, err })
		return
	}
	n.send(index, b)
}

func (n *network) ask() {
	if !n.asking.TryLock() {
		return // one is open
	}
	n.question.Go(func() {
		defer n.asking.Unlock()
		if err := n.browse(); err != nil && n.ctx.Err() == nil {
			n.fail(&NetworkError{"ask", err})
		}
	})
}

// browse asks with a resolver of its own: each is good for one question.
func (n *network) browse() error {
	var families zeroconf.IPType
	for _, s := range n.sockets {
		if s.IPv6 {
			families |= zeroconf.IPv6
		} else {
			families |= zeroconf.IPv4
		}
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

func (n *network) close() {
	n.cancel()
	n.question.Wait()
	n.listener.close()
}
