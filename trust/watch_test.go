package trust

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// record watches s and returns a function that gives what it saw since the last time, as "added Ada".
func record(t *testing.T, s *Set) (seen func() []string) {
	t.Helper()
	var all []string
	t.Cleanup(s.Watch(func(c Change) { all = append(all, c.Kind.String()+" "+c.Peer.Label) }))
	return func() []string {
		defer func() { all = nil }()
		return all
	}
}

func TestWatchersSeeEveryChange(t *testing.T) {
	s := NewSet()
	seen := record(t, s)
	for _, step := range []struct {
		do   func() error
		want []string
	}{
		{func() error { return s.Add(Peer{Key: testKey(1), Label: "Ada"}) }, []string{"added Ada"}},
		{func() error { return s.Add(Peer{Key: testKey(1), Label: "Ada"}) }, nil},
		{func() error { return s.Add(Peer{Key: testKey(1), Label: "Bob"}) }, []string{"updated Bob"}},
		{func() error { return s.Add(Peer{Key: testKey(1), Options: []Option{{"x", "y"}}}) }, []string{"updated Bob"}},
		{func() error { _, err := s.Remove(testKey(2)); return err }, nil},
		{func() error { _, err := s.Remove(testKey(1)); return err }, []string{"removed Bob"}},
	} {
		checkIs(t, "step", step.do(), nil)
		if got := seen(); !slices.Equal(got, step.want) {
			t.Errorf("seen %q, want %q", got, step.want)
		}
	}
	checkIs(t, "Add", s.Add(Peer{Key: testKey(1), Label: "pnet1"}), ErrLabelIsKey)
	if got := seen(); got != nil {
		t.Errorf("seen %q of what failed", got)
	}
}

func TestWatchersSeeTheNewState(t *testing.T) {
	s := NewSet()
	key := testKey(1)
	calls := 0
	defer s.Watch(func(c Change) {
		calls++
		_, found := s.Get(key)
		_, err := s.Find("Ada")
		want := c.Kind != Removed
		if s.Contains(key) != want || found != want || (err == nil) != want || (len(s.List()) == 1) != want {
			t.Errorf("%v: Contains %t, Get %t, Find %v, List %v", c.Kind, s.Contains(key), found, err, s.List())
		}
	})()
	checkIs(t, "Add", s.Add(Peer{Key: key, Label: "Ada"}), nil)
	_, err := s.Remove(key)
	checkIs(t, "Remove", err, nil)
	if calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
}

func TestAStoppedWatcherIsNotCalled(t *testing.T) {
	s := NewSet()
	var first, second int
	stopFirst := s.Watch(func(Change) { first++ })
	stopSecond := s.Watch(func(Change) { second++ })
	checkIs(t, "Add", s.Add(Peer{Key: testKey(1)}), nil)
	stopFirst()
	stopFirst()
	checkIs(t, "Add", s.Add(Peer{Key: testKey(2)}), nil)
	stopSecond()
	checkIs(t, "Add", s.Add(Peer{Key: testKey(3)}), nil)
	if first != 1 || second != 2 {
		t.Errorf("called %d and %d times, want 1 and 2", first, second)
	}
}

func TestWatchersSeeConcurrentChangesInOneOrder(t *testing.T) {
	s := NewSet()
	there := make(map[string]bool) // guarded by the order of the calls, which the race detector checks
	var log [2][]string
	for i := range log {
		defer s.Watch(func(c Change) {
			log[i] = append(log[i], fmt.Sprint(c.Kind, c.Peer.Label))
			if i == 0 {
				if (c.Kind == Added) == there[c.Peer.Label] {
					t.Errorf("%v %s, and it was there = %t", c.Kind, c.Peer.Label, there[c.Peer.Label])
				}
				there[c.Peer.Label] = c.Kind == Added
			}
		})()
	}
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for range 50 {
				if err := s.Add(Peer{Key: testKey(worker), Label: fmt.Sprint(worker)}); err != nil {
					t.Error(err)
				}
				if _, err := s.Remove(testKey(worker)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if len(log[0]) != 400 || !slices.Equal(log[0], log[1]) {
		t.Errorf("one watcher saw %d changes, the other %d, and they differ", len(log[0]), len(log[1]))
	}
}

func TestOneEditRemovesBeforeItAdds(t *testing.T) {
	old := parse(fmt.Sprintf("%s A\n%s B\n%s C\n", testKey(1), testKey(2), testKey(3)), testKey(0), empty)
	now := parse(fmt.Sprintf("%s D\n%s b\n%s A\n", testKey(4), testKey(2), testKey(1)), testKey(0), empty)
	var got []string
	for _, c := range changes(old, now) {
		got = append(got, c.Kind.String()+" "+c.Peer.Label)
	}
	if want := []string{"removed C", "added D", "updated b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestChangeKindsHaveNames(t *testing.T) {
	for kind, want := range map[ChangeKind]string{0: "unknown", Added: "added", Removed: "removed", Updated: "updated", 4: "unknown"} {
		if got := kind.String(); got != want {
			t.Errorf("%d is %q, want %q", kind, got, want)
		}
	}
}
