package mdns

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/grandcat/zeroconf"
	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// askFor is how long a question is open in the library. It has been sent twice by then. The answers are multicast, and
// heard in our own sockets, with the interface on which they came in.
const askFor = 250 * time.Millisecond

// An access is how a run uses the network. Its functions are for one goroutine. Only close waits for other goroutines.
type access struct {
	heard  <-chan heard
	failed <-chan error // why the access cannot be used any more

	say   func(index int, m *dns.Msg) // sends a message on the interface with this index
	ask   func()                      // asks all nodes to say that they are there. The answers are heard
	close func()                      // waits until nothing of it is left
}

// isOpen reports whether there is an access. Nothing comes from one that is not open.
func (a access) isOpen() bool { return a.close != nil }

// maxWaiting is how many packets wait to be looked at. More queries are dropped and counted. Other packets wait in the sockets,
// and are dropped there.
const maxWaiting = 64

// A network is the access to multicast DNS: it hears everything that is said on some interfaces, in sockets of its own
// beside those of other programs, speaks there, and asks with the library's resolver.
type network struct {
	using    []discovery.Interface
	sockets  []*socket     // at least one
	names    names         // empty: the node answers nothing
	problems *lan.Problems // of the run, whose goroutine opens and speaks
	counters *lan.Counters[Stats]
	heard    chan heard
	failed   chan error // has room for one: a socket has failed, or a question

	ctx    context.Context // until close
	cancel context.CancelFunc
	asking sync.Mutex // held while a question is open, and after close
}

// openNetwork begins to listen on interfaces, at least one, for queries too if the node answers. It fails if neither family can
// be had.
func (p *Provider) openNetwork(ctx context.Context, self discovery.Self, using []discovery.Interface, answers bool, problems *lan.Problems) (access, error) {
	n := &network{using: using, problems: problems, counters: &p.counters, heard: make(chan heard, maxWaiting), failed: make(chan error, 1)}
	if answers {
		n.names = ownNames(self.Key)
	}
	groups := [][]discovery.Interface{using}
	if runtime.GOOS == "windows" { // the socket tells on which interface a packet came in: the system does not
		groups = slices.Collect(slices.Chunk(using, 1))
	}
	var failures []error
	for _, group := range groups {
		for _, ipv6 := range []bool{false, true} {
			s, errs, err := open(ctx, self, ipv6, group)
			for _, i := range group {
				if lan.Has(i, ipv6) {
					problems.ReportOn(i, "hear", ipv6, cmp.Or(err, errs[i.Name]))
				}
			}
			if err != nil {
				failures = append(failures, err)
				continue
			}
			n.sockets = append(n.sockets, s)
		}
	}
	if len(n.sockets) == 0 {
		return access{}, listenError(fmt.Errorf("%w; over IPv6: %w", failures[0], failures[1]))
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	for _, s := range n.sockets {
		n.read(s)
	}
	return access{n.heard, n.failed, n.say, n.ask, n.close}, nil
}

// say sends a message on an interface, in each family that it has. What fails is counted.
func (n *network) say(index int, m *dns.Msg) {
	b, packErr := m.Pack()
	for _, s := range n.sockets {
		at := slices.IndexFunc(s.using, func(i discovery.Interface) bool { return i.Index == index })
		if at < 0 || !lan.Has(s.using[at], s.IPv6) {
			continue
		}
		err := packErr
		if err == nil {
			_ = s.SetWriteDeadline(time.Now().Add(lan.SendWithin)) // if it fails, so does sending
			err = s.Send(b, netip.AddrPortFrom(s.group, port), s.using[at], netip.Addr{})
		}
		n.problems.ReportOn(s.using[at], "send", s.IPv6, err)
		n.counters.Count(func(s *Stats) {
			if err == nil {
				s.Sent++
			} else {
				s.SendErrors, s.LastError = s.SendErrors+1, err
			}
		})
	}
}

func (n *network) ask() {
	if !n.asking.TryLock() {
		return // one is open
	}
	go func() {
		defer n.asking.Unlock()
		if err := n.browse(); err != nil && n.ctx.Err() == nil {
			n.fail(&NetworkError{"ask", err})
		}
	}()
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

// fail reports that the network cannot be used any more.
func (n *network) fail(err error) {
	select {
	case n.failed <- err:
	default: // it is known
	}
}

func (n *network) close() {
	n.cancel()
	for _, s := range n.sockets {
		_ = s.Close() // nothing is lost
	}
	n.asking.Lock()
}
