package udp

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key returns a valid key, another for each number.
func key(n int) identity.PublicKey {
	k := identity.PublicKey{31: 9}
	binary.LittleEndian.PutUint64(k[:], uint64(n))
	return k
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A world is a network in memory, inside a bubble.
type world struct {
	*memnet.Network
	t *testing.T
}

// bubble runs f in a world of its own. Afterwards no goroutine may be left.
func bubble(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, &world{memnet.New(1), t}) })
}

// A node is a running provider and what it has reported.
type node struct {
	w        *world
	host     *memnet.Host
	key      identity.PublicKey
	options  Options
	self     discovery.Self
	changed  chan struct{}
	provider *Provider

	stop    func()     // ends Run
	end     chan error // what Run has returned
	started time.Time

	mu       sync.Mutex // guards the rest
	problems []discovery.Problem
	seen     []discovery.Sighting
	ended    bool
	found    map[identity.PublicKey]time.Time // first
}

// node prepares one that has key(n), and listens on TCP port 7000+n. Jitter is none.
func (w *world) node(n int, h *memnet.Host) *node {
	changed := make(chan struct{}, 1)
	return &node{
		w: w, host: h, key: key(n), changed: changed,
		options: Options{Jitter: func() float64 { return 0 }},
		self:    discovery.Self{Key: key(n), Listens: listens(netip.IPv6Unspecified(), uint16(7000+n)), Interfaces: interfaces(h), ListenPacket: h.ListenPacket, Changed: changed},
		found:   make(map[identity.PublicKey]time.Time),
	}
}

// listens returns the Self.Listens of a node with one listener.
func listens(at netip.Addr, port uint16) func() []netip.AddrPort {
	return func() []netip.AddrPort { return []netip.AddrPort{netip.AddrPortFrom(at, port)} }
}

func interfaces(h *memnet.Host) func() ([]discovery.Interface, error) {
	return func() (list []discovery.Interface, err error) {
		all, err := h.Interfaces()
		for _, i := range all {
			list = append(list, discovery.Interface(i))
		}
		return list, err
	}
}

// start runs the node until the test ends.
func (n *node) start() *node {
	ctx, stop := context.WithCancel(n.w.t.Context())
	n.stop, n.end, n.started = stop, make(chan error, 1), time.Now()
	n.provider = New(n.options)
	n.self.Problems = func(list []discovery.Problem) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.problems = list
	}
	go func() {
		err := n.provider.Run(ctx, n.self, n.sight)
		n.mu.Lock()
		n.ended = true
		n.mu.Unlock()
		n.end <- err
	}()
	n.w.t.Cleanup(func() {
		stop()
		synctest.Wait()
	})
	return n
}

func (n *node) sight(s discovery.Sighting) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		n.w.t.Error("reported after Run has returned")
	}
	n.seen = append(n.seen, s)
	if _, known := n.found[s.Key]; !known {
		n.found[s.Key] = time.Now()
	}
}

// sightings returns what was reported since the last time, once nothing more happens.
func (n *node) sightings() []discovery.Sighting {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	seen := n.seen
	n.seen = nil
	return seen
}

// at returns where a key was reported since the last time, each address once, in order.
func (n *node) at(k identity.PublicKey) (list []string) {
	for _, s := range n.sightings() {
		text := s.Addr.String() + " on " + s.Interface
		if s.Key == k && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	slices.Sort(list)
	return list
}

// foundAt returns when each key was reported first.
func (n *node) foundAt(k identity.PublicKey) (time.Time, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, ok := n.found[k]
	return at, ok
}

func (n *node) wantAt(k identity.PublicKey, want ...string) {
	n.w.t.Helper()
	if got := n.at(k); !slices.Equal(got, want) {
		n.w.t.Errorf("found at %q, want %q", got, want)
	}
}

// wantProblems checks what the provider says that it cannot do.
func (n *node) wantProblems(want ...string) {
	n.w.t.Helper()
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	var got []string
	for _, p := range n.problems {
		got = append(got, p.String())
	}
	if !slices.Equal(got, want) {
		n.w.t.Errorf("problems %q, want %q", got, want)
	}
}

func (n *node) announcesChange() { n.changed <- struct{}{} }

// An ear is a socket that notes when it hears announces, and can say anything.
type ear struct {
	net.PacketConn
	w *world

	mu    sync.Mutex // guards the rest
	heard []heard
}

type heard struct {
	Announce
	after time.Duration // the opening of the ear
	from  netip.Addr
}

// ear listens on a host: network is udp4 or udp6.
func (w *world) ear(h *memnet.Host, network string) *ear {
	w.t.Helper()
	conn, err := h.ListenPacket(w.t.Context(), network, ":4040")
	wantNil(w.t, err)
	e := &ear{PacketConn: conn, w: w}
	began := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					w.t.Error(err)
				}
				return
			}
			if a, err := ParseAnnounce(b[:n]); err == nil {
				e.mu.Lock()
				e.heard = append(e.heard, heard{a, time.Since(began), from.(*net.UDPAddr).AddrPort().Addr()})
				e.mu.Unlock()
			}
		}
	}()
	w.t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return e
}

// says sends bytes to an address.
func (e *ear) says(to string, b []byte) {
	e.w.t.Helper()
	_, err := e.WriteTo(b, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to)))
	wantNil(e.w.t, err)
}

// of returns when announces of a key were heard, and forgets all that was heard.
func (e *ear) of(k identity.PublicKey) (after []time.Duration) {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.heard {
		if h.Key == k {
			after = append(after, h.after)
		}
	}
	e.heard = nil
	return after
}

func (e *ear) wantOf(k identity.PublicKey, want ...time.Duration) {
	e.w.t.Helper()
	if got := e.of(k); !slices.Equal(got, want) {
		e.w.t.Errorf("announced after %v, want %v", got, want)
	}
}

// pass lets time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
