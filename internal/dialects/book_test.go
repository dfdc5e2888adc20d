package dialects

import (
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

const native, beam = handshake.Native, handshake.BEAM

var (
	bob  = kit.KeyPair(0x01).PublicKey()
	home = netip.MustParseAddrPort("10.0.0.2:1")
	away = netip.MustParseAddrPort("10.0.0.3:1")
)

// A still is a clock that a test moves.
type still struct {
	mu  sync.Mutex // the state file is written beside the test
	now time.Time
}

func (s *still) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *still) AfterFunc(time.Duration, func()) func() bool { panic("no timers") }

func (s *still) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// A setting makes a Book.
type setting struct {
	speaks []handshake.Dialect
	fixed  string
	path   string
}

func (s setting) open(t *testing.T) (*Book, *still) {
	t.Helper()
	clock := &still{now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	return s.openAt(t, clock), clock
}

func (s setting) openAt(t *testing.T, clock *still) *Book {
	t.Helper()
	b := Open(Config{Speaks: s.speaks, Clock: clock, Path: s.path,
		Fixed: func(identity.PublicKey) (handshake.Dialect, bool) {
			d, err := handshake.ParseDialect(s.fixed)
			return d, err == nil
		},
		Warn: func(err error) { t.Error(err) }})
	t.Cleanup(b.Flush)
	return b
}

var (
	both   = []handshake.Dialect{native, beam}
	first  = Choice{native, true}
	always = Choice{Dialect: native}
	inBEAM = Choice{Dialect: beam}
)

// TestTheDialectIsChosen is the table of wire.md §13.7: what the node speaks, what the owner has fixed, and what the peer
// was heard to speak.
func TestTheDialectIsChosen(t *testing.T) {
	for _, c := range []struct {
		name   string
		speaks []handshake.Dialect
		fixed  string
		heard  []handshake.Dialect
		after  time.Duration // since then

		want     Choice
		err      error
		inNative bool // what is served
		inBEAM   bool
	}{
		{"unknown", both, "", nil, 0, first, nil, true, true},
		{"heard natively", both, "", []handshake.Dialect{native}, 0, always, nil, true, false},
		{"heard in BEAM", both, "", []handshake.Dialect{beam}, 0, inBEAM, nil, true, true},
		{"heard in BEAM, almost a day ago", both, "", []handshake.Dialect{beam}, nativeAgain - 1, inBEAM, nil, true, true},
		{"heard in BEAM, a day ago", both, "", []handshake.Dialect{beam}, nativeAgain, first, nil, true, true},
		{"heard in BEAM, then natively", both, "", []handshake.Dialect{beam, native}, 0, always, nil, true, false},
		{"heard natively, then in BEAM", both, "", []handshake.Dialect{native, beam}, 2 * nativeAgain, always, nil, true, false},
		{"fixed to be native", both, "native", []handshake.Dialect{beam}, 0, always, nil, true, false},
		{"fixed to be BEAM", both, "beam", nil, 0, inBEAM, nil, true, true},
		{"fixed to be BEAM, heard natively", both, "beam", []handshake.Dialect{native}, 0, inBEAM, nil, true, true},
		{"fixed to be BEAM, heard in BEAM a day ago", both, "beam", []handshake.Dialect{beam}, nativeAgain, inBEAM, nil, true, true},

		{"unknown, the node is native", both[:1], "", nil, 0, always, nil, true, false},
		{"unknown, the node says nothing", nil, "", nil, 0, always, nil, true, false},
		{"heard in BEAM, the node is native", both[:1], "", []handshake.Dialect{beam}, nativeAgain, Choice{}, ErrNotSpoken, true, false},
		{"fixed to be BEAM, the node is native", both[:1], "beam", nil, 0, Choice{}, ErrNotSpoken, true, false},
		{"unknown, the node is BEAM", both[1:], "", nil, 0, inBEAM, nil, false, true},
		{"heard in BEAM a day ago, the node is BEAM", both[1:], "", []handshake.Dialect{beam}, nativeAgain, inBEAM, nil, false, true},
		{"heard natively, the node is BEAM", both[1:], "", []handshake.Dialect{native}, 0, Choice{}, ErrNotSpoken, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, clock := setting{speaks: c.speaks, fixed: c.fixed}.open(t)
			for _, d := range c.heard {
				b.Spoke(bob, d)
			}
			clock.pass(c.after)
			got, err := b.Choose(bob)
			if got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("Choose: %+v, %v, want %+v, %v", got, err, c.want, c.err)
			}
			if n, e := b.Serves(bob, native), b.Serves(bob, beam); n != c.inNative || e != c.inBEAM {
				t.Errorf("serves natively: %v, in BEAM: %v, want %v, %v", n, e, c.inNative, c.inBEAM)
			}
		})
	}
}

// TestABEAMPeerIsAskedNativelyOnceADay: the dial counts, whatever comes of it, and there must be room for one in BEAM.
func TestABEAMPeerIsAskedNativelyOnceADay(t *testing.T) {
	b, clock := setting{speaks: both}.open(t)
	b.Spoke(bob, beam)
	for range 3 {
		clock.pass(nativeAgain)
		b.Closed(bob)
		if got, _ := b.Choose(bob); got != inBEAM {
			t.Errorf("just after a session: %+v, want %+v", got, inBEAM)
		}
		clock.pass(closedPeriod)
		if got, _ := b.Choose(bob); got != first {
			t.Errorf("after a day: %+v, want %+v", got, first)
		}
		b.Begin(bob, home, native).Fail(true)
		if got, _ := b.Choose(bob); got != inBEAM {
			t.Errorf("then: %+v, want %+v", got, inBEAM)
		}
		if wait := b.Wait(bob, home, true); wait != 0 {
			t.Errorf("the dial in BEAM waits %v", wait)
		}
	}
}

// TestANilBookIsOfANativeNode: sessions and peers of a node without one speak natively and bound nothing.
func TestANilBookIsOfANativeNode(t *testing.T) {
	var b *Book
	b.Spoke(bob, beam)
	b.Closed(bob)
	b.Names(bob).Began("1")
	b.Names(bob).Suspect("1", "a")
	b.Names(bob).Answered("a")
	if b.Names(bob).IsSuspect("a") {
		t.Error("a name is suspect")
	}
	b.Flush()
	a := b.Begin(bob, home, beam)
	a.Fail(true)
	a.Up()
	got, err := b.Choose(bob)
	_, known := b.Of(bob)
	if got != always || err != nil || known || b.IsBEAM(bob) || b.Wait(bob, home, false) != 0 || !b.Serves(bob, native) || b.Serves(bob, beam) {
		t.Errorf("Choose: %+v, %v; Of: %v; Serves BEAM: %v", got, err, known, b.Serves(bob, beam))
	}
}
