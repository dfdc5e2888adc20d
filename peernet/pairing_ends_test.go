package peernet

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/pairing"
)

// isRemote reports whether err is what the other node has answered by code.
func isRemote(err error, code Code) bool {
	remote, ok := errors.AsType[*RemoteError](err)
	return ok && remote.Code == code
}

// A guestJoiner is a joiner whose steps a test takes one by one.
type guestJoiner struct {
	*pairing.Joiner
	t       *testing.T
	session *guestSession
}

func newGuestJoiner(t *testing.T, n, offerer *Node, code PairingCode) guestJoiner {
	t.Helper()
	s, err := n.dialGuest(t.Context(), offerer.Addrs()[0].String(), identity.PublicKey{})
	if err != nil {
		t.Fatal(err)
	}
	j, err := pairing.NewJoiner(code, pairing.Binding{Hash: s.hash(), Initiator: n.self, Responder: s.remote()}, "", n.config.Rand)
	if err != nil {
		t.Fatal(err)
	}
	return guestJoiner{j, t, s}
}

// confirmation sends the share, and returns what to confirm by.
func (j guestJoiner) confirmation() []byte {
	j.t.Helper()
	answer, err := j.call(j.Share())
	if err != nil {
		j.t.Fatal(err)
	}
	c, err := j.Confirm(answer)
	if err != nil {
		j.t.Fatal(err)
	}
	return c
}

func (j guestJoiner) call(message []byte) ([]byte, error) {
	return pairCall(j.t.Context(), j.session, message)
}

// withOtherWords returns a code with the number of code and other words.
func withOtherWords(code PairingCode) PairingCode {
	other, _ := ParsePairingCode(fmt.Sprintf("%d-otter-velvet", code.Number()))
	if other == code {
		other, _ = ParsePairingCode(fmt.Sprintf("%d-velvet-otter", code.Number()))
	}
	return other
}

// TestTheOfferTellsOfThePeerThatHasEndedIt has other things happen while the offerer writes down its trust.
func TestTheOfferTellsOfThePeerThatHasEndedIt(t *testing.T) {
	for name, meanwhile := range map[string]func(o *PairingOffer, other guestJoiner){
		"a share comes": func(o *PairingOffer, other guestJoiner) {
			if _, err := other.call(other.Share()); !errors.Is(err, ErrCodeOver) {
				other.t.Errorf("the share is answered by %v", err)
			}
		},
		"it is closed":   func(o *PairingOffer, _ guestJoiner) { o.Close() },
		"its time ends":  func(o *PairingOffer, _ guestJoiner) { o.end(ErrCodeOver) },
		"the node stops": func(o *PairingOffer, _ guestJoiner) { o.node.pairings.close() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			offerer, joiner, other := runningNode(t, Config{DataDir: dir}), runningNode(t, Config{}), runningNode(t, Config{})
			o, err := offerer.OfferPairing(t.Context(), Introduction{})
			if err != nil {
				t.Fatal(err)
			}
			j, k := newGuestJoiner(t, joiner, offerer, o.Code()), newGuestJoiner(t, other, offerer, withOtherWords(o.Code()))
			c := j.confirmation()
			lock := flock.New(filepath.Join(dir, "peers.lock"))
			if locked, err := lock.TryLock(); !locked {
				t.Fatal(err)
			}
			answered := make(chan error, 1)
			go func() {
				_, err := j.call(c)
				answered <- err
			}()
			for !o.offer.IsOver() {
				time.Sleep(time.Millisecond)
			}
			meanwhile(o, k)
			if err := lock.Unlock(); err != nil {
				t.Fatal(err)
			}
			if err := <-answered; err != nil {
				t.Errorf("the joiner is told %v", err)
			}
			if p, err := o.Wait(t.Context()); err != nil || p.Key != joiner.self {
				t.Errorf("the offerer is told of %v, %v", p, err)
			}
		})
	}
}

func TestAGuessIsToldHoweverManySharesComeWithIt(t *testing.T) {
	offerer, guesser := runningNode(t, Config{}), runningNode(t, Config{})
	for range 10 {
		o, err := offerer.OfferPairing(t.Context(), Introduction{})
		if err != nil {
			t.Fatal(err)
		}
		j, k := newGuestJoiner(t, guesser, offerer, withOtherWords(o.Code())), newGuestJoiner(t, guesser, offerer, o.Code())
		c := j.confirmation()
		done := make(chan struct{})
		go func() {
			_, _ = k.call(k.Share())
			close(done)
		}()
		if _, err := j.call(c); !errors.Is(err, ErrWrongCode) {
			t.Errorf("the guesser is told %v", err)
		}
		<-done
		if _, err := o.Wait(t.Context()); !errors.Is(err, ErrWrongCode) {
			t.Errorf("the offerer is told %v", err)
		}
		j.session.close()
		k.session.close()
	}
}

func TestBadSharesOfASessionAreOneAttempt(t *testing.T) {
	offerer, guest := runningNode(t, Config{}), runningNode(t, Config{})
	o, err := offerer.OfferPairing(t.Context(), Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	j := newGuestJoiner(t, guest, offerer, o.Code())
	bad := append([]byte{1}, make([]byte, 32)...)
	for range 20 {
		if _, err := j.call(bad); !isRemote(err, CodeBadArgs) {
			t.Errorf("%v", err)
		}
	}
	if n, _ := o.Attempts(); n != 1 || o.offer.Runs() != 1 {
		t.Errorf("%d attempts of %d runs", n, o.offer.Runs())
	}
}

func TestSharesOfOthersDoNotPushOutAJoiner(t *testing.T) {
	offerer, joiner, other := runningNode(t, Config{}), runningNode(t, Config{}), runningNode(t, Config{})
	o, err := offerer.OfferPairing(t.Context(), Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	j := newGuestJoiner(t, joiner, offerer, o.Code())
	c := j.confirmation()
	for range 20 {
		k := newGuestJoiner(t, other, offerer, withOtherWords(o.Code()))
		k.confirmation()
		k.session.close()
	}
	if _, err := j.call(c); err != nil {
		t.Errorf("the right code: %v", err)
	}
	if n, _ := o.Attempts(); n != 21 {
		t.Errorf("%d attempts", n)
	}
}
