package peernet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// TestNoCodeIsSpentWherePeersCannotBeWritten has something in the way of a write: a code is neither made nor tried.
func TestNoCodeIsSpentWherePeersCannotBeWritten(t *testing.T) {
	for name, plant := range map[string]func(dir string) error{
		"a folder has its name":         func(dir string) error { return os.Mkdir(filepath.Join(dir, "peers"), 0o700) },
		"a folder is where its lock is": func(dir string) error { return os.Mkdir(filepath.Join(dir, "peers.lock"), 0o700) },
		"others may write it": func(dir string) error {
			path := filepath.Join(dir, "peers")
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666))
		},
		"it has no room for a line": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "peers"), []byte(strings.Repeat("#\n", (1<<20-4000)/2)), 0o600)
		},
		"the directory is read-only": func(dir string) error {
			if runtime.GOOS == "windows" || os.Getuid() == 0 {
				t.Log("root writes into it all the same")
				return os.RemoveAll(dir)
			}
			return os.Chmod(dir, 0o500)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			n, other := runningNode(t, Config{DataDir: dir}), runningNode(t, Config{})
			if err := plant(dir); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
			if _, err := os.Stat(dir); err != nil {
				t.Skip("root")
			}
			if _, err := n.OfferPairing(t.Context(), Introduction{}); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "peers")) {
				t.Errorf("an offer: %v", err)
			}
			o, err := other.OfferPairing(t.Context(), Introduction{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := n.JoinPairing(t.Context(), o.Code(), Introduction{Addr: other.Addrs()[0].String()}); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "peers")) {
				t.Errorf("a join: %v", err)
			}
			if attempts, _ := o.Attempts(); attempts != 0 || o.offer.IsOver() {
				t.Errorf("%d attempts", attempts)
			}
		})
	}
}

// TestALabelIsForThePeerThatHasIt: it may pair again, and nobody else under it.
func TestALabelIsForThePeerThatHasIt(t *testing.T) {
	a, bob, eve := runningNode(t, Config{Discovery: []discovery.Provider{quietProvider{}}}), runningNode(t, Config{}), runningNode(t, Config{})
	if err := a.Pair(bob.self, "bob"); err != nil {
		t.Fatal(err)
	}
	label := Introduction{Label: "bob"}
	offer := func(n *Node, i Introduction) *PairingOffer {
		t.Helper()
		o, err := n.OfferPairing(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}

	o := offer(eve, Introduction{})
	if _, err := a.JoinPairing(t.Context(), o.Code(), Introduction{Label: "bob", Addr: eve.Addrs()[0].String()}); !errors.Is(err, trust.ErrLabelTaken) {
		t.Errorf("the label with another's code: %v", err)
	}
	a.pairings.offers.Hear(a.config.Clock.Now(), discovery.Offer{Number: o.Code().Number(), Key: eve.self, Addr: eve.Addrs()[0]}, offerLife)
	if _, err := a.JoinPairing(t.Context(), o.Code(), label); !errors.Is(err, trust.ErrLabelTaken) {
		t.Errorf("the label with another's code, announced: %v", err)
	}
	if o.offer.IsOver() {
		t.Error("a code was spent on a label that is taken")
	}
	o.Close()

	o = offer(a, label)
	if _, err := eve.JoinPairing(t.Context(), o.Code(), Introduction{Addr: a.Addrs()[0].String()}); err == nil {
		t.Error("another has paired under the label")
	}
	if _, err := o.Wait(t.Context()); !errors.Is(err, trust.ErrLabelTaken) {
		t.Errorf("the offerer is told %v", err)
	}

	o = offer(bob, Introduction{})
	if p, err := a.JoinPairing(t.Context(), o.Code(), Introduction{Label: "bob", Addr: bob.Addrs()[0].String()}); err != nil || p.Key != bob.self || p.Label != "bob" {
		t.Errorf("bob pairs again: %v, %v", p, err)
	}
	if _, err := a.OfferPairing(context.Background(), label); !errors.Is(err, trust.ErrLabelTaken) {
		t.Errorf("the label of a peer that is connected: %v", err)
	}
}
