package peernet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A sleepingClock is the clock of a machine that has slept: what it shows is ahead of what its timers have counted.
type sleepingClock struct{ slept atomic.Int64 }

func (c *sleepingClock) Now() time.Time { return time.Now().Add(time.Duration(c.slept.Load())) }

func (c *sleepingClock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(d, f).Stop
}

func TestACodeIsDeadAfterItsTimeThoughTheMachineHasSlept(t *testing.T) {
	for name, step := range map[string]func(j guestJoiner) []byte{
		"before the share":        func(j guestJoiner) []byte { return j.Share() },
		"before the confirmation": guestJoiner.confirmation,
	} {
		t.Run(name, func(t *testing.T) {
			clock := new(sleepingClock)
			offerer, joiner := runningNode(t, Config{Clock: clock}), runningNode(t, Config{})
			o, err := offerer.OfferPairing(t.Context(), Introduction{})
			if err != nil {
				t.Fatal(err)
			}
			j := newGuestJoiner(t, joiner, offerer, o.Code())
			message := step(j)
			clock.slept.Store(int64(offerLife))
			if _, err := j.call(message); !errors.Is(err, ErrCodeOver) {
				t.Errorf("the joiner is told %v", err)
			}
			if _, err := o.Wait(t.Context()); !errors.Is(err, ErrCodeOver) {
				t.Errorf("the offerer is told %v", err)
			}
			wantNobody(t, offerer)
		})
	}
}

func TestAKeyThatIsBlockedMeanwhileDoesNotPair(t *testing.T) {
	offerer, joiner := runningNode(t, Config{}), runningNode(t, Config{})
	o, err := offerer.OfferPairing(t.Context(), Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	j := newGuestJoiner(t, joiner, offerer, o.Code())
	c := j.confirmation()
	if err := offerer.Block(joiner.self, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := j.call(c); err == nil {
		t.Error("a blocked key has paired")
	}
	wantNobody(t, offerer)
	if o.offer.IsOver() {
		t.Error("a blocked key has ended the offer")
	}
}

func TestAJoinerDoesNotPairWithAKeyThatItBlocks(t *testing.T) {
	offerer, joiner := runningNode(t, Config{}), runningNode(t, Config{})
	o, err := offerer.OfferPairing(t.Context(), Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	if err := joiner.Block(offerer.self, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := joiner.JoinPairing(t.Context(), o.Code(), Introduction{Addr: offerer.Addrs()[0].String()}); !errors.Is(err, ErrBlocked) {
		t.Errorf("the joiner is told %v", err)
	}
	if n, _ := o.Attempts(); n != 0 {
		t.Errorf("%d attempts", n)
	}
}

// A quietProvider finds nobody.
type quietProvider struct{}

func (quietProvider) Name() string { return "quiet" }

func (quietProvider) Run(ctx context.Context, _ discovery.Self, _ func(discovery.Sighting)) error {
	<-ctx.Done()
	return nil
}

// forwardTo returns an address where connections are passed on to another one.
func forwardTo(t *testing.T, to string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			go func() { _, _ = io.Copy(in, out); in.Close() }()
			go func() { _, _ = io.Copy(out, in); out.Close() }()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func TestAWrongCodeIsToldThoughTheOffererIsHeardAtTwoAddresses(t *testing.T) {
	joiner, offerer := runningNode(t, Config{Discovery: []discovery.Provider{quietProvider{}}}), runningNode(t, Config{})
	at := offerer.Addrs()[0]
	o, err := offerer.OfferPairing(t.Context(), Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []netip.AddrPort{at, forwardTo(t, at.String())} {
		joiner.pairings.offers.Hear(time.Now(), discovery.Offer{Number: o.Code().Number(), Key: offerer.self, Addr: addr}, time.Minute)
	}
	if _, err := joiner.JoinPairing(t.Context(), withOtherWords(o.Code()), Introduction{}); !errors.Is(err, ErrWrongCode) {
		t.Errorf("the joiner is told %v", err)
	}
}

func TestAWrongCodeIsToldBeforeAllElse(t *testing.T) {
	if got := worseOf(ErrWrongCode, ErrCodeOver); got != ErrWrongCode {
		t.Error(got)
	}
	if got := worseOf(ErrCodeOver, ErrWrongCode); got != ErrWrongCode {
		t.Error(got)
	}
	if got := worseOf(ErrCodeOver, ErrUnreachable); got != ErrCodeOver {
		t.Error(got)
	}
	if got := worseOf(nil, ErrUnreachable); got != ErrUnreachable {
		t.Error(got)
	}
}

func TestALabelIsCheckedAsItWillBeWritten(t *testing.T) {
	n := runningNode(t, Config{})
	carol := runningNode(t, Config{})
	for _, err := range []error{n.Pair(carol.self, "Carol"), carol.Pair(n.self, ""), n.Connect(t.Context(), carol.self, carol.Addrs()[0].String())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.OfferPairing(t.Context(), Introduction{Label: " Carol"}); !errors.Is(err, trust.ErrLabelTaken) {
		t.Errorf("a label that is taken, with a space: %v", err)
	}
}

func TestAnOfferPrintsNoWords(t *testing.T) {
	n := runningNode(t, Config{})
	o, err := n.OfferPairing(t.Context(), Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, o); got != o.Code().String() {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	if got := o.LogValue().String(); got != o.Code().String() {
		t.Errorf("a log has %s", got)
	}
}
