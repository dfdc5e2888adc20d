package peernet_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A temper is what all of a history is like.
type temper struct {
	base, jitter time.Duration // delay of the network
	span         time.Duration // in which calls begin
	from         time.Duration // when the first may
	rotate       time.Duration // age at which sessions are replaced; 0: they are not
	linger       time.Duration
	limits       peernet.Limits
	both         bool // both dial at once
	heavy        bool // the line is slow, and most of what travels large: queues fill
	faults       int
}

// drawTemper draws the temper of a history.
func (h *history) drawTemper() {
	t := temper{span: pick(h, 0, 2*time.Millisecond, 50*time.Millisecond, 2*time.Second), linger: pick(h, time.Second, 30*time.Second),
		both: h.chance(20), heavy: h.chance(12), faults: pick(h, 0, 0, 1, 1, 2, 3)}
	if h.chance(50) {
		t.base = h.within(20 * time.Millisecond)
	}
	if h.chance(20) {
		t.jitter = 1 + h.within(20*time.Millisecond)
	}
	if h.chance(12) {
		t.rotate, t.linger = 10*time.Second, 30*time.Second
		t.from, t.span = t.rotate-200*time.Millisecond, t.rotate/4
	}
	t.limits = peernet.Limits{CallsPerPeer: pick(h, 1, 2, 4, 8, 8, 40), CallBytesPerPeer: 1 << 20, SendsPerPeer: pick(h, 1, 4, 1024, 1024),
		SendBytesPerPeer: 1 << 20, QueueBytes: 1 << 20}
	h.temper = t
}

// A side is a machine with an identity, and the node that runs there now.
type side struct {
	h     *history
	name  string
	host  *memnet.Host
	addr  netip.AddrPort
	keys  identity.KeyPair
	other *side
	node  *peernet.Node // of the driver and, from the start of the calls until calm, of all goroutines
	shut  bool          // or about to be; the driver's
	hold  atomic.Pointer[blocker]
}

// populate makes two nodes that are connected, or dial each other.
func (h *history) populate() {
	h.began = time.Now()
	for i := range h.sides {
		var secret [32]byte
		for i := range secret {
			secret[i] = byte(h.rand.Uint32())
		}
		keys, err := identity.NewKeyPair(secret[:])
		if err != nil {
			h.Fatal(err)
		}
		ip := netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
		h.sides[i] = &side{h: h, name: string(rune('a' + i)), host: h.net.Host(ip), addr: netip.AddrPortFrom(ip, 7100), keys: keys}
	}
	h.sides[0].other, h.sides[1].other = h.sides[1], h.sides[0]
	for _, s := range h.sides {
		s.start()
	}
	h.net.SetDelay(h.temper.base, h.temper.jitter)
	if h.temper.both {
		for _, s := range h.sides {
			h.stops.Go(func() { s.connect() })
		}
		return
	}
	h.sides[h.draw(2)].connect()
	synctest.Wait() // the other side knows it too
	h.began = time.Now()
}

// start starts a node.
func (s *side) start() {
	h := s.h
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(h.rand.Uint32())
	}
	var err error
	s.node, err = peernet.New(peernet.Config{Identity: s.keys, Listen: s.addr.String(), Rand: rand.NewChaCha8(seed), Clock: laterClock{},
		System: h.system, Limits: h.temper.limits, Logger: slog.New(&alarm{h: h, side: s.name}),
		Timing:  peernet.Timing{Rotate: h.temper.rotate, Linger: h.temper.linger, PingAfter: 3 * time.Second, Pong: time.Second},
		Network: peernet.Network{Listen: s.host.Listen, Dial: s.host.Dial, ListenPacket: s.host.ListenPacket, Interfaces: s.interfaces, LookupNetIP: s.host.LookupNetIP}})
	if err != nil {
		h.Fatal(err)
	}
	s.pair()
	s.handles()
	if err := s.node.Start(h.Context()); err != nil {
		h.Fatal(err)
	}
	s.shut = false
}

func (s *side) interfaces() (found []discovery.Interface, err error) {
	list, err := s.host.Interfaces()
	for _, i := range list {
		found = append(found, discovery.Interface(i))
	}
	return found, err
}

func (s *side) pair() {
	if err := s.node.Pair(s.other.keys.PublicKey(), s.other.name); err != nil {
		s.h.Error(err)
	}
}

// connect dials the other side, and waits until both sides can call.
func (s *side) connect() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.node.Connect(ctx, s.other.keys.PublicKey(), s.other.addr.String()); err != nil {
		s.h.note("%s connects: %v", s.name, err)
		return
	}
	if _, err := s.node.Ping(ctx, s.other.keys.PublicKey()); err != nil {
		s.h.note("%s pings: %v", s.name, err)
	}
}

// stop shuts the node down, in the time it has.
func (s *side) stop(within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return s.node.Shutdown(ctx)
}

// A laterClock fires no timer at once: two that do so at the same time crash the race detector in a bubble
// (golang/go#78156).
type laterClock struct{}

// Now implements peernet.Clock.
func (laterClock) Now() time.Time { return time.Now() }

// AfterFunc implements peernet.Clock.
func (laterClock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(max(d, 1), f).Stop
}

// dueIn returns a channel that is closed after some time.
func dueIn(d time.Duration) <-chan struct{} {
	due := make(chan struct{})
	time.AfterFunc(max(d, 1), func() { close(due) })
	return due
}

// An alarm is where the nodes of a history log to. An error is a panic, and each must be a handler's.
type alarm struct {
	h    *history
	side string
}

// Enabled implements slog.Handler.
func (a *alarm) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (a *alarm) Handle(_ context.Context, r slog.Record) error {
	text := a.side + " logs: " + r.Message
	r.Attrs(func(at slog.Attr) bool {
		if at.Key != "stack" || r.Level >= slog.LevelError {
			text += " " + at.String()
		}
		return true
	})
	a.h.note("%s", text)
	if r.Level >= slog.LevelError {
		a.h.mu.Lock()
		defer a.h.mu.Unlock()
		a.h.alarms++
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (a *alarm) WithAttrs([]slog.Attr) slog.Handler { return a }

// WithGroup implements slog.Handler.
func (a *alarm) WithGroup(string) slog.Handler { return a }

// isLocal reports whether a call failed for what this node knows alone, before anything was sent.
func isLocal(err error) bool {
	return errors.Is(err, peernet.ErrNotConnected) || errors.Is(err, peernet.ErrNotTrusted) || errors.Is(err, peernet.ErrClosed)
}
