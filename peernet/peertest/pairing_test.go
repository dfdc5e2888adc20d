package peertest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// pairings is how many seeds TestPairingsUnderFaults runs: 1,000 before a release.
var pairings = flag.Int("pairings", 24, "seeded runs of a pairing under faults")

// A fault is what happens to a pairing when that number of writes were made on its connection.
type fault struct {
	name  string
	apply func(p *pairing)
}

var faults = []fault{
	{"nothing", func(*pairing) {}},
	{"a cut, healed after 10 s", func(p *pairing) {
		p.net.Cut(p.offerer, p.joiner)
		go func() { time.Sleep(10 * time.Second); p.net.Heal() }()
	}},
	{"a cut, healed after 5 min", func(p *pairing) {
		p.net.Cut(p.offerer, p.joiner)
		go func() { time.Sleep(5 * time.Minute); p.net.Heal() }()
	}},
	{"a reset", func(p *pairing) { p.net.Reset(p.offerer, p.joiner) }},
	{"the offerer crashes", func(p *pairing) { p.crash(p.offerer, 20*time.Second) }},
	{"the joiner crashes", func(p *pairing) { p.crash(p.joiner, 20*time.Second) }},
	{"the offerer crashes for 12 min", func(p *pairing) { p.crash(p.offerer, 12*time.Minute) }},
	{"the joiner crashes for 12 min", func(p *pairing) { p.crash(p.joiner, 12*time.Minute) }},
}

// A pairing is one seeded run: an offerer, a joiner, and a fault at one write of theirs.
type pairing struct {
	t               *testing.T
	net             *peertest.Network
	offerer, joiner *peertest.Node
	writes          atomic.Int64 // of the joiner and the offerer
	at              int64        // the write before which the fault comes
	strike          chan struct{}
	once            sync.Once
	down            sync.WaitGroup
}

// A countingConn counts writes, and has the fault come at one of them.
type countingConn struct {
	net.Conn
	p *pairing
}

func (c countingConn) Write(b []byte) (int, error) {
	if c.p.writes.Add(1) == c.p.at {
		c.p.once.Do(func() { close(c.p.strike) })
		time.Sleep(time.Millisecond) // the fault comes before the write
	}
	return c.Conn.Write(b)
}

func (p *pairing) crash(n *peertest.Node, d time.Duration) {
	n.Crash()
	p.down.Go(func() {
		time.Sleep(d)
		n.Restart()
	})
}

func TestPairingsUnderFaults(t *testing.T) {
	for seed := range *pairings {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runPairing(t, uint64(seed)) })
		})
	}
	t.Logf("%d pairings under %d faults", *pairings, len(faults))
}

// runPairing pairs two nodes while a fault comes, and looks at what has become of it ten minutes after the last of it.
func runPairing(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 14))
	f := faults[seed%uint64(len(faults))]
	p := &pairing{t: t, at: 1 + random.Int64N(24), strike: make(chan struct{})}
	dir := t.TempDir()
	p.net = peertest.NewNetwork(t, peertest.Seed(seed+1), peertest.Patience(5*time.Minute))
	counted := func(c *peernet.Config) {
		c.Timing.Reload = time.Minute // the files are real
		c.DataDir = filepath.Join(dir, c.Name)
		dial := c.Network.Dial
		c.Network.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return countingConn{conn, p}, nil
		}
	}
	named := func(name string) peertest.NodeOption {
		return peertest.Configure(func(c *peernet.Config) { c.Name = name; counted(c) })
	}
	p.offerer, p.joiner = p.net.Node("offerer", named("offerer")), p.net.Node("joiner", named("joiner"))
	p.net.Meet(p.offerer, p.joiner)
	p.net.Delay(time.Duration(random.IntN(20)) * time.Millisecond)

	o, err := p.offerer.OfferPairing(t.Context(), peernet.Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	joined := make(chan error, 1)
	joiner, at := p.joiner.Node, p.offerer.Addr().String()
	go func() {
		_, err := joiner.JoinPairing(ctx, o.Code(), peernet.Introduction{Addr: at})
		joined <- err
	}()
	select {
	case <-p.strike:
		f.apply(p)
		err = <-joined
	case err = <-joined: // before that write
	}
	p.down.Wait()
	time.Sleep(25 * time.Minute)
	a, b := trusts(p.offerer, p.joiner), trusts(p.joiner, p.offerer)
	switch {
	case a != b:
		t.Errorf("%s at write %d: the offerer trusts: %v, the joiner trusts: %v (JoinPairing: %v)", f.name, p.at, a, b, err)
	case err == nil && !a:
		t.Errorf("%s at write %d: JoinPairing has succeeded, and nobody is trusted", f.name, p.at)
	case f.name == "nothing" && err != nil:
		t.Errorf("%v", err)
	case a && !p.isKept():
		t.Errorf("%s at write %d: 25 min later a peer is on trial", f.name, p.at)
	}
	if len(p.offerer.Trusted()) > 1 || len(p.joiner.Trusted()) > 1 {
		t.Error("somebody else is trusted")
	}
}

func trusts(a, b *peertest.Node) bool {
	_, trusted := a.Peer(b.PublicKey())
	return trusted
}

func (p *pairing) isKept() bool {
	for _, n := range []*peertest.Node{p.offerer, p.joiner} {
		for _, peer := range n.Trusted() {
			if _, onTrial := peer.Provisional(); onTrial {
				return false
			}
		}
	}
	return true
}

func TestOfTwoWhoJoinAtOnceOneIsPaired(t *testing.T) {
	for seed := range max(1, *pairings/8) {
		synctest.Test(t, func(t *testing.T) {
			net := peertest.NewNetwork(t, peertest.Seed(uint64(seed+1)))
			offerer, first, second := net.Node("offerer"), net.Node("first"), net.Node("second")
			o, err := offerer.OfferPairing(t.Context(), peernet.Introduction{})
			if err != nil {
				t.Fatal(err)
			}
			errs := make(chan error, 2)
			for _, n := range []*peertest.Node{first, second} {
				go func() {
					_, err := n.JoinPairing(t.Context(), o.Code(), peernet.Introduction{Addr: offerer.Addr().String()})
					errs <- err
				}()
			}
			won := 0
			for range 2 {
				if err := <-errs; err == nil {
					won++
				} else if !errors.Is(err, peernet.ErrCodeOver) {
					t.Errorf("the other one learns %v", err)
				}
			}
			if won != 1 || len(offerer.Trusted()) != 1 || trusts(first, offerer) == trusts(second, offerer) {
				t.Errorf("%d were paired, the offerer trusts %v", won, offerer.Trusted())
			}
		})
	}
}

// TestAGuesserHasOneGuess tries many wrong codes at one offer.
func TestAGuesserHasOneGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		offerer := net.Node("offerer")
		o, err := offerer.OfferPairing(t.Context(), peernet.Introduction{})
		if err != nil {
			t.Fatal(err)
		}
		wrong, over := 0, 0
		for i := range 20 {
			code, err := peernet.ParsePairingCode(fmt.Sprint(o.Code().Number(), "-", []string{"otter", "velvet"}[i%2], "-acorn"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = net.Node(fmt.Sprint("guesser", i)).JoinPairing(t.Context(), code, peernet.Introduction{Addr: offerer.Addr().String()})
			switch {
			case errors.Is(err, peernet.ErrWrongCode):
				wrong++
			case errors.Is(err, peernet.ErrCodeOver):
				over++
			default:
				t.Errorf("guess %d: %v", i, err)
			}
		}
		if _, err := o.Wait(t.Context()); !errors.Is(err, peernet.ErrWrongCode) || wrong != 1 || over != 19 || len(offerer.Trusted()) > 0 {
			t.Errorf("%d guesses were answered as wrong, %d as over; the offerer learns %v", wrong, over, err)
		}
	})
}

func TestAnOfferEndsAfterTwoMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		offerer, joiner := net.Node("offerer"), net.Node("joiner")
		o, err := offerer.OfferPairing(t.Context(), peernet.Introduction{})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := o.Wait(t.Context()); !errors.Is(err, peernet.ErrCodeOver) || time.Since(began) != 2*time.Minute || !o.Until().Equal(began.Add(2*time.Minute)) {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, err := joiner.JoinPairing(t.Context(), o.Code(), peernet.Introduction{Addr: offerer.Addr().String()}); !errors.Is(err, peernet.ErrCodeOver) {
			t.Errorf("%v", err)
		}
	})
}
