package discovery

import (
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func offerOf(number uint16, key int, port uint16) Offer {
	return Offer{Number: number, Key: identity.PublicKey{0: byte(key), 1: byte(key >> 8), 9: 1}, Addr: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port)}
}

func wantOffers(t *testing.T, o *Offers, now time.Time, number uint16, want ...Offer) {
	t.Helper()
	got, _ := o.Find(now, number)
	if len(got) != len(want) {
		t.Fatalf("found %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("found %v, want %v", got, want)
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestOffersHoldForTheirTimeAndTheLatestIsFirst(t *testing.T) {
	o, now := NewOffers(), time.Now()
	_, news := o.Find(now, 42)
	o.Hear(now, offerOf(42, 1, 7100), 5*time.Second)
	if !isClosed(news) {
		t.Error("nobody is told of a new offer")
	}
	wantOffers(t, o, now, 43)
	o.Hear(now.Add(time.Second), offerOf(42, 2, 7100), 5*time.Second)
	o.Hear(now.Add(time.Second), offerOf(43, 1, 7100), 5*time.Second)
	wantOffers(t, o, now.Add(2*time.Second), 42, offerOf(42, 2, 7100), offerOf(42, 1, 7100))
	_, news = o.Find(now, 42)
	o.Hear(now.Add(2*time.Second), offerOf(42, 1, 7100), 5*time.Second)
	if isClosed(news) {
		t.Error("an offer that was known is told as new")
	}
	wantOffers(t, o, now.Add(6*time.Second), 42, offerOf(42, 1, 7100))
	wantOffers(t, o, now.Add(7*time.Second), 42)
	if o.count != 1 || len(o.heard) != 1 {
		t.Errorf("%d offers are left in %v", o.count, o.heard)
	}
}

func TestForgedOffersAreBounded(t *testing.T) {
	o, now := NewOffers(), time.Now()
	for i := range 3 * maxOffersNumber {
		o.Hear(now, offerOf(42, i, 7100), time.Hour)
	}
	if list, _ := o.Find(now, 42); len(list) != maxOffersNumber || list[0] != offerOf(42, 3*maxOffersNumber-1, 7100) {
		t.Errorf("%d offers with one number, first %v", len(list), list[0])
	}
	for number := uint16(100); number < 900; number++ {
		for i := range 9 {
			o.Hear(now, offerOf(number, i, 7100), time.Hour)
			if o.count > maxOffers {
				t.Fatalf("%d offers", o.count)
			}
		}
	}
	total := 0
	for _, list := range o.heard {
		total += len(list)
	}
	if total != o.count || total > maxOffers {
		t.Errorf("%d offers, counted as %d", total, o.count)
	}
}

func TestOneHostDisplacesNoOther(t *testing.T) {
	o, now := NewOffers(), time.Now()
	other := Offer{Number: 42, Key: identity.PublicKey{0: 1, 9: 2}, Addr: netip.MustParseAddrPort("10.0.0.2:7100")}
	o.Hear(now, other, time.Hour)
	for i := range 3 * maxOffersNumber {
		o.Hear(now, offerOf(42, i, 7100), time.Hour)
	}
	list, _ := o.Find(now, 42)
	if len(list) != maxOffersNumber || list[maxOffersNumber-1] != other {
		t.Errorf("%d offers, the last %v", len(list), list[len(list)-1])
	}
}

func TestOwnOfferAndAskWakeTheProviders(t *testing.T) {
	o := NewOffers()
	for _, f := range []func(){func() { o.SetOwn(42) }, o.Ask, func() { o.SetOwn(0) }} {
		changed := o.Changed()
		if isClosed(changed) {
			t.Error("nothing has changed")
		}
		f()
		if !isClosed(changed) {
			t.Error("the providers sleep on")
		}
	}
	var none *Offers
	none.Hear(time.Now(), Offer{}, time.Second)
	if none.Own() != 0 || none.Changed() != nil {
		t.Error("no board offers something")
	}
}

func TestOfferNumbers(t *testing.T) {
	for number, want := range map[uint16]bool{0: false, 9: false, 10: true, 999: true, 1000: false} {
		if IsOfferNumber(number) != want {
			t.Errorf("%d: %v", number, !want)
		}
	}
}
