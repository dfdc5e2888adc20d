package trust

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// labels returns the labels of the set's peers, in order.
func labels(s *Set) []string {
	var all []string
	for _, peer := range s.List() {
		all = append(all, peer.Label)
	}
	return all
}

func TestSetInMemory(t *testing.T) {
	s := NewSet()
	a, b := testKey(1), testKey(2)
	if s.Contains(a) || len(s.List()) != 0 {
		t.Error("a new set is not empty")
	}
	checkIs(t, "Add", s.Add(Peer{Key: b, Label: "  Bob "}), nil)
	checkIs(t, "Add", s.Add(Peer{Key: a, Label: "Ada", Options: []Option{{"x", "y"}}}), nil)
	if !s.Contains(a) || !s.Contains(b) || s.Contains(testKey(3)) || s.Contains(identity.PublicKey{}) {
		t.Error("Contains is wrong")
	}
	if got := labels(s); !slices.Equal(got, []string{"Bob", "Ada"}) {
		t.Errorf("List: %q", got)
	}
	checkIs(t, "Add", s.Add(Peer{Key: b, Label: "Bob's laptop"}), nil)
	if peer, found := s.Get(b); !found || peer.Label != "Bob's laptop" || s.Label(b) != peer.Label {
		t.Errorf("Get: %+v, %t", peer, found)
	}
	if peer, found := s.Get(testKey(3)); found || !peer.equal(Peer{}) || s.Label(testKey(3)) != "" {
		t.Errorf("Get of an untrusted key: %+v, %t", peer, found)
	}
	if found, err := s.Remove(b); !found || err != nil {
		t.Errorf("Remove: %t, %v", found, err)
	}
	if s.Contains(b) || !s.Contains(a) {
		t.Error("Contains is wrong after Remove")
	}
	if found, err := s.Remove(b); found || err != nil {
		t.Errorf("Remove of an untrusted key: %t, %v", found, err)
	}
	checkIs(t, "Reload", s.Reload(), nil)
	if problems := s.Problems(); len(problems) != 0 {
		t.Errorf("problems: %v", problems)
	}
}

func TestOurOwnKeyIsRefused(t *testing.T) {
	s := NewSet(WithSelf(testKey(1)))
	checkIs(t, "Add", s.Add(Peer{Key: testKey(1)}), ErrSelf)
	checkIs(t, "Add of another", s.Add(Peer{Key: testKey(2)}), nil)
	if s.Contains(testKey(1)) || !s.Contains(testKey(2)) {
		t.Error("Contains is wrong")
	}
}

func TestFind(t *testing.T) {
	s := NewSet()
	peer := Peer{Key: mustKey(t, ada), Label: "Ada", Options: []Option{{"x", "y"}}}
	checkIs(t, "Add", s.Add(peer), nil)
	checkIs(t, "Add", s.Add(Peer{Key: testKey(2)}), nil)
	for _, text := range []string{"Ada", ada, strings.ToUpper(ada), fmt.Sprintf("%x", peer.Key[:])} {
		if got, err := s.Find(text); err != nil || !got.equal(peer) {
			t.Errorf("Find(%q) = %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]error{
		"":                          ErrNotFound, // though a peer has no label
		"ada":                       ErrNotFound,
		"Ada ":                      ErrNotFound,
		bob:                         ErrNotFound,
		ada[:len(ada)-1] + "5":      identity.ErrKeyChecksum,
		ada[:len(ada)-1]:            identity.ErrKeyLength,
		strings.Repeat("0", 2*32):   identity.ErrKeyLowOrder,
		"pnet1" + ada[5:62] + "b":   identity.ErrKeyText,
		strings.Repeat("long", 100): ErrNotFound,
	} {
		got, err := s.Find(text)
		checkIs(t, "Find("+text+")", err, want)
		if !got.equal(Peer{}) {
			t.Errorf("a peer beside the error: %+v", got)
		}
	}
}

func TestASetReturnsCopies(t *testing.T) {
	s := NewSet()
	options := []Option{{"x", "y"}}
	checkIs(t, "Add", s.Add(Peer{Key: testKey(1), Label: "Ada", Options: options}), nil)
	options[0].Value = "changed"
	peer, _ := s.Get(testKey(1))
	peer.Options[0].Value = "changed"
	s.List()[0].Options[0].Value = "changed"
	peer, err := s.Find("Ada")
	checkIs(t, "Find", err, nil)
	peer.Options[0].Value = "changed"
	if peer, _ := s.Get(testKey(1)); peer.Options[0].Value != "y" {
		t.Errorf("an option changed to %q from outside", peer.Options[0].Value)
	}
}

func TestASetIsSafeForConcurrentUse(t *testing.T) {
	s := NewSet()
	var group sync.WaitGroup
	const workers, rounds = 4, 50
	for worker := range workers {
		group.Go(func() {
			for round := range rounds {
				key := testKey(worker*rounds + round)
				if err := s.Add(Peer{Key: key, Label: fmt.Sprintf("%d-%d", worker, round)}); err != nil {
					t.Error(err)
				}
				if !s.Contains(key) {
					t.Error("not there after Add")
				}
				s.List()
				s.Problems()
				if _, err := s.Find("0-0"); err != nil && !errors.Is(err, ErrNotFound) {
					t.Error(err)
				}
				if found, err := s.Remove(key); round%2 == 0 && (!found || err != nil) {
					t.Errorf("Remove: %t, %v", found, err)
				}
			}
		})
	}
	group.Wait()
	if peers := s.List(); len(peers) != 0 {
		t.Errorf("%d peers are left", len(peers))
	}
}

func TestContainsAllocatesNothing(t *testing.T) {
	s := NewSet()
	checkIs(t, "Add", s.Add(Peer{Key: testKey(1)}), nil)
	if n := testing.AllocsPerRun(100, func() { s.Contains(testKey(1)); s.Contains(testKey(2)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
