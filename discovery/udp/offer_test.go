package udp

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// An offerVector is one of testdata/vectors/announce_offer.json.
type offerVector struct {
	Name      string      `json:"name"`
	Packet    vectors.Hex `json:"packet"`
	Verdict   string      `json:"verdict"`
	Port      uint16      `json:"port"`
	PublicKey vectors.Hex `json:"public_key"`
	Number    uint16      `json:"number"`
}

func offerVectors(tb testing.TB) []offerVector {
	tb.Helper()
	var file struct {
		Vectors []offerVector `json:"vectors"`
	}
	vectors.Load(tb, "announce_offer.json", &file)
	if len(file.Vectors) == 0 {
		tb.Fatal("announce_offer.json holds no vectors")
	}
	return file.Vectors
}

func TestAnnouncesOfOffersAreThoseOfTheVectors(t *testing.T) {
	errs := map[string]error{"accept": nil, "ErrSize": ErrSize, "ErrMagic": ErrMagic, "ErrVersion": ErrVersion, "ErrPort": ErrPort,
		"ErrNumber": ErrNumber, "ErrKeyLowOrder": identity.ErrKeyLowOrder, "ErrKeyRange": identity.ErrKeyRange}
	for _, v := range offerVectors(t) {
		want, known := errs[v.Verdict]
		a, err := ParseOfferAnnounce(v.Packet)
		if !known || !errors.Is(err, want) {
			t.Errorf("%s: %v, want %s", v.Name, err, v.Verdict)
			continue
		}
		if err != nil {
			if a != (OfferAnnounce{}) {
				t.Errorf("%s: %v with an error", v.Name, a)
			}
			continue
		}
		if a.Port != v.Port || !bytes.Equal(a.Key[:], v.PublicKey) || a.Number != v.Number {
			t.Errorf("%s: parsed as %v", v.Name, a)
		}
		if got := a.Append([]byte{7}); !bytes.Equal(got[1:], v.Packet) {
			t.Errorf("%s: appended %x", v.Name, got[1:])
		}
	}
}

func TestEveryCutAnnounceOfAnOfferFails(t *testing.T) {
	whole := OfferAnnounce{Announce{7100, key(1)}, 42}.Append(nil)
	for n := range whole {
		if _, err := ParseOfferAnnounce(whole[:n]); !errors.Is(err, ErrSize) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func FuzzOfferAnnounce(f *testing.F) {
	for _, v := range offerVectors(f) {
		f.Add([]byte(v.Packet))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseOfferAnnounce(b)
		if err != nil {
			return
		}
		if got := a.Append(nil); !bytes.Equal(got, b) || a.Port == 0 || !discovery.IsOfferNumber(a.Number) {
			t.Errorf("%x is appended as %x", b, got)
		}
	})
}

// offers gives the node a board of offers, before start.
func (n *node) offers() *discovery.Offers {
	n.self.Offers = discovery.NewOffers()
	return n.self.Offers
}

// wantOffer waits until the board has an offer with number, and returns how long that took.
func (w *world) wantOffer(o *discovery.Offers, number uint16, within time.Duration) discovery.Offer {
	w.t.Helper()
	began := time.Now()
	timeout := time.After(within)
	for {
		list, news := o.Find(time.Now(), number)
		if len(list) > 0 {
			w.t.Logf("heard after %v", time.Since(began))
			return list[0]
		}
		select {
		case <-news:
		case <-timeout:
			w.t.Fatalf("no offer %d after %v", number, within)
		}
	}
}

func TestAnOfferIsAnnouncedAtOnceAndUntilItEnds(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.node(1, w.Host(addr("10.0.0.1"))), w.node(2, w.Host(addr("10.0.0.2")))
		own, heard := a.offers(), b.offers()
		a.start()
		b.start()
		pass(3 * time.Second)
		own.SetOwn(42)
		got := w.wantOffer(heard, 42, 50*ms)
		if want := (discovery.Offer{Number: 42, Key: a.key, Addr: got.Addr, Interface: "eth0"}); got != want || got.Addr.String() != "10.0.0.1:7001" {
			t.Errorf("heard %v", got)
		}
		pass(30 * time.Second)
		w.wantOffer(heard, 42, ms) // it is said again, so it holds
		own.SetOwn(0)
		pass(offerTTL)
		if list, _ := heard.Find(time.Now(), 42); len(list) > 0 {
			t.Errorf("%v after the end", list)
		}
		if list, _ := own.Find(time.Now(), 42); len(list) > 0 {
			t.Errorf("a node hears its own offer: %v", list)
		}
		// A node that starts while an offer is open hears it within a second.
		own.SetOwn(43)
		c := w.node(3, w.Host(addr("10.0.0.3")))
		late := c.offers()
		pass(1700 * ms)
		c.start()
		w.wantOffer(late, 43, offerEvery)
	})
}

func TestNodesThatAnnounceNothingAnnounceNoOffer(t *testing.T) {
	for name, change := range map[string]func(*discovery.Self){
		"listen only": func(s *discovery.Self) { s.ListenOnly = true },
		"no port":     func(s *discovery.Self) { s.Listens = nil },
		"private":     func(s *discovery.Self) { s.Private = nobody{} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				a, b := w.node(1, w.Host(addr("10.0.0.1"))), w.node(2, w.Host(addr("10.0.0.2")))
				own, heard := a.offers(), b.offers()
				change(&a.self)
				a.start()
				b.start()
				own.SetOwn(42)
				pass(10 * time.Second)
				if list, _ := heard.Find(time.Now(), 42); len(list) > 0 || a.provider.Stats().Sent > 0 {
					t.Errorf("heard %v, %d sent", list, a.provider.Stats().Sent)
				}
			})
		})
	}
}

// nobody is private mode without peers: nothing is sent, nothing recognised.
type nobody struct{}

func (nobody) Announce(uint16) ([][]byte, error) { return nil, nil }
func (nobody) Hear([]byte) (identity.PublicKey, uint16, error) {
	return identity.PublicKey{}, 0, errors.New("nobody")
}
func (nobody) Len() int { return 0 }

func TestForgedOffersAreBoundedAndStayOnTheLink(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		n := w.node(1, w.Host(addr("10.0.0.1")))
		heard := n.offers()
		n.start()
		pass(ms)
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		for i := range 3000 {
			e.says("10.0.0.1:4040", OfferAnnounce{Announce{7100, key(100 + i)}, uint16(10 + i%30)}.Append(nil))
			if i%50 == 0 {
				pass(ms)
			}
		}
		pass(ms)
		total := 0
		for number := range uint16(1000) {
			list, _ := heard.Find(time.Now(), number)
			total += len(list)
		}
		if total == 0 || total > 1024 {
			t.Errorf("%d offers are kept", total)
		}
		if len(n.sightings()) > 0 {
			t.Error("an offer is a sighting")
		}
	})
}
