package mdns

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

func TestOfferAttributes(t *testing.T) {
	if got := attributes(self, 42); len(got) != 3 || got[2] != "offer=42" {
		t.Errorf("%q", got)
	}
	for value, want := range map[string]uint16{
		"offer=42": 42, "OFFER=999": 999, "offer=10": 10, "offer=9": 0, "offer=1000": 0, "offer=042": 0, "offer=": 0, "offer": 0, "offer=+42": 0,
		"offer=4 2": 0, "offer=99999999999999999999": 0, "other=42": 0,
	} {
		if got := offerIn(append(attributes(self, 0), value)); got != want {
			t.Errorf("%s: %d, want %d", value, got, want)
		}
	}
	if got := offerIn([]string{"offer=42", "offer=43"}); got != 42 {
		t.Errorf("of two attributes %d counts", got)
	}
}

func TestARunAnnouncesAnOfferAtOnceAndAsks(t *testing.T) {
	var board *discovery.Offers
	bubble(t, func(t *testing.T, g *rig) {
		g.until(10 * time.Second)
		g.did("open 1 on eth0+eth1 0s", "ask 1 0s", "ask 1 1s", "ask 1 3s")
		g.set(func() { g.said = nil })
		board.SetOwn(42)
		g.until(10*time.Second + 130*time.Millisecond)
		g.did("ask 1 10s")
		wantTextOnBoth(g)
		records := recordsOn(eth0, self, everywhere, board.Own())
		if txt := records[3].rr.(*dns.TXT).Txt; offerIn(txt) != 42 {
			t.Errorf("%q", txt)
		}
		g.until(20 * time.Second)
		g.set(func() { g.said = nil })
		board.SetOwn(0)
		g.until(20*time.Second + 130*time.Millisecond)
		wantTextOnBoth(g)
	}, func(who *discovery.Self, _ *rig) { board = discovery.NewOffers(); who.Offers = board })
}

// wantTextOnBoth checks that TXT records were said on each interface since the log was emptied, and nothing else was.
func wantTextOnBoth(g *rig) {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.said) != 2 || !strings.Contains(g.said[0], " TXT") || !strings.Contains(g.said[1], " TXT") || g.said[0] == g.said[1] {
		g.t.Errorf("said %q", g.said)
	}
}

func TestARunNotesTheOffersThatItHears(t *testing.T) {
	var board *discovery.Offers
	bubble(t, func(t *testing.T, g *rig) {
		g.until(time.Second)
		f := factOf(1, "10.77.0.1")
		f.txt = attributes(key(1), 42)
		g.hears(eth0, f.answer())
		synctest.Wait()
		list, _ := board.Find(time.Now(), 42)
		if len(list) != 1 || list[0].Key != key(1) || list[0].Addr.String() != "10.77.0.1:7101" || list[0].Interface != "eth0" {
			t.Errorf("%v", list)
		}
		time.Sleep(offerTTL)
		if list, _ := board.Find(time.Now(), 42); len(list) != 0 {
			t.Errorf("%v, after its time", list)
		}
	}, func(who *discovery.Self, _ *rig) { board = discovery.NewOffers(); who.Offers = board })
}
