package manual_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ discovery.Provider = (*manual.Provider)(nil)

	alice, bob = identity.PublicKey{31: 1}, identity.PublicKey{31: 2}
	home       = netip.MustParseAddrPort("10.0.0.1:7100")
	away       = netip.MustParseAddrPort("[fe80::1%eth0]:7100")
	self       discovery.Self
)

func found(key identity.PublicKey, addr netip.AddrPort) discovery.Sighting {
	return discovery.Sighting{Key: key, Addr: addr}
}

func lost(key identity.PublicKey, addr netip.AddrPort) discovery.Sighting {
	return discovery.Sighting{Key: key, Addr: addr, Gone: discovery.Goodbye}
}

// A run is one Run of a provider, and what it reports.
type run struct {
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error

	mu  sync.Mutex // guards the rest
	got []discovery.Sighting
}

// start runs a provider inside a bubble.
func start(t *testing.T, p *manual.Provider) *run {
	ctx, cancel := context.WithCancel(t.Context())
	r := &run{t: t, cancel: cancel, ended: make(chan error, 1)}
	go func() {
		r.ended <- p.Run(ctx, self, func(s discovery.Sighting) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got = append(r.got, s)
		})
	}()
	synctest.Wait()
	return r
}

func (r *run) stop() {
	r.t.Helper()
	r.cancel()
	if err := <-r.ended; err != nil {
		r.t.Errorf("Run: %v", err)
	}
}

// want fails the test unless these are all that was reported since the last time.
func (r *run) want(what string, want ...discovery.Sighting) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.got, want) {
		r.t.Errorf("%s: reported %+v, want %+v", what, r.got, want)
	}
	r.got = nil
}

func TestSightingsBeforeRunAreReportedWhenItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := manual.New()
		p.Found(alice, home)
		p.Found(bob, home)
		p.Found(alice, away)
		p.Found(bob, away)
		p.Lost(bob, home)
		p.Lost(bob, home)
		p.Lost(alice, netip.AddrPort{}) // was never found
		p.Found(alice, home)            // said again: now the latest
		r := start(t, p)
		r.want("begin", found(alice, away), found(bob, away), found(alice, home))
		r.stop()
	})
}

func TestSightingsDuringRunAreReportedAtOnceInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := manual.New()
		r := start(t, p)
		r.want("begin")
		p.Found(alice, home)
		r.want("found", found(alice, home))
		p.Found(alice, home)
		r.want("found again", found(alice, home))
		p.Found(bob, away)
		p.Lost(alice, home)
		r.want("found and lost", found(bob, away), lost(alice, home))
		p.Lost(alice, away)
		r.want("lost, never found", lost(alice, away))
		r.stop()
	})
}

func TestSightingsAfterRunAreReportedByTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := manual.New()
		p.Found(alice, home)
		p.Found(bob, home)
		first := start(t, p)
		first.want("begin", found(alice, home), found(bob, home))
		first.stop()
		p.Lost(alice, home)
		p.Found(bob, away)
		first.want("after it has ended")
		second := start(t, p)
		second.want("begin of the second", found(bob, home), found(bob, away))
		p.Lost(bob, home)
		second.want("lost", lost(bob, home))
		first.want("long after it has ended")
		second.stop()
	})
}

func TestUpdatedReplacesAnAddressAndTheNewOneComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		withdrawn := func(addr netip.AddrPort) discovery.Sighting {
			return discovery.Sighting{Key: alice, Addr: addr, Gone: discovery.Withdrawn}
		}
		p := manual.New()
		p.Found(alice, home)
		p.Updated(alice, home, away)
		r := start(t, p)
		r.want("begin", found(alice, away))
		p.Updated(alice, away, home)
		r.want("updated", found(alice, home), withdrawn(away))
		p.Updated(alice, home, home)
		r.want("updated to the same", found(alice, home))
		p.Updated(alice, away, home)
		r.want("updated from where it was not", found(alice, home), withdrawn(away))
		r.stop()
		r = start(t, p)
		r.want("begin of the second", found(alice, home))
		r.stop()
	})
}

func TestStaticAddressesAreReportedByEachRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := manual.New(manual.At(alice, home), manual.At(bob, away))
		for range 2 {
			r := start(t, p)
			r.want("begin", found(alice, home), found(bob, away))
			r.stop()
		}
	})
}

func TestSightReportsWhatItIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := discovery.Sighting{Key: alice, Addr: home, Interface: "eth0", TTL: time.Second}
		long := discovery.Sighting{Key: bob, Addr: home, Interface: "eth1"}
		gone := discovery.Sighting{Key: bob, Addr: home, Gone: discovery.Expired}
		p := manual.New(manual.At(alice, home), short, long)
		r := start(t, p)
		r.want("begin", short, long)
		p.Sight(short)
		r.want("with a TTL", short)
		r.stop()
		r = start(t, p)
		r.want("begin of the second: what has a TTL was reported once", long)
		p.Sight(gone)
		r.want("gone", gone)
		r.stop()
		r = start(t, p)
		r.want("begin of the third")
		r.stop()
	})
}

func TestOneProviderServesOneNodeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := manual.New()
		r := start(t, p)
		if err := p.Run(t.Context(), self, func(discovery.Sighting) {}); !errors.Is(err, manual.ErrInUse) {
			t.Errorf("a second Run: %v, want ErrInUse", err)
		}
		p.Found(alice, home)
		r.want("although there was a second Run", found(alice, home))
		r.stop()
	})
}

func TestProviderIsSafeForConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := manual.New()
		var join sync.WaitGroup
		for i := range byte(8) {
			join.Go(func() {
				key := identity.PublicKey{31: i}
				for range 100 {
					p.Found(key, home)
					p.Found(key, away)
					p.Lost(key, home)
				}
			})
		}
		for range 10 {
			start(t, p).stop()
		}
		join.Wait()
		r := start(t, p)
		r.mu.Lock()
		if n := len(r.got); n != 8 {
			t.Errorf("%d are found in the end, want 8", n)
		}
		r.mu.Unlock()
		r.stop()
	})
}

func TestName(t *testing.T) {
	if got := manual.New().Name(); got != "manual" {
		t.Errorf("Name() = %q", got)
	}
}
