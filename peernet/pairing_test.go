package peernet_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// offerOn opens an offer that ends with the test.
func offerOn(t *testing.T, n *peernet.Node, i peernet.Introduction) *peernet.PairingOffer {
	t.Helper()
	o, err := n.OfferPairing(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestTwoNodesPairByACodeAndAreConnected(t *testing.T) {
	a, b := startNode(t, peernet.Config{Name: "Alice's laptop"}), startNode(t, peernet.Config{Name: "Bob's phone"})
	o := offerOn(t, a, peernet.Introduction{})
	at := a.Addrs()[0].String()
	began := time.Now()
	peer, err := b.JoinPairing(t.Context(), o.Code(), peernet.Introduction{Addr: at})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("connected after %v", time.Since(began))
	if peer.Key != a.PublicKey() || peer.Label != "Alice's laptop" {
		t.Errorf("paired with %+v", peer)
	}
	joined, err := o.Wait(t.Context())
	if err != nil || joined.Key != b.PublicKey() || joined.Label != "Bob's phone" {
		t.Errorf("joined by %+v, %v", joined, err)
	}
	if n, _ := o.Attempts(); n != 1 {
		t.Errorf("%d attempts", n)
	}
	if info, _ := b.Peer(a.PublicKey()); info.State != peernet.StateConnected {
		t.Errorf("the joiner's peer is %s", info.State)
	}
	if _, err := b.JoinPairing(t.Context(), o.Code(), peernet.Introduction{Addr: at}); !errors.Is(err, peernet.ErrCodeOver) {
		t.Errorf("the code works twice: %v", err)
	}
	keptForGood(t, a, b)
}

// keptForGood waits until each peer of the nodes is on trial no more.
func keptForGood(t *testing.T, nodes ...*peernet.Node) {
	t.Helper()
	ctx := patiently(t)
	for _, n := range nodes {
		for ctx.Err() == nil && isOnTrial(n) {
			time.Sleep(time.Millisecond)
		}
		if isOnTrial(n) {
			t.Errorf("%v has %+v", n.PublicKey(), n.Trusted())
		}
	}
}

func isOnTrial(n *peernet.Node) bool {
	for _, p := range n.Trusted() {
		if _, onTrial := p.Provisional(); onTrial {
			return true
		}
	}
	return false
}

func TestAJoinerFindsTheOfferOnTheNetwork(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	conn.Close()
	lan := func() []discovery.Provider {
		return []discovery.Provider{udp.New(udp.Options{Port: port, Broadcast: []netip.Addr{netip.MustParseAddr("127.255.255.255")}})}
	}
	a, b, other := startNode(t, peernet.Config{Discovery: lan()}), startNode(t, peernet.Config{Discovery: lan()}), startNode(t, peernet.Config{Discovery: lan()})
	o, wrong := offerOn(t, a, peernet.Introduction{}), offerOn(t, other, peernet.Introduction{})
	if o.Code().Number() == wrong.Code().Number() {
		t.Skip("both offers have one number")
	}
	began := time.Now()
	peer, err := b.JoinPairing(patiently(t), o.Code(), peernet.Introduction{Label: "Alice"})
	if err != nil || peer.Key != a.PublicKey() || peer.Label != "Alice" {
		t.Fatalf("%+v, %v", peer, err)
	}
	t.Logf("connected after %v", time.Since(began))
	if n, _ := wrong.Attempts(); n != 0 {
		t.Error("the joiner has bothered the other offerer")
	}
}

func TestAWrongCodeEndsTheOfferAndTrustsNobody(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	o := offerOn(t, a, peernet.Introduction{})
	at := a.Addrs()[0].String()
	if _, err := b.JoinPairing(t.Context(), otherWords(t, o.Code()), peernet.Introduction{Addr: at}); !errors.Is(err, peernet.ErrWrongCode) {
		t.Errorf("the joiner learns %v", err)
	}
	if _, err := o.Wait(t.Context()); !errors.Is(err, peernet.ErrWrongCode) {
		t.Errorf("the offerer learns %v", err)
	}
	if _, err := b.JoinPairing(t.Context(), o.Code(), peernet.Introduction{Addr: at}); !errors.Is(err, peernet.ErrCodeOver) {
		t.Errorf("the right code after a wrong one: %v", err)
	}
	if len(a.Trusted())+len(b.Trusted()) > 0 {
		t.Error("somebody is trusted")
	}
}

// otherWords returns a code with the same number and other words.
func otherWords(t *testing.T, code peernet.PairingCode) peernet.PairingCode {
	t.Helper()
	for _, words := range []string{"otter-velvet", "velvet-otter"} {
		other, err := peernet.ParsePairingCode(strconv.Itoa(int(code.Number())) + "-" + words)
		if err != nil {
			t.Fatal(err)
		}
		if other != code {
			return other
		}
	}
	panic("two codes are one")
}

func TestThereIsOneOfferAtATime(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	o := offerOn(t, a, peernet.Introduction{})
	at := a.Addrs()[0].String()
	if _, err := a.OfferPairing(t.Context(), peernet.Introduction{}); !errors.Is(err, peernet.ErrOffering) {
		t.Errorf("a second offer: %v", err)
	}
	if _, err := a.JoinPairing(t.Context(), o.Code(), peernet.Introduction{Addr: at}); !errors.Is(err, peernet.ErrOwnCode) {
		t.Errorf("its own code: %v", err)
	}
	both := offerOn(t, b, peernet.Introduction{})
	if _, err := b.JoinPairing(t.Context(), o.Code(), peernet.Introduction{Addr: at}); !errors.Is(err, peernet.ErrOffering) {
		t.Errorf("both offer: %v", err)
	}
	both.Close()
	if _, err := both.Wait(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("a closed offer: %v", err)
	}
	if _, err := b.JoinPairing(t.Context(), o.Code(), peernet.Introduction{Addr: at}); err != nil {
		t.Error(err)
	}
	offerOn(t, a, peernet.Introduction{}).Close()
	ctx, cancel := context.WithCancel(t.Context())
	last, err := a.OfferPairing(ctx, peernet.Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-last.Done()
	offerOn(t, a, peernet.Introduction{})
}

func TestThreeGuessesForANumberAtAJoiner(t *testing.T) {
	b := startNode(t, peernet.Config{})
	number := uint16(0)
	for n := 0; n < 4; n++ {
		a := startNode(t, peernet.Config{})
		var code peernet.PairingCode
		for code.IsZero() { // until another offer has the number of the first
			ctx, cancel := context.WithCancel(t.Context())
			o, err := a.OfferPairing(ctx, peernet.Introduction{})
			if err != nil {
				t.Fatal(err)
			}
			if number == 0 {
				number = o.Code().Number()
			}
			if o.Code().Number() == number {
				code = otherWords(t, o.Code())
				defer cancel()
				break
			}
			cancel()
			<-o.Done()
		}
		_, err := b.JoinPairing(t.Context(), code, peernet.Introduction{Addr: a.Addrs()[0].String()})
		if want := []error{peernet.ErrWrongCode, peernet.ErrWrongCode, peernet.ErrWrongCode, peernet.ErrGuesses}[n]; !errors.Is(err, want) {
			t.Errorf("impostor %d: %v, want %v", n+1, err, want)
		}
	}
}

func TestPrivateNodesPairByAddressAloneAndWhenTheyAreToldTo(t *testing.T) {
	a, b := startNode(t, peernet.Config{Private: true}), startNode(t, peernet.Config{Private: true})
	if _, err := a.OfferPairing(t.Context(), peernet.Introduction{}); !errors.Is(err, peernet.ErrReveals) {
		t.Errorf("%v", err)
	}
	o := offerOn(t, a, peernet.Introduction{Reveal: true})
	if _, err := b.JoinPairing(t.Context(), o.Code(), peernet.Introduction{Addr: a.Addrs()[0].String()}); !errors.Is(err, peernet.ErrReveals) {
		t.Errorf("%v", err)
	}
	if _, err := b.JoinPairing(t.Context(), o.Code(), peernet.Introduction{Reveal: true}); !errors.Is(err, peernet.ErrJoinAddr) {
		t.Errorf("%v", err)
	}
	if _, err := b.JoinPairing(t.Context(), o.Code(), peernet.Introduction{Reveal: true, Addr: a.Addrs()[0].String()}); err != nil {
		t.Fatal(err)
	}
	keptForGood(t, a, b)
}

func TestIntroductionsAreCheckedBeforeACodeIsUsed(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	if err := b.Pair(startNode(t, peernet.Config{}).PublicKey(), "Carol"); err != nil {
		t.Fatal(err)
	}
	o := offerOn(t, a, peernet.Introduction{})
	for _, i := range []peernet.Introduction{{Label: "Carol"}, {Label: "x\ny"}, {Name: strings.Repeat("x", 65)}, {Addr: "nowhere"}} {
		if i.Addr == "" {
			i.Addr = a.Addrs()[0].String()
		}
		if _, err := b.JoinPairing(t.Context(), o.Code(), i); err == nil {
			t.Errorf("%+v is good", i)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.JoinPairing(ctx, o.Code(), peernet.Introduction{}); !errors.Is(err, peernet.ErrNoOffer) {
		t.Errorf("nobody announces an offer: %v", err)
	}
	if _, err := b.JoinPairing(t.Context(), peernet.PairingCode{}, peernet.Introduction{}); !errors.Is(err, peernet.ErrCode) {
		t.Errorf("no code: %v", err)
	}
	select {
	case <-o.Done():
		t.Error("the offer has ended")
	default:
	}
	stopped, err := peernet.New(peernet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stopped.OfferPairing(t.Context(), peernet.Introduction{}); !errors.Is(err, peernet.ErrNotStarted) {
		t.Errorf("%v", err)
	}
}
