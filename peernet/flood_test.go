package peernet_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

const (
	// floodRate is how many junk connections a flood opens in a second. The race detector makes a handshake ten
	// times as dear, so under it half of them is flood enough.
	floodRate     = 1000
	floodRaceRate = floodRate / 2

	// visitRate is how many peers a second come and go meanwhile.
	visitRate = 2

	// floodGrowth is how much more memory may be held during a flood than before, in bytes.
	floodGrowth = 32 << 20

	// floodResidue is how much more may be reachable when it is over. What a node has learnt of strangers is not, but
	// the actor library's registry is 32,768 maps, each of which keeps the 290 bytes of its first use: it grows by 3 MiB
	// with the first 10,000 connections, and to 9 MiB at last.
	floodResidue = 6 << 20
)

// What may be there beside what was: parkedInPool are the goroutines that a node keeps for its next message, a bounded number,
// and more of them after a busy time than before. readsOn is the reader of a session that is up, which goes on in a fresh
// goroutine after a silence. No stranger has a session that is up.
var (
	parkedInPool = goleak.IgnoreTopFunction("github.com/seed-f6ddb928/peernet-go/internal/actorkit.(*Pool).run")
	readsOn      = goleak.IgnoreAnyFunction("github.com/seed-f6ddb928/peernet-go/internal/session.(*reader).run")
)

// TestAJunkFloodHarmsNoPeer floods a node with connections that never become sessions, while calls run on a live
// session and peers come and go. It takes fourteen seconds; four with -short or under the race detector.
func TestAJunkFloodHarmsNoPeer(t *testing.T) {
	for _, test := range []struct {
		name        string
		first       string // source
		sources     int
		full, short time.Duration
		atOnce      bool // every visitor gets in with its first dial, as others are crowds and it is not
	}{
		// More sources than the bound of all strangers has room for.
		{"from 16 addresses", "127.7.0.0", 16, 10 * time.Second, 2 * time.Second, true},
		// No source has more connections than a visitor.
		{"each from its own address", "127.8.0.0", 1 << 16, 2 * time.Second, time.Second, false},
		// The bound of one source counts alone, and visitors come from that source.
		{"from the visitors' address", "127.0.0.1", 1, 2 * time.Second, time.Second, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := floodOrder{First: netip.MustParseAddr(test.first), Sources: test.sources}
			l, err := net.Listen("tcp", netip.AddrPortFrom(o.source(o.Sources-1), 0).String())
			if err != nil {
				t.Skipf("this machine has no such loopback addresses: %v", err)
			}
			_ = l.Close()
			d, full := test.full, !testing.Short() && !raceEnabled
			if !full {
				d = test.short
			}
			if o.Rate = floodRate; raceEnabled {
				o.Rate = floodRaceRate
			}
			o.Total, o.Within = int(d/time.Second)*o.Rate, 2*d+patience
			r := floodFor(t, d, o, test.atOnce)
			// However long that took: a slow machine is flooded by fewer connections a second.
			if full && r.Connected < o.Total*99/100 {
				t.Errorf("%d of %d connections came about in %v: that is no flood", r.Connected, o.Total, r.Took)
			}
		})
	}
}

// floodFor has o carried out, which takes d or more, against a node of its own.
func floodFor(t *testing.T, d time.Duration, o floodOrder, atOnce bool) floodReport {
	start := takeStock()
	t.Cleanup(func() { start.check(t, "when the nodes are shut down") })
	limits := peernet.Limits{CallsPerPeer: loadRate * int(patience/time.Second)} // however slow the machine is
	a, b := pairOf(t, peernet.Config{Limits: limits}, peernet.Config{Limits: limits})
	handle(t, a, "echo", echo)
	handle(t, b, "echo", echo)
	system := visitorSystem(t)
	if _, _, err := visit(t, b, system); err != nil { // what is made at first use is there now
		t.Fatal(err)
	}
	before, liveBefore := takeStock(), live()
	heldBefore := held()

	o.Target, o.Key = b.Addrs()[0], b.PublicKey()
	l := &load{a: a, b: b}
	ctx, over := context.WithTimeout(t.Context(), o.Within+patience)
	defer over()
	begun := make(chan struct{})
	var heldMost int64
	var all sync.WaitGroup
	all.Go(func() { l.run(ctx) })
	all.Go(func() { heldMost = watchHeld(ctx) })
	all.Go(func() {
		select {
		case <-begun:
		case <-ctx.Done():
		}
		paced(ctx, visitRate, int(d/time.Second)*visitRate-1, func(i int) { // the next would come when it is over
			took, dials, err := visit(t, b, system)
			t.Logf("visitor %d: connected in %v, with %d dials", i, took, dials)
			if err != nil || atOnce && dials > 1 {
				t.Errorf("visitor %d: %v, after %d dials in %v", i, err, dials, took)
			}
		})
	})
	r, err := o.carryOut(ctx, begun)
	over()
	all.Wait()
	before.check(t, "when the flood is over", parkedInPool, readsOn)
	growth, residue := heldMost-heldBefore, live()-liveBefore

	t.Logf("flood: %v", r)
	t.Logf("meanwhile: %v", l)
	t.Logf("held for heap and stacks: %.1f MiB before, at most %.1f MiB during the flood: grown by %.1f MiB; reachable after it: grown by %.1f MiB",
		mib(heldBefore), mib(heldMost), mib(growth), mib(residue))
	if err != nil {
		t.Errorf("flood: %v", err)
	}
	for _, j := range junks {
		if said := r.Talked[j.name]; said > j.hears {
			t.Errorf("the node says %d bytes after %s, at most %d are right", said, j.name, j.hears)
		}
	}
	for _, err := range l.errs {
		t.Errorf("a call failed: %v", err)
	}
	if least := int(r.Took.Seconds() * loadRate * 0.9); len(l.times) < least {
		t.Errorf("%d calls in %v, want at least %d", len(l.times), r.Took, least)
	}
	if growth > floodGrowth {
		t.Errorf("the flood costs %.1f MiB, at most %.0f MiB are allowed", mib(growth), mib(floodGrowth))
	}
	if residue > floodResidue {
		t.Errorf("the flood leaves %.1f MiB behind, at most %.0f MiB are allowed", mib(residue), mib(floodResidue))
	}
	return r
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
